package wan

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// event is something that happened to the client.
type event interface {
	apply(m *Machine, now time.Time)
}

type (
	// start begins, with the lease of the last run if there is one. Unless sound, its times cannot be
	// trusted: it is asked for, but not used before it is confirmed.
	start struct {
		saved *Lease
		sound bool
	}
	// tick says that the time of Wake has come.
	tick struct{}
	// received brings a datagram that the line with this Ethernet address has read.
	received struct {
		raw []byte
		mac net.HardwareAddr
	}
	// checked answers check: who uses the address, empty when nobody does.
	checked struct {
		address netip.Addr
		user    string
	}
	// linkUp says that the carrier came back.
	linkUp struct{}
	// lineDead says that the link is up but nothing answers beyond it.
	lineDead struct{}
	// giveUp asks for the lease to be given back.
	giveUp struct{}
)

func (e start) apply(m *Machine, now time.Time) {
	if e.saved == nil {
		m.selectAny(now)
		return
	}
	m.wanted, m.server = e.saved.Address.Addr(), e.saved.Server
	if e.sound {
		m.held = e.saved
		m.tell("the address of before is used while the DHCP server confirms it")
	} else {
		m.tell("asking for the address of before")
	}
	m.reboot(now)
}

func (tick) apply(*Machine, time.Time) {}

func (linkUp) apply(m *Machine, now time.Time) {
	if m.wanted.IsValid() {
		m.reboot(now)
	} else {
		m.selectAny(now)
	}
}

func (giveUp) apply(m *Machine, now time.Time) {
	if m.held != nil && m.held.Server.IsValid() {
		m.begin(now, Idle)
		m.sendRelease()
	}
	m.enter(Idle)
	m.drop()
	m.dead = deadLine{}
	m.act(forget{})
	m.announce("the address has been given back")
	m.reason = "" // a new start says that it asks
}

func (e checked) apply(m *Machine, now time.Time) {
	switch {
	case m.state != Checking || e.address != m.candidate.Address.Addr():
	case e.user == "":
		m.bind(now, m.candidate)
	default:
		m.conflict(now, e.user)
	}
}

func (e received) apply(m *Machine, now time.Time) {
	p, fault := decode(e.raw, e.mac)
	if fault == NoFault && (p.TransactionID != m.xid || !m.Listening()) {
		fault = WrongTurn
	}
	if fault != NoFault {
		m.count(fault)
		return
	}
	r, fault := read(p, m.held)
	if fault != NoFault {
		m.count(fault)
		m.complain(r, fault)
		return
	}
	for _, f := range r.faults {
		m.count(f)
	}
	if fault := m.answer(now, r); fault != NoFault {
		m.count(fault)
	}
}

func (m *Machine) complain(r *reply, f Fault) {
	if r == nil || !r.server.IsValid() {
		return
	}
	m.complaint = fmt.Sprintf("the DHCP server %s offers nothing usable: %s", r.server, f)
}

// answer takes a sound message of the exchange under way, or says why not.
func (m *Machine) answer(now time.Time, r *reply) Fault {
	switch {
	case m.state == Selecting:
		if r.kind != dhcpv4.MessageTypeOffer || m.tries == 0 {
			return WrongTurn
		}
		m.offered(now, r.stamp(now))
		return NoFault
	case r.kind == dhcpv4.MessageTypeOffer:
		return WrongTurn
	case m.state == Requesting && r.server != m.chosen.Server:
		return WrongTurn
	case m.state == Renewing && r.server != m.held.Server && r.kind == dhcpv4.MessageTypeNak:
		// Our server alone was asked. Another's refusal is a stranger's.
		return WrongTurn
	case r.kind == dhcpv4.MessageTypeNak:
		m.refused(now, r)
		return NoFault
	case r.lease.Address.Addr() != m.asked():
		return OtherAddress
	}
	m.granted(now, r.stamp(m.sent))
	return NoFault
}

// asked is the address that the exchange is about.
func (m *Machine) asked() netip.Addr {
	switch m.state {
	case Requesting:
		return m.chosen.Address.Addr()
	case Rebooting:
		return m.wanted
	}
	return m.held.Address.Addr()
}
