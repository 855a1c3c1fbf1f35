package firewall

import (
	"net/netip"
	"slices"
)

// nat hides the house behind each WAN's IPv4 address and lets port forwards in. IPv6 is not translated
// for its own sake.
func (b *builder) nat() {
	var forwards []Rule
	for _, f := range b.policy.Forwards {
		forwards = append(forwards, b.portForward(f)...)
	}
	b.base("nat_prerouting", Hook{Type: "nat", At: "prerouting", Priority: priorityDestinationNAT}, forwards...)
	redirected := bits(ConnStatus, "dnat", statusRedirected)
	// Never "snat to": masquerade lets go of flows when the address or the device changes.
	rules := append(append(b.record(), b.markLent()...),
		Rule{in(OutDevice, setUplink), ipv4(), Masquerade{}})
	rules = append(rules, b.translate()...)
	rules = append(rules,
		// Hairpin: without it the host of the house would answer its neighbour directly, who asked someone else.
		Rule{in(OutDevice, setLAN), in(Source4, setHouse4), redirected, Masquerade{}},
		Rule{in(OutDevice, setLAN), in(Source6, setHouse6), redirected, Masquerade{}})
	b.base("nat_postrouting", Hook{Type: "nat", At: "postrouting", Priority: prioritySourceNAT}, rules...)
}

// portForward is one forward: from each of its WANs, and from the house to these WANs' own addresses.
func (b *builder) portForward(f Forward) []Rule {
	asked := f.asked()
	if asked == nil || !f.To.Addr().IsValid() || ending(f.To.Addr()) {
		return nil
	}
	to := Redirect{To: netip.AddrPortFrom(f.To.Addr().Unmap().WithZone(""), f.To.Port())}
	var rules []Rule
	for _, w := range b.uplinks() {
		if !f.by(w) {
			continue
		}
		rules = append(rules, Rule{from(w.Device), family(to.To.Addr()), kind("local", kindLocal), asked, to})
		for _, a := range w.Addresses {
			if a = a.Unmap().WithZone(""); a.IsValid() && a.Is4() == to.To.Addr().Is4() {
				rules = append(rules, Rule{in(InDevice, setLAN), address(a), asked, to})
			}
		}
	}
	return rules
}

// by reports whether a forward is for what comes by a WAN.
func (f Forward) by(w way) bool { return len(f.WANs) == 0 || slices.Contains(f.WANs, w.Name) }

// asked matches the ports that a forward is for, nil for a protocol that has none.
func (f Forward) asked() Expr {
	var field Field
	switch f.Proto {
	case "tcp":
		field = TCPPort
	case "udp":
		field = UDPPort
	default:
		return nil
	}
	if f.Ports.Last <= f.Ports.First {
		return port(field, f.Ports.First)
	}
	return Range{Field: field, Ports: f.Ports}
}
