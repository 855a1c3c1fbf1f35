package advert

import (
	"net"
	"net/netip"
	"time"
)

// bye is a router of ours that devices are told to use no more.
type bye struct {
	from   netip.Addr
	mac    net.HardwareAddr
	advert Advert
	left   int
	next   time.Time
}

// part says good-bye from this router's own address when it is not announced from any more. The virtual router's address has
// no end: another router has it.
func (m *Machine) part(now time.Time, old Wanted) {
	from := old.Own
	if !old.Serves || old.Virtual.IsValid() || !from.IsValid() || m.last.IsZero() || m.want.Serves && m.want.source() == from {
		return
	}
	if m.want.Index != old.Index && m.want.Name != "" {
		return // the devices are on another interface now
	}
	m.byes = append(m.byes, bye{from, old.mac(), old.now(now, &m.memory).farewell(), shout, now})
}

// relieve says good-bye for the routers whose house this is now: without an address that moves along, devices would go on sending
// to one that has no power.
func (m *Machine) relieve(now time.Time) {
	m.byes = nil // of our own: we are back
	for from, until := range m.routers {
		if until.After(now) && !m.want.Virtual.IsValid() {
			m.byes = append(m.byes, bye{from, m.want.mac(), Advert{}, shout, now})
		}
	}
	clear(m.routers)
}

// suppose takes it that devices know the prefixes of the other router's lines. One that has just booted, and serves the house before it has heard
// an advert of the other one's, would leave them with addresses that they prefer and that it cannot send anything from.
func (m *Machine) suppose(now time.Time) {
	for _, p := range m.want.Others {
		if !m.memory.knows(p) {
			m.unsaved = m.memory.overheard(now, []Told{{Prefix: p, Valid: longest}}) || m.unsaved
		}
	}
}

// sayBye returns the good-byes that are due.
func (m *Machine) sayBye(now time.Time) (out []Packet) {
	kept := m.byes[:0]
	for _, b := range m.byes {
		if due(now, b.next) {
			out = append(out, packet(b.advert, b.from, b.mac, everybody(), nil))
			b.left--
			b.next = now.Add(shoutPause(b.left))
		}
		if b.left > 0 {
			kept = append(kept, b)
		}
	}
	m.byes = kept
	return out
}
