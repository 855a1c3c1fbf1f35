package inet6

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
)

// What servers, cables and disks do to a client that has what it wants.
func TestClientInTrouble(t *testing.T) {
	scenes := map[string]func(*testing.T){
		"another server takes over when ours is silent": func(t *testing.T) {
			one, two := honest(), honest()
			two.duid = server2
			p := &provider{advert: saying(ordinary), serve: one.serve}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.delegated(time.Second, house1)
			p.set(func() { p.serve = two.serve })
			r.delegated(59*time.Minute, house1)
			r.delegated(time.Hour, house1)
			sent, _, _ := p.seen()
			if !slices.Contains(sent, dhcpv6.MessageTypeRebind) {
				t.Errorf("sent %v", sent)
			}
		},
		"released": func(t *testing.T) {
			s := &shelf{}
			p := &provider{advert: saying(ordinary), serve: honest().serve}
			r := run(t, p, s)
			defer r.stop()
			r.delegated(time.Second, house1)
			if err := r.Release(); err != nil {
				t.Error(err)
			}
			r.nothing(time.Hour, "IPv6 has been given back")
			sent, _, _ := p.seen()
			if sent[len(sent)-1] != dhcpv6.MessageTypeRelease || s.saved.Binding != nil || !s.saved.Identity.sound() {
				t.Errorf("sent %v, saved %+v", sent, s.saved)
			}
			r.LinkUp()
			r.delegated(time.Second, house1)
		},
		"released when not running": func(t *testing.T) {
			c := &Client{Name: "fibre"}
			if err := c.Release(); err == nil || err.Error() != "release IPv6 of fibre: its client is not running" {
				t.Errorf("got %v", err)
			}
		},
		"the disk is full": func(t *testing.T) {
			r := run(t, &provider{advert: saying(ordinary), serve: honest().serve}, &shelf{full: true})
			defer r.stop()
			r.delegated(time.Second, house1)
		},
		"the link-local address comes later": func(t *testing.T) {
			p := &provider{advert: saying(ordinary), serve: honest().serve, broken: errors.New("no link-local address yet")}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.nothing(1700*time.Millisecond, "asking for IPv6")
			p.set(func() { p.broken = nil })
			r.delegated(2*time.Second, house1)
			p.cut(errors.New("no link-local address yet"))
			r.delegated(time.Minute, house1)
		},
		"a line that knows IPv4 alone": func(t *testing.T) {
			p := &provider{advert: saying(ordinary), serve: honest().serve, broken: errors.New("no link-local address yet")}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.nothing(time.Minute, "the line has no IPv6 address of its own: its other end may know IPv4 alone")
			p.set(func() { p.broken = nil })
			r.delegated(time.Minute, house1)
		},
		"the device goes and comes back": func(t *testing.T) {
			p := &provider{advert: saying(ordinary), serve: honest().serve}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.delegated(time.Second, house1)
			p.cut(errors.New("no such device"))
			r.delegated(10*time.Minute, house1)
			p.set(func() { p.broken = nil })
			r.LinkUp()
			r.delegated(time.Second, house1)
			sent, _, _ := p.seen()
			if last := sent[len(sent)-1]; last != dhcpv6.MessageTypeRebind {
				t.Errorf("asked by %s, want a rebind", last)
			}
		},
		"another network behind the same cable": func(t *testing.T) {
			shop := honest()
			p := &provider{advert: saying(ordinary), serve: shop.serve}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.delegated(time.Second, house1)
			two := honest()
			two.duid, two.prefix, two.forgets = server2, house2, true
			p.set(func() { p.serve = two.serve })
			p.set(func() { p.advert = nil })
			r.LinkUp()
			time.Sleep(10 * time.Millisecond)
			p.say(router2, said{lifetime: time.Hour, networks: []announced{own(network2, 86400, 14400)}})
			l := r.delegated(5*time.Second, house2)
			if l.Gateway != router2 || len(l.Addresses) != 1 || len(l.Prefixes) != 1 {
				t.Errorf("lease %+v", l)
			}
		},
		"dead behind a live cable": func(t *testing.T) {
			p := &provider{advert: saying(ordinary), serve: honest().serve}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.delegated(time.Second, house1)
			before, _, _ := p.seen()
			for range 8 * 60 {
				r.Dead()
				time.Sleep(time.Second)
			}
			r.delegated(0, house1)
			sent, _, _ := p.seen()
			if got := sent[len(before):]; len(got) != 5 { // a rebind after 1 min, solicit and request after 2 and 4 more
				t.Errorf("sent %v in eight minutes", got)
			}
		},
		"rapid commit": func(t *testing.T) {
			shop := honest()
			p := &provider{advert: saying(ordinary), serve: func(q *dhcpv6.Message) []*dhcpv6.Message {
				r := shop.answer(q, dhcpv6.MessageTypeReply, false)
				if q.MessageType == dhcpv6.MessageTypeSolicit {
					r.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit})
				}
				return []*dhcpv6.Message{r}
			}}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.delegated(time.Second, house1)
			if sent, _, _ := p.seen(); len(sent) != 1 {
				t.Errorf("sent %v", sent)
			}
		},
		"a reply to a solicitation that is no rapid commit counts for nothing": func(t *testing.T) {
			shop := honest()
			p := &provider{serve: func(q *dhcpv6.Message) []*dhcpv6.Message {
				return []*dhcpv6.Message{shop.answer(q, dhcpv6.MessageTypeReply, false)}
			}}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.nothing(time.Minute, "no router advertises IPv6")
		},
		"a server that is in trouble is asked again": func(t *testing.T) {
			shop := honest()
			p := &provider{advert: saying(ordinary)}
			p.serve = func(q *dhcpv6.Message) []*dhcpv6.Message {
				if q.MessageType != dhcpv6.MessageTypeRequest || len(p.sent) > 4 {
					return shop.serve(q)
				}
				r := shop.answer(q, dhcpv6.MessageTypeReply, false)
				r.AddOption(&dhcpv6.OptStatusCode{StatusCode: iana.StatusUnspecFail})
				return []*dhcpv6.Message{r}
			}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.delegated(10*time.Second, house1)
		},
		"a server that breaks its word is asked less and less": func(t *testing.T) {
			shop := honest()
			p := &provider{advert: saying(ordinary), serve: func(q *dhcpv6.Message) []*dhcpv6.Message {
				kind := dhcpv6.MessageTypeReply
				if q.MessageType == dhcpv6.MessageTypeSolicit {
					kind = dhcpv6.MessageTypeAdvertise
				}
				return []*dhcpv6.Message{shop.answer(q, kind, kind == dhcpv6.MessageTypeReply)}
			}}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.latest(time.Minute)
			minute, _, _ := p.seen()
			r.latest(24 * time.Hour)
			day, _, _ := p.seen()
			if len(minute) > 14 || len(day) > 1600 { // 1, 2, 4 … s and then each two minutes, two messages each
				t.Errorf("sent %d messages in a minute and %d in a day", len(minute), len(day))
			}
		},
		"a loose plug": func(t *testing.T) {
			p := &provider{advert: saying(ordinary), serve: honest().serve}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.delegated(time.Second, house1)
			for range 3 * 60 * 10 {
				r.LinkUp()
				time.Sleep(100 * time.Millisecond)
			}
			sent, _, _ := p.seen()
			if _, asked, _ := p.seen(); len(sent) > 4*atMost || asked > 3*60+5 {
				t.Errorf("sent %d messages and asked %d times in three minutes", len(sent), asked)
			}
			r.delegated(2*time.Minute, house1)
		},
		"not on this link": func(t *testing.T) {
			shop := honest()
			p := &provider{advert: saying(ordinary), serve: shop.serve}
			r := run(t, p, &shelf{})
			defer r.stop()
			r.delegated(time.Second, house1)
			p.set(func() {
				p.serve = func(q *dhcpv6.Message) []*dhcpv6.Message {
					if q.MessageType != dhcpv6.MessageTypeRebind {
						shop.prefix = house2
						return shop.serve(q)
					}
					r := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeReply, TransactionID: q.TransactionID}
					r.AddOption(dhcpv6.OptClientID(q.Options.ClientID()))
					r.AddOption(dhcpv6.OptServerID(shop.duid))
					r.AddOption(&dhcpv6.OptStatusCode{StatusCode: iana.StatusNotOnLink})
					return []*dhcpv6.Message{r}
				}
			})
			r.LinkUp()
			r.delegated(5*time.Second, house2)
		},
	}
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) { synctest.Test(t, scene) })
	}
}
