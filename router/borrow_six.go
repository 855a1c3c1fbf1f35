package router

import (
	"net/netip"
	"slices"

	"github.com/twinpath/twinpath/firewall"
)

// lends6 are the IPv6 networks of the other router whose packets it takes from us as a peer; none, where its IPv6 does not work, or is not ours to use.
func (s *State) lends6(l *line) []netip.Prefix {
	lan := s.config.LAN
	if !s.borrows(l) || l.config.NoIPv6 || !lan.IPv6 || !s.bond.Linked || !s.bond.Gateway6.Is6() || l.way.Index == 0 || !l.link.Carrier {
		return nil
	}
	var all []netip.Prefix
	for _, p := range s.bond.Lines {
		for _, network := range p.Sources6 {
			network = network.Masked()
			if p.Usable && p.Usable6 && !s.ours6(network) && !slices.Contains(all, network) {
				all = append(all, network)
			}
		}
	}
	return all
}

// ours6 reports whether a network has something in common with those of this router's own lines, or of the house: two routers of one ISP.
func (s *State) ours6(network netip.Prefix) bool {
	if s.config.LAN.Prefix.IsValid() && s.config.LAN.Prefix.Overlaps(network) {
		return true
	}
	lan := s.lanDevice()
	return slices.ContainsFunc(s.lines, func(l *line) bool {
		return slices.ContainsFunc(s.sources6(l, lan), network.Overlaps)
	})
}

// planLent6 adds the way of IPv6 to the other router: for what is marked, and for the networks that are behind it.
func (s *State) planLent6(p *Plan, l *line) {
	networks := s.lends6(l)
	if len(networks) == 0 {
		return
	}
	via := Route{Gateway: s.bond.Gateway6.WithZone(""), Device: l.way.Name, Metric: MainMetric}
	via.Table, via.Destination = Table(l.number), anyIPv6
	p.Routes = append(p.Routes, via)
	for _, network := range networks {
		if network.Bits() <= 64 {
			via.Table, via.Destination, via.Metric = Main, network, lineMetric(l.number)
			p.Routes = append(p.Routes, via)
		}
	}
}

// policyLent6 is the firewall's view of a peer's IPv6. Who has an address of the other router's has no other way: it goes there also while the house's new
// connections go by this router's own lines.
func (s *State) policyLent6(p *firewall.Policy, w *firewall.WAN, d Decision, i int) {
	networks := s.lends6(s.lines[i])
	if len(networks) == 0 {
		return
	}
	w.Sources6 = networks
	w.Alive6 = s.alive6(d, i)
	w.Open6 = w.Alive6
	for _, network := range networks {
		if network.Bits() <= 64 {
			p.Subnets = append(p.Subnets, network)
		}
	}
}
