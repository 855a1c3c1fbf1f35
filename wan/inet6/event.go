package inet6

import (
	"net"
	"net/netip"
	"time"
)

// event is something that happened to the client.
type event interface {
	apply(m *Machine, now time.Time)
}

type (
	// start begins, with what the last run kept, if anything. Unless sound, its times cannot be trusted: what it had is asked for, but
	// not used before it is confirmed.
	start struct {
		saved *Saved
		sound bool
	}
	// tick says that the time of Wake has come.
	tick struct{}
	// opened says that the line can be spoken on: it has a link-local address.
	opened struct {
		mac   net.HardwareAddr // nil when it has none
		point bool
	}
	// closed says that it cannot, any more or yet; mute after a long time without a link-local address.
	closed struct{ mute bool }
	// advertised brings a router advertisement, with its hop limit checked.
	advertised struct {
		raw  []byte
		from netip.Addr
	}
	// answered brings a DHCPv6 message.
	answered struct {
		raw  []byte
		from netip.Addr
	}
	// linkUp says that the carrier came back.
	linkUp struct{}
	// lineDead says that the link is up but nothing answers beyond it.
	lineDead struct{}
	// giveUp asks for everything to be given back.
	giveUp struct{}
)

func (e start) apply(m *Machine, now time.Time) {
	if e.saved != nil {
		m.resume(now, e.saved, e.sound)
	}
}

func (tick) apply(*Machine, time.Time) {}

func (e opened) apply(m *Machine, now time.Time) {
	m.open, m.mute, m.mac, m.point = true, false, e.mac, e.point
	m.exchange.identity = m.exchange.identity.complete(e.mac, m.cloned, m.exchange.random)
	if !m.released {
		m.begin(now)
	}
}

// begin asks routers at once, and servers as soon as one has spoken: it says whether they have addresses. What we hold is confirmed
// without waiting.
func (m *Machine) begin(now time.Time) {
	m.discovery.confirm(now)
	m.waits = time.Time{}
	if m.exchange.held != nil {
		m.exchange.ask(now)
	} else {
		m.exchange.quiet()
		m.waits = now.Add(wait)
	}
}

func (e closed) apply(m *Machine, _ time.Time) {
	m.open, m.mute, m.waits = false, e.mute, time.Time{}
}

func (e advertised) apply(m *Machine, now time.Time) {
	a, err := readAdvert(e.raw)
	if err != nil || !e.from.IsLinkLocalUnicast() || m.released { // RFC 4861 §6.1.2
		return
	}
	had := len(m.discovery.routers) > 0
	changed := m.discovery.hear(now, e.from.WithZone(""), a)
	// Addresses are asked for where they are said to be, and where there are no others: a PPP line often has neither.
	m.exchange.promised = a.managed
	m.exchange.managed = a.managed || len(m.discovery.networks) == 0
	came := !had && len(m.discovery.routers) > 0
	switch {
	case !m.waits.IsZero():
		m.waits = now
	case m.exchange.state == Selecting && came && m.exchange.tries > 0:
		m.exchange.selectAny(now) // not after a pause that has grown while nobody was there
	case m.exchange.state == Bound && changed:
		m.exchange.ask(now) // networks are renumbered as a whole
	}
}

func (e answered) apply(m *Machine, now time.Time) {
	msg, err := readMessage(e.raw, m.exchange.iaid)
	if err != nil || m.released {
		return
	}
	if m.exchange.ours(msg) {
		m.peer = e.from.WithZone("")
	}
	m.exchange.hear(now, msg)
}

func (linkUp) apply(m *Machine, now time.Time) {
	m.released = false
	if m.open {
		m.begin(now)
	}
}

func (giveUp) apply(m *Machine, now time.Time) {
	m.exchange.farewell(now)
	for _, b := range m.exchange.out {
		m.out = append(m.out, send{b})
	}
	m.exchange.out = nil
	m.discovery = discovery{last: m.discovery.last}
	m.released, m.waits, m.dead = true, time.Time{}, deadLine{}
	m.exchange.news = true
}
