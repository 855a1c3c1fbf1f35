package router

import (
	"net/netip"
	"slices"

	"github.com/twinpath/twinpath/vrrp"
)

// Side is the house's side of this router, and its part in serving the house, for what the two routers of a pair do together.
type Side struct {
	Link                   // of the LAN; zero Index: there is none
	Devices []string       // that the house's packets come in by: the LAN's, and those with virtual MAC addresses
	Subnets []netip.Prefix // the house's networks
	Uplinks []string       // interfaces that lead to the Internet: of this router's own lines and, while its way leads to the other router, the LAN's
	// Sources6 are the IPv6 networks that leave by this router's own lines alone.
	Sources6 []netip.Prefix

	Known   bool // whether the VRRP engine has said how it stands with every address of the house
	Serves  int  // elections for addresses of the house in which this router is Active
	Follows int  // those in which another one may be
	Partner int  // those in which the other router of the pair is
}

// side is the house's side as a decision has it.
func (s *State) side(d Decision) Side {
	lan := s.lanDevice()
	if lan == "" || !s.config.Pair.Peer.IsValid() {
		return Side{}
	}
	p := s.policy(d, lan)
	out := Side{Link: named(s.links, lan), Devices: p.LAN, Subnets: p.Subnets}
	for _, l := range s.lines {
		if (l.config.Kind != Peer || d.Carries(l.config.Name)) && l.way.Index != 0 && !slices.Contains(out.Uplinks, l.way.Name) {
			out.Uplinks = append(out.Uplinks, l.way.Name)
		}
		if l.config.Kind != Peer && l.speaks(s.config.LAN) {
			out.Sources6 = append(out.Sources6, s.sources6(l, lan)...)
		}
	}
	elections := s.house()
	out.Known = len(elections) > 0
	for _, e := range elections {
		switch e.State {
		case vrrp.Active:
			out.Serves++
		case vrrp.Backup, vrrp.Fault:
			out.Follows++
			if e.Active.IsValid() && (e.Active == s.config.Pair.Peer || e.Active == s.bond.Gateway6) {
				out.Partner++
			}
		case vrrp.Unknown, vrrp.Waiting:
			out.Known = false
		}
	}
	return out
}
