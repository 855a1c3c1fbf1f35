package inet6

import (
	"net/netip"
	"testing"
	"time"
)

// world plays adverts to a discovery.
type world struct {
	*testing.T
	d   discovery
	now time.Time
}

func (w *world) says(from netip.Addr, s said) bool {
	w.Helper()
	a, err := readAdvert(s.bytes())
	if err != nil {
		w.Fatal(err)
	}
	changed := w.d.hear(w.now, from, a)
	w.d.lapse(w.now)
	return changed
}

func (w *world) after(d time.Duration) {
	w.now = w.now.Add(d)
	w.d.lapse(w.now)
}

func (w *world) uses(router netip.Addr) {
	w.Helper()
	var got netip.Addr
	if r := w.d.best(); r != nil {
		got = r.address
	}
	if got != router {
		w.Errorf("uses router %v, want %v", got, router)
	}
}

// lasts checks a network's lifetimes; zero is for ever.
func (w *world) lasts(p netip.Prefix, preferred, valid time.Duration) {
	w.Helper()
	for _, n := range w.d.networks {
		if n.prefix != p {
			continue
		}
		got := [2]time.Duration{}
		for i, t := range []time.Time{n.preferred, n.valid} {
			if !t.IsZero() {
				got[i] = t.Sub(w.now)
			}
		}
		if got != [2]time.Duration{preferred, valid} {
			w.Errorf("%s is preferred for %s and valid for %s, want %s and %s", p, got[0], got[1], preferred, valid)
		}
		return
	}
	if valid != -1 {
		w.Errorf("%s is not known", p)
	}
}

const unknown = -1 * time.Nanosecond

func TestDiscovery(t *testing.T) {
	const high, low = 0x08, 0x18 // RFC 4191 §2.2
	day := func(p netip.Prefix) announced { return own(p, 86400, 14400) }
	scenes := map[string]func(*world){
		"the first of two routers, until it ends": func(w *world) {
			w.says(router1, said{lifetime: 10 * time.Minute})
			w.says(router2, said{lifetime: time.Hour})
			w.uses(router1)
			w.after(10 * time.Minute)
			w.uses(router2)
			w.after(time.Hour)
			w.uses(netip.Addr{})
		},
		"the preferred of two routers": func(w *world) {
			w.says(router1, said{lifetime: time.Hour, flags: low})
			w.says(router2, said{lifetime: time.Hour})
			w.uses(router2)
			w.says(router1, said{lifetime: time.Hour, flags: high})
			w.uses(router1)
		},
		"a router that is none": func(w *world) {
			w.says(router1, said{networks: []announced{day(network1)}})
			w.uses(netip.Addr{})
			w.lasts(network1, 4*time.Hour, 24*time.Hour)
		},
		// RFC 4862 §5.5.3 e
		"a valid lifetime is never cut below two hours": func(w *world) {
			w.says(router1, said{networks: []announced{day(network1)}})
			w.says(router1, said{networks: []announced{own(network1, 60, 60)}})
			w.lasts(network1, time.Minute, 2*time.Hour)
			w.after(time.Hour)
			w.says(router1, said{networks: []announced{own(network1, 60, 60)}})
			w.lasts(network1, time.Minute, time.Hour)
			w.says(router1, said{networks: []announced{own(network1, 4000, 0)}})
			w.lasts(network1, 0*time.Second, 4000*time.Second)
		},
		"for ever": func(w *world) {
			w.says(router1, said{networks: []announced{own(network1, forever, forever)}})
			w.lasts(network1, 0, 0)
			w.says(router1, said{networks: []announced{own(network1, 7200, 60)}})
			w.lasts(network1, time.Minute, 2*time.Hour)
		},
		"networks that are not for addresses of ours": func(w *world) {
			w.says(router1, said{networks: []announced{
				{prefix: network1, onLink: true, valid: 100, preferred: 100},
				own(netip.MustParsePrefix("2001:db8:1::/56"), 100, 100),
				own(netip.MustParsePrefix("fe80::/64"), 100, 100),
				own(netip.MustParsePrefix("ff00::/64"), 100, 100),
				own(network2, 0, 0),
				own(netip.MustParsePrefix("2001:db8:3::/64"), 100, 101),
			}})
			if len(w.d.networks) != 0 {
				w.Errorf("takes %v", w.d.networks)
			}
		},
		"a network that is left out three times is over for new connections": func(w *world) {
			w.says(router1, said{networks: []announced{day(network1), day(network2)}})
			for range 2 {
				w.says(router1, said{networks: []announced{day(network1)}})
				w.says(router2, said{networks: []announced{day(network1)}}) // nobody asks another
				w.says(router1, said{lifetime: time.Hour})                  // it says nothing of networks
				w.now = w.now.Add(time.Second)
			}
			w.lasts(network2, 4*time.Hour-2*time.Second, 24*time.Hour-2*time.Second)
		},
		"a network that is left out for another is over at once": func(w *world) {
			if w.says(router1, said{networks: []announced{day(network1)}}) {
				w.Error("the first network is a change")
			}
			w.now = w.now.Add(time.Minute)
			if !w.says(router1, said{networks: []announced{day(network2)}}) {
				w.Error("another network is no change")
			}
			w.lasts(network1, 0, 2*time.Hour)
			w.lasts(network2, 4*time.Hour, 24*time.Hour)
			w.says(router1, said{networks: []announced{day(network1)}})
			w.lasts(network1, 4*time.Hour, 24*time.Hour)
		},
		"after the carrier came back, who is silent while others speak is gone": func(w *world) {
			w.says(router1, said{lifetime: time.Hour, networks: []announced{day(network1)}})
			w.after(time.Minute)
			w.d.confirm(w.now)
			w.after(time.Hour / 2)
			w.uses(router1) // nobody has spoken
			w.says(router2, said{lifetime: time.Hour, networks: []announced{day(network2)}})
			w.uses(router1)
			w.after(grace)
			w.uses(router2)
			w.lasts(network1, unknown, unknown)
			if len(w.d.networks) != 1 {
				w.Errorf("networks %v", w.d.networks)
			}
		},
		"no more of anything than a line has": func(w *world) {
			for i := range 100 {
				from := netip.AddrFrom16([16]byte{0xfe, 0x80, 15: byte(i)})
				p := netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7: byte(i)}), 64)
				dns := resolver{netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i)}), 100}
				w.says(from, said{lifetime: time.Hour, networks: []announced{day(p)}, dns: []resolver{dns}})
			}
			if len(w.d.routers) > most || len(w.d.networks) > most || len(w.d.resolvers) > most {
				w.Errorf("keeps %d routers, %d networks, %d resolvers", len(w.d.routers), len(w.d.networks), len(w.d.resolvers))
			}
		},
		"a resolver, and its end": func(w *world) {
			dns := netip.MustParseAddr("2001:db8:1::53")
			w.says(router1, said{dns: []resolver{{dns, 600}}})
			w.says(router1, said{dns: []resolver{{dns, 60}}})
			w.after(59 * time.Second)
			if len(w.d.resolvers) != 1 {
				w.Errorf("resolvers %v", w.d.resolvers)
			}
			w.after(time.Second)
			if len(w.d.resolvers) != 0 {
				w.Errorf("resolvers %v", w.d.resolvers)
			}
			w.says(router1, said{dns: []resolver{{dns, 600}}})
			w.says(router1, said{dns: []resolver{{dns, 0}}})
			if len(w.d.resolvers) != 0 {
				w.Errorf("resolvers %v", w.d.resolvers)
			}
		},
		"asked at three quarters of a router's life, so that a lost advert is not felt": func(w *world) {
			w.says(router1, said{lifetime: time.Hour})
			if got := w.d.next.Sub(w.now); got != 45*time.Minute {
				w.Errorf("asks after %s", got)
			}
			w.after(45 * time.Minute)
			w.d.solicited(w.now, func(d time.Duration) time.Duration { return d })
			if got := w.d.next.Sub(w.now); got != time.Second {
				w.Errorf("asks again after %s", got)
			}
		},
	}
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) { scene(&world{T: t, now: noon}) })
	}
}
