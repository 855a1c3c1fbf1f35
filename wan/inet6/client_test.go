package inet6

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"github.com/twinpath/twinpath/wan"
)

// running is a client at work in a synctest bubble.
type running struct {
	*Client
	t    *testing.T
	p    *provider
	mu   sync.Mutex
	news []wan.Update6
	last wan.Update6
	stop func()
}

func run(t *testing.T, p *provider, store Store) *running {
	r := &running{t: t, p: p}
	r.Client = &Client{
		Name: "fibre", Device: "wan0", Sockets: p, Store: store, Log: slog.New(slog.DiscardHandler),
		Report: func(u wan.Update6) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.news, r.last = append(r.news, u), u
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v", err)
		}
		if _, _, open := p.seen(); open != 0 {
			t.Errorf("%d sockets are left open", open)
		}
	})
	return r
}

// latest is the last update after that much time.
func (r *running) latest(after time.Duration) wan.Update6 {
	time.Sleep(after)
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.news) == 0 {
		r.t.Fatal("nothing was reported")
	}
	return r.news[len(r.news)-1]
}

// count is how many updates there were so far.
func (r *running) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.news)
}

func (r *running) delegated(after time.Duration, p netip.Prefix) *wan.Lease6 {
	r.t.Helper()
	u := r.latest(after)
	if u.WAN != "fibre" || u.Lease == nil || u.Lease.Device != "wan0" || len(u.Lease.Prefixes) == 0 || u.Lease.Prefixes[0].Prefix != p {
		r.t.Fatalf("reported %q %+v, want %v", u.Reason, u.Lease, p)
	}
	return u.Lease
}

func (r *running) nothing(after time.Duration, reason string) {
	r.t.Helper()
	if u := r.latest(after); u.Lease != nil || u.Reason != reason {
		r.t.Fatalf("reported %q %+v, want %q", u.Reason, u.Lease, reason)
	}
}

func TestClient(t *testing.T) {
	scenes := map[string]func(*testing.T){
		"an address of its own and a prefix within a second, renewed, quiet between": func(t *testing.T) {
			s := &shelf{}
			p := &provider{advert: saying(ordinary), serve: honest().serve}
			r := run(t, p, s)
			defer r.stop()
			l := r.delegated(time.Second, house1)
			if l.Gateway != router1 || len(l.Addresses) != 1 || !network1.Contains(l.Addresses[0].Prefix.Addr()) || l.Addresses[0].Prefix.Bits() != 64 {
				t.Errorf("lease %+v", l)
			}
			if u := r.latest(0); u.Reason != "the ISP delegates 2001:db8:1:100::/56" {
				t.Errorf("because %q", u.Reason)
			}
			sent, _, open := p.seen()
			if !slices.Equal(sent, []dhcpv6.MessageType{dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeRequest}) || open != 1 {
				t.Errorf("sent %v, %d sockets open", sent, open)
			}
			r.delegated(24*time.Hour, house1)
			sent, asked, _ := p.seen()
			if len(sent) != 2+24*4 || asked > 70 { // T1 is 15 min; routers are asked at three quarters of half an hour
				t.Errorf("sent %d messages and asked %d times in a day", len(sent), asked)
			}
			if s.saves > 2+24*4+3 {
				t.Errorf("saved %d times in a day", s.saves)
			}
			if n := r.count(); n > 24*8 {
				t.Errorf("reported %d times in a day", n)
			}
		},
		"no address of its own: the server is asked for one": func(t *testing.T) {
			r := run(t, &provider{advert: saying(said{lifetime: time.Hour, flags: 0x80}), serve: honest().serve}, &shelf{})
			defer r.stop()
			l := r.delegated(time.Second, house1)
			if len(l.Addresses) != 1 || l.Addresses[0].Prefix != netip.PrefixFrom(line1, 128) {
				t.Errorf("lease %+v", l)
			}
		},
		"a server that has no addresses says nothing to who asks for both": func(t *testing.T) {
			s := honest()
			strict := func(q *dhcpv6.Message) []*dhcpv6.Message {
				if len(q.Options.IANA()) > 0 {
					return nil
				}
				return s.serve(q)
			}
			r := run(t, &provider{advert: saying(said{lifetime: time.Hour}), serve: strict}, &shelf{})
			defer r.stop()
			if l := r.delegated(8*time.Second, house1); len(l.Addresses) != 0 {
				t.Errorf("lease %+v", l)
			}
		},
		"routers only": func(t *testing.T) {
			r := run(t, &provider{advert: saying(ordinary)}, &shelf{})
			defer r.stop()
			u := r.latest(time.Second)
			if u.Lease == nil || len(u.Lease.Prefixes) != 0 || u.Reason != "the ISP advertises 2001:db8:1::/64" {
				t.Errorf("reported %q %+v", u.Reason, u.Lease)
			}
			if u := r.latest(time.Minute); u.Reason != "the ISP delegates no prefix: no DHCPv6 server answers" {
				t.Errorf("because %q", u.Reason)
			}
			sent, _, _ := r.p.seen()
			r.latest(24 * time.Hour)
			later, _, _ := r.p.seen()
			if n := len(later) - len(sent); n > 40 {
				t.Errorf("asked %d times in a day", n)
			}
		},
		"a server without prefixes": func(t *testing.T) {
			s := honest()
			s.prefix = netip.Prefix{}
			r := run(t, &provider{advert: saying(said{lifetime: time.Hour, flags: 0x80}), serve: s.serve}, &shelf{})
			defer r.stop()
			u := r.latest(time.Second)
			if u.Lease == nil || len(u.Lease.Prefixes) != 0 || u.Reason != "the ISP delegates no prefix: no prefix is available" {
				t.Errorf("reported %q %+v", u.Reason, u.Lease)
			}
		},
		"a server that has nothing": func(t *testing.T) {
			s := honest()
			s.prefix, s.address = netip.Prefix{}, netip.Addr{}
			r := run(t, &provider{advert: saying(said{lifetime: time.Hour}), serve: s.serve}, &shelf{})
			defer r.stop()
			r.nothing(time.Minute, "the ISP gives no IPv6 address and no prefix: no prefix is available")
		},
		"nobody": func(t *testing.T) {
			r := run(t, &provider{}, &shelf{})
			defer r.stop()
			r.nothing(time.Second, "asking for IPv6")
			r.nothing(time.Minute, "no router advertises IPv6")
			sent, asked, _ := r.p.seen()
			r.latest(24 * time.Hour)
			later, after, _ := r.p.seen()
			if len(later)-len(sent) > 40 || after-asked > 40 {
				t.Errorf("%d messages and %d solicitations in a day", len(later)-len(sent), after-asked)
			}
		},
		"no way out": func(t *testing.T) {
			r := run(t, &provider{serve: honest().serve}, &shelf{})
			defer r.stop()
			r.delegated(3*time.Second, house1)
			if u := r.latest(time.Minute); u.Reason != "no router advertises a way out by IPv6" || u.Lease.Gateway.IsValid() {
				t.Errorf("reported %q %+v", u.Reason, u.Lease)
			}
		},
		"a PPP line whose other end does not advertise": func(t *testing.T) {
			r := run(t, &provider{noMAC: true, serve: honest().serve}, &shelf{})
			defer r.stop()
			if l := r.delegated(3*time.Second, house1); l.Gateway != router1 {
				t.Errorf("gateway %v", l.Gateway)
			}
		},
		"a restart keeps everything, though nobody answers": func(t *testing.T) {
			s := &shelf{}
			p := &provider{advert: saying(ordinary), serve: honest().serve}
			r := run(t, p, s)
			before := r.delegated(time.Second, house1)
			r.stop()
			sent, _, _ := p.seen()
			if sent[len(sent)-1] != dhcpv6.MessageTypeRequest {
				t.Errorf("sent %v when stopped", sent)
			}
			p.set(func() { p.serve, p.advert = nil, nil })
			r = run(t, p, s)
			defer r.stop()
			after := r.delegated(0, house1)
			if after.Gateway != before.Gateway || !slices.Equal(prefixes(after.Addresses), prefixes(before.Addresses)) {
				t.Errorf("had %+v, has %+v", before, after)
			}
			r.delegated(30*time.Minute, house1)
			if u := r.latest(time.Hour); u.Lease != nil && len(u.Lease.Prefixes) > 0 {
				t.Errorf("still uses %v after its end", u.Lease.Prefixes)
			}
		},
		"the server forgot us": func(t *testing.T) {
			shop := honest()
			p := &provider{advert: saying(ordinary), serve: shop.serve}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.delegated(time.Second, house1)
			p.set(func() { shop.forgets = true })
			r.delegated(16*time.Minute, house1)
			sent, _, _ := p.seen()
			if want := []dhcpv6.MessageType{dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRequest}; !slices.Equal(sent[2:], want) {
				t.Errorf("sent %v, want %v", sent[2:], want)
			}
		},
		"another prefix at the renewal": func(t *testing.T) {
			shop := honest()
			p := &provider{advert: saying(ordinary), serve: shop.serve}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.delegated(time.Second, house1)
			p.set(func() { shop.prefix = house2 })
			if l := r.delegated(16*time.Minute, house2); len(l.Prefixes) != 1 {
				t.Errorf("prefixes %v", l.Prefixes)
			}
		},
		"renumbered without a word: asked at once": func(t *testing.T) {
			shop := honest()
			p := &provider{advert: saying(ordinary), serve: shop.serve}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.delegated(time.Minute, house1)
			p.set(func() { shop.prefix = house2 })
			p.say(router1, said{lifetime: time.Hour, networks: []announced{own(network2, 86400, 14400)}})
			l := r.delegated(time.Second, house2)
			if !network2.Contains(l.Addresses[0].Prefix.Addr()) || len(l.Addresses) != 2 || !over(l.Addresses[1].Preferred, time.Now()) {
				t.Errorf("addresses %+v", l.Addresses)
			}
		},
		"the router says good-bye; another is there": func(t *testing.T) {
			p := &provider{advert: saying(ordinary), serve: honest().serve}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.delegated(time.Second, house1)
			p.say(router2, said{lifetime: time.Hour})
			if l := r.delegated(time.Second, house1); l.Gateway != router1 {
				t.Errorf("left the first router for %s", l.Gateway)
			}
			p.set(func() { p.advert = nil })
			p.say(router1, said{})
			if l := r.delegated(time.Second, house1); l.Gateway != router2 {
				t.Errorf("gateway %s", l.Gateway)
			}
		},
	}
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) { synctest.Test(t, scene) })
	}
}

func prefixes(l []wan.Lifetime) (all []netip.Prefix) {
	for _, one := range l {
		all = append(all, one.Prefix)
	}
	return all
}

// A server meets the same customer as long as the file lives.
func TestIdentityIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		var met [][]byte
		shop := honest()
		p := &provider{advert: saying(ordinary), noMAC: true}
		p.serve = func(q *dhcpv6.Message) []*dhcpv6.Message {
			met = append(met, q.Options.ClientID().ToBytes())
			return shop.serve(q)
		}
		var addresses []netip.Prefix
		for range 3 {
			r := run(t, p, s)
			addresses = append(addresses, r.delegated(5*time.Second, house1).Addresses[0].Prefix)
			if err := r.Release(); err != nil {
				t.Error(err)
			}
			r.stop()
		}
		if len(met) < 6 || !allEqual(met, slices.Equal) || !allEqual(addresses, func(a, b netip.Prefix) bool { return a == b }) {
			t.Errorf("known as %x, at %v", met, addresses)
		}
	})
}

func allEqual[T any](all []T, equal func(a, b T) bool) bool {
	return !slices.ContainsFunc(all, func(one T) bool { return !equal(one, all[0]) })
}
