package router

import (
	"net"
	"net/netip"
	"slices"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/wan"
)

// directs reports whether the house's IPv6 is ours to direct: a line has some, or had, or the house has a network of its own. Before
// that it is the owner's own routes' business.
func (s *State) directs() bool {
	return s.config.LAN.Prefix.IsValid() || slices.ContainsFunc(s.lines, func(l *line) bool {
		return l.six.lease != nil || len(l.six.kept) > 0 || len(s.lends6(l)) > 0
	})
}

// houseNetwork is a /64 of the house. Retired: hosts are not to use it for new connections.
type houseNetwork struct {
	netip.Prefix
	retired bool
}

// networks6 are the house's IPv6 networks: of each line the first /64 of what is delegated to it, and those that hosts may still use.
func (s *State) networks6(d Decision) []houseNetwork {
	var all []houseNetwork
	add := func(p netip.Prefix, retired bool) {
		if p.IsValid() && !slices.ContainsFunc(all, func(n houseNetwork) bool { return n.Prefix == p }) {
			all = append(all, houseNetwork{p, retired})
		}
	}
	lan := s.config.LAN
	if !lan.IPv6 || lan.Device() == "" {
		return nil
	}
	add(lan.Prefix.Masked(), false)
	if lan.Translate {
		return all
	}
	for _, l := range s.lines {
		if p, there := l.six.lease.House(); there {
			add(p.Prefix, !s.open(d, l))
		}
	}
	for _, l := range s.lines {
		if p, there := (&wan.Lease6{Prefixes: l.six.kept}).House(); there {
			add(p.Prefix, true)
		}
	}
	if s.evidence.house != nil { // of an earlier run, or of the other router
		for _, text := range s.evidence.house.Retired {
			if p, err := netip.ParsePrefix(text); err == nil && p.Bits() == 64 {
				add(p, true)
			}
		}
	}
	return all
}

// interfaceID is this box's address in a network: the same from start to start, and another than that of the other router of a pair,
// which may have the same network (RFC 4291, appendix A).
func interfaceID(network netip.Prefix, mac string) (netip.Prefix, bool) {
	hardware, err := net.ParseMAC(mac)
	if err != nil || len(hardware) != 6 || network.Bits() > 64 {
		return netip.Prefix{}, false
	}
	a := network.Masked().Addr().As16()
	copy(a[8:], []byte{hardware[0] ^ 2, hardware[1], hardware[2], 0xff, 0xfe, hardware[3], hardware[4], hardware[5]})
	return netip.PrefixFrom(netip.AddrFrom16(a), 64), true
}

// planHouse6 adds the house's IPv6 networks, and makes its device one that believes no other router: the hosts of a router do not.
func (s *State) planHouse6(p *Plan, d Decision, lan string) {
	if lan == "" || !s.config.LAN.IPv6 {
		return
	}
	p.Sysctls = append(p.Sysctls, unadvised(lan)...)
	// A browser that begins forty connections from a dead prefix is told of each; else the kernel tells a host of a /64 four a second
	// (fifteen of the forty heard, 2026-11-21). All hosts together still share net.ipv4.icmp_msgs_per_sec.
	p.Sysctls = append(p.Sysctls, Sysctl{Path: "net/ipv6/icmp/ratelimit", Value: "0"})
	mac := named(s.links, lan).MAC
	for _, n := range s.networks6(d) {
		if a, ok := interfaceID(n.Prefix, mac); ok {
			p.Addresses = append(p.Addresses, Address{Device: lan, Prefix: a, Retired: n.retired})
		}
	}
}

// unadvised keeps the kernel from making addresses and routes of router advertisements, which are read by us.
func unadvised(device string) []Sysctl {
	conf := "net/ipv6/conf/" + device + "/"
	return []Sysctl{{Path: conf + "accept_ra", Value: "0", Optional: true}, {Path: conf + "autoconf", Value: "0", Optional: true}}
}

// planLine6 adds a line's IPv6: its addresses, its own networks and the default route of its table. What is delegated and not in use
// leads nowhere, lest it goes round in circles between the ISP and us (RFC 7084, WPD-5).
func (s *State) planLine6(p *Plan, l *line, lan string) {
	if !l.speaks(s.config.LAN) || l.way.Index == 0 {
		return
	}
	p.Sysctls = append(p.Sysctls, unadvised(l.way.Name)...)
	p.Sysctls = append(p.Sysctls, Sysctl{Path: "net/ipv6/conf/" + l.way.Name + "/ignore_routes_with_linkdown", Value: "1", Optional: true})
	for _, d := range append(slices.Clone(l.six.kept), l.delegated()...) {
		p.leadsNowhere(d.Prefix.Masked())
	}
	if l.six.lease == nil {
		return
	}
	addresses, source := s.addresses6(l, lan)
	p.Addresses = append(p.Addresses, addresses...)
	for _, a := range l.six.lease.Addresses {
		if network := a.Prefix; !network.IsSingleIP() {
			p.Routes = append(p.Routes,
				Route{Table: Table(l.number), Destination: network.Masked(), Device: l.way.Name, Source: network.Addr(), Metric: MainMetric},
				Route{Table: Main, Destination: network.Masked(), Device: l.way.Name, Source: network.Addr(), Metric: lineMetric(l.number)})
		}
	}
	if l.six.lease.Gateway.IsValid() {
		p.Routes = append(p.Routes, l.via6(source, Table(l.number)))
	}
}

// leadsNowhere adds the route of what is delegated, once: two lines of one ISP may have the same.
func (p *Plan) leadsNowhere(prefix netip.Prefix) {
	r := Route{Table: Main, Destination: prefix, Metric: LastMetric, Unreachable: true}
	if !slices.ContainsFunc(p.Routes, func(o Route) bool { return o.Unreachable && o.Table == r.Table && o.Destination == r.Destination }) {
		p.Routes = append(p.Routes, r)
	}
}

// has reports whether a prefix is delegated to the line.
func (l *line) has(prefix netip.Prefix) bool {
	return slices.ContainsFunc(l.delegated(), func(d wan.Lifetime) bool { return d.Prefix == prefix })
}

func (l *line) delegated() []wan.Lifetime {
	if l.six.lease == nil {
		return nil
	}
	return l.six.lease.Prefixes
}

// via6 is a line's IPv6 default route.
func (l *line) via6(source netip.Addr, table int) Route {
	return Route{Table: table, Destination: anyIPv6, Gateway: l.six.lease.Gateway, Device: l.way.Name, Source: source, Metric: MainMetric, MTU: l.hint(l.mtu6())}
}

// addresses6 are a line's own addresses, and the one that this router sends from over it. An ISP may give a prefix and no address
// (RFC 7084, WAA-7): then it is that of the house's device, or one more out of the prefix.
func (s *State) addresses6(l *line, lan string) (all []Address, source netip.Addr) {
	for _, a := range l.six.lease.Addresses {
		all = append(all, Address{Device: l.way.Name, Prefix: a.Prefix, NoRoute: true})
	}
	if len(all) > 0 {
		return all, all[0].Prefix.Addr()
	}
	network, there := l.six.lease.House()
	if !there {
		return nil, netip.Addr{}
	}
	if lan != "" && s.config.LAN.IPv6 && !s.config.LAN.Translate {
		if a, ok := interfaceID(network.Prefix, named(s.links, lan).MAC); ok {
			return nil, a.Addr()
		}
	}
	a, ok := interfaceID(network.Prefix, l.link.MAC)
	if !ok {
		return nil, netip.Addr{}
	}
	own := netip.PrefixFrom(a.Addr(), 128)
	return []Address{{Device: l.way.Name, Prefix: own, NoRoute: true}}, own.Addr()
}

// address6 shows the address that this router sends from over a line: it may be one of the house's.
func (s *State) address6(w *WANSnapshot, l *line) {
	if l.six.lease == nil {
		return
	}
	if _, source := s.addresses6(l, s.lanDevice()); source.IsValid() {
		w.IPv6.Address = source.String()
	}
}

// mainDefault6 is the IPv6 default route of the main table: by the first line that the house's new connections go by. Without one there is
// none: who hears at once that there is no route tries IPv4 at once.
func (s *State) mainDefault6(d Decision, lan string) []Route {
	for _, name := range d.Carrying {
		if l := s.line(name); s.open(d, l) && l.speaks(s.config.LAN) {
			_, source := s.addresses6(l, lan)
			return []Route{l.via6(source, Main)}
		}
	}
	return nil
}

// sources6 are the networks whose packets leave by a line alone.
func (s *State) sources6(l *line, lan string) []netip.Prefix {
	var all []netip.Prefix
	for _, d := range l.delegated() {
		all = append(all, d.Prefix.Masked())
	}
	for _, k := range l.six.kept {
		if !slices.ContainsFunc(s.lines, func(o *line) bool { return o.has(k.Prefix) }) { // else it is that line's now
			all = append(all, k.Prefix.Masked())
		}
	}
	if l.six.lease == nil {
		return all
	}
	addresses, _ := s.addresses6(l, lan)
	for _, a := range addresses {
		all = append(all, netip.PrefixFrom(a.Prefix.Addr(), 128))
	}
	return all
}

// policy6 is the firewall's view of a line's IPv6.
func (s *State) policy6(w *firewall.WAN, d Decision, i int, lan string) {
	l := s.lines[i]
	w.Alive6, w.Open6, w.Sources6 = s.alive6(d, i), s.open(d, l), s.sources6(l, lan)
	if network, there := l.six.lease.House(); there && s.config.LAN.Translate {
		w.Translate = network.Prefix
	}
}
