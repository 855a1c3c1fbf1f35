package router

import (
	"net/netip"
	"slices"
	"time"
)

// farewell is how long the house's old address stays beside a new one: whoever has asked for the change on the page hears on the
// old address where the new one is. The kernel sends no answer from an address that is gone (seen with Linux 6.1). Chosen
// here: a page and what it loads, to a phone at the end of the garden.
const farewell = 3 * time.Second

// former is an address of the house that is on its way out.
type former struct {
	address netip.Prefix
	until   time.Time
}

// part keeps the old address for a moment, where nobody else is about to have it.
func (s *State) part(next Config, now time.Time) {
	if old := s.config.LAN.Address; old.IsValid() && old != next.LAN.Address {
		s.former = former{old, now.Add(farewell)}
	}
	if !next.LAN.Address.IsValid() || next.claims(s.former.address.Addr()) {
		s.former = former{}
	}
}

// claims reports whether a configuration has an address for anything of its own, or for the other router.
func (c Config) claims(a netip.Addr) bool {
	inUse := c.LAN.Address.Addr() == a || c.Pair.Peer == a
	for _, w := range c.WANs {
		inUse = inUse || w.Static.Address.Addr() == a || w.Static.Gateway == a || w.Peer == a
	}
	for _, v := range c.VRRP {
		inUse = inUse || slices.ContainsFunc(v.Addresses, func(p netip.Prefix) bool { return p.Addr() == a })
	}
	return inUse
}

// letGo ends the farewell in time.
func (s *State) letGo(now time.Time) {
	if !now.Before(s.former.until) {
		s.former = former{}
	}
}
