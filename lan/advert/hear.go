package advert

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/ndp"

	"github.com/twinpath/twinpath/router"
)

// Hear takes in a message from the house's side.
func (m *Machine) Hear(now time.Time, h Heard) {
	if len(h.Message) < 2 || h.Message[1] != 0 || m.want.Name == "" { // the code (RFC 4861 §6.1)
		return
	}
	parsed, err := ndp.ParseMessage(h.Message)
	if err != nil {
		return
	}
	switch message := parsed.(type) {
	case *ndp.RouterSolicitation:
		m.ask(now, h.From, source(message.Options))
	case *ndp.RouterAdvertisement:
		m.hearRouter(now, h.From, source(message.Options), message)
	}
}

// source is the Ethernet address that a message says it comes from; empty: it does not say.
func source(options []ndp.Option) net.HardwareAddr {
	for _, o := range options {
		if l, ok := o.(*ndp.LinkLayerAddress); ok && l.Direction == ndp.Source {
			return l.Addr
		}
	}
	return nil
}

// ask takes in that a device wants an advert. One without an address is answered to everybody.
func (m *Machine) ask(now time.Time, from netip.Addr, mac net.HardwareAddr) {
	if !m.able() || m.early(now) || m.left > 0 {
		return // a shout goes on: it hears that
	}
	at := now.Add(m.random(answerPause))
	known := func(d asker) bool { return d.address == from }
	switch {
	case slices.ContainsFunc(m.asked, known):
	case !from.IsUnspecified() && len(mac) > 0 && len(m.asked) < askers:
		m.asked = append(m.asked, asker{from, mac})
		if m.reply.IsZero() {
			m.reply = at
		}
	case !m.next.IsZero():
		m.next = sooner(m.next, later(at, m.last.Add(rest)))
	}
}

// hearRouter takes in the advert of another router.
func (m *Machine) hearRouter(now time.Time, from netip.Addr, mac net.HardwareAddr, a *ndp.RouterAdvertisement) {
	if !from.IsLinkLocalUnicast() || m.isOwn(from, mac) {
		return
	}
	virtual := m.want.Virtual.IsValid() && from == m.want.Virtual
	switch {
	case virtual, slices.Contains(m.want.Peers, mac.String()):
	case m.want.Masked:
		return
	default:
		m.hearStranger(now, from, mac, a)
		return
	}
	if !virtual && a.RouterLifetime > 0 {
		m.routers[from] = now.Add(a.RouterLifetime)
	} else {
		delete(m.routers, from)
	}
	m.grace, m.questions = time.Time{}, 0
	if !m.want.Serves {
		m.unsaved = m.memory.said(now, prefixes(a)) || m.unsaved
		return
	}
	m.unsaved = m.memory.overheard(now, prefixes(a)) || m.unsaved
	m.consider(now)
	if a.RouterLifetime == 0 && m.contradicts(now, prefixes(a)) {
		m.next = sooner(m.next, later(now, m.last.Add(rest)))
	}
}

// contradicts reports whether another router of ours has just told devices to leave a prefix that this one has for them: the good-bye of
// one that stops comes after our shout.
func (m *Machine) contradicts(now time.Time, theirs []Told) bool {
	return slices.ContainsFunc(m.want.now(now, &m.memory).Prefixes, func(t Told) bool {
		return t.Preferred > 0 && slices.ContainsFunc(theirs, func(o Told) bool { return o.Prefix == t.Prefix && o.Preferred == 0 })
	})
}

// isOwn reports whether a message is an echo of ours.
func (m *Machine) isOwn(from netip.Addr, mac net.HardwareAddr) bool {
	return from == m.want.Own || m.want.Serves && from == m.want.source() && slices.Equal(mac, m.want.mac())
}

// prefixes are those of an advert that devices take addresses from (RFC 4862 §5.5.3).
func prefixes(a *ndp.RouterAdvertisement) (told []Told) {
	for _, o := range a.Options {
		p, ok := o.(*ndp.PrefixInformation)
		if !ok || !p.AutonomousAddressConfiguration || p.PrefixLength != 64 || p.Prefix.IsLinkLocalUnicast() || p.PreferredLifetime > p.ValidLifetime {
			continue
		}
		prefix := netip.PrefixFrom(p.Prefix, 64).Masked()
		if prefix.Addr().IsMulticast() || prefix.Addr().IsUnspecified() {
			continue
		}
		told = append(told, Told{prefix, p.PreferredLifetime, p.ValidLifetime})
	}
	return told
}

// stranger is another router in the house that is none of ours.
type stranger struct {
	mac   net.HardwareAddr
	leads bool      // it said that it leads to the Internet
	named time.Time // when a person is told, or was
	told  bool
	until time.Time
}

// strangers bounds those that are told apart.
const strangers = 8

// acquaintance is how long a router that shares addresses with others waits before it calls one a stranger: that one's VRRP adverts may
// still be on their way.
const acquaintance = 10 * time.Second

// silence is how long a router that offers addresses is believed to be there after an advert: the longest pause between two is half
// an hour (RFC 4861 §6.2.1).
const silence = time.Hour

// hearStranger names a router that devices may use instead of this one. Border routers of Thread networks announce themselves in
// many houses, with lifetime 0 and unique local prefixes only: they do no harm.
func (m *Machine) hearStranger(now time.Time, from netip.Addr, mac net.HardwareAddr, a *ndp.RouterAdvertisement) {
	offers := a.RouterLifetime > 0 || slices.ContainsFunc(prefixes(a), func(t Told) bool {
		return t.Preferred > 0 && !t.Prefix.Addr().IsPrivate()
	})
	s, known := m.strangers[from]
	leads := a.RouterLifetime > 0
	switch {
	case known && (!offers || s.leads && !leads): // a good-bye has the prefixes still (RFC 4861 §6.2.5)
		if m.listens(now) {
			s.until = now
			m.missStrangers(now)
		}
	case known:
		s.leads, s.until = leads, now.Add(max(a.RouterLifetime, silence))
	case offers && len(m.strangers) < strangers && m.listens(now):
		s = &stranger{mac: mac, leads: leads, named: now, until: now.Add(max(a.RouterLifetime, silence))}
		if m.want.Shares {
			s.named = now.Add(acquaintance)
		}
		m.strangers[from] = s
		m.nameStrangers(now)
	}
}

// listens reports whether a stranger that comes or goes matters: one a minute does, and a few at once. Somebody who plays them all must
// not fill the disk with their names.
func (m *Machine) listens(now time.Time) bool {
	m.heeded = later(now, m.heeded)
	if m.heeded.Sub(now) >= strangers*time.Minute {
		return false
	}
	m.heeded = m.heeded.Add(time.Minute)
	return true
}

// nameStrangers tells of routers that nobody has turned out to know.
func (m *Machine) nameStrangers(now time.Time) {
	for from, s := range m.strangers {
		if s.told || !due(now, s.named) {
			continue
		}
		s.told = true
		m.event(now, "Another router offers IPv6 in the house: "+name(from, s.mac)+". Devices may send by it instead of this router: switch its IPv6 for the LAN off, or make it a bridge.")
	}
}

// missStrangers tells of routers that have gone.
func (m *Machine) missStrangers(now time.Time) {
	for from, s := range m.strangers {
		if due(now, s.until) {
			delete(m.strangers, from)
			if !s.told {
				continue
			}
			m.event(now, "The other router "+name(from, s.mac)+" no longer offers IPv6 in the house.")
		}
	}
}

func (m *Machine) event(now time.Time, sentence string) {
	m.events = append(m.events, router.Event{Time: now, Kind: router.EventRouter, Sentence: sentence})
}

// others are the routers in the house that are none of ours.
func (m *Machine) others() (all []string) {
	for from, s := range m.strangers {
		if s.told {
			all = append(all, name(from, s.mac))
		}
	}
	slices.Sort(all)
	return all
}

func name(a netip.Addr, mac net.HardwareAddr) string {
	if len(mac) == 0 {
		return a.String()
	}
	return fmt.Sprintf("%s (%s)", a, mac)
}
