package router

import (
	"net/netip"

	"github.com/twinpath/twinpath/firewall"
)

// Plan turns a decision into everything wanted of the kernel. It changes nothing.
func (s *State) Plan(d Decision) Plan {
	var p Plan
	lan := s.lanDevice()
	s.planLAN(&p, lan)
	s.planHouse6(&p, d, lan)
	for _, l := range s.lines {
		s.planLine(&p, l)
		s.planLine6(&p, l, lan)
		s.planLent6(&p, l)
	}
	if len(s.lines) > 0 {
		p.Rules = append(s.specific(d), p.Rules...)
		p.Routes = append(p.Routes, s.mainDefault(d)...)
		p.Routes = append(p.Routes, s.mainDefault6(d, lan)...)
		p.Sysctls = append(forwarding(), p.Sysctls...)
		if pair := s.config.Pair; pair.Peer.IsValid() && pair.Secret != "" {
			// By itself the kernel never tells of the end of a connection that began while nobody listened: before the two routers were linked.
			p.Sysctls = append(p.Sysctls, Sysctl{Path: "net/netfilter/nf_conntrack_events", Value: "1", Optional: true})
		}
	}
	p.Ruleset = firewall.Build(s.policy(d, lan))
	return p
}

// specific lets connected networks and the owner's own routes go before marks. Only shares and policies mark flows
// that may be meant for those, IPv6's sources do, and what comes from the other router of a pair while everybody's way leads there; otherwise a mark says how the flow left already, and the rule would cost every packet a
// second look into the main table.
func (s *State) specific(d Decision) []Rule {
	if len(d.Carrying) < 2 && len(s.config.Policies) == 0 && len(s.forward(d)) == 0 {
		if s.directs() {
			return []Rule{{Priority: Base, Table: Main, OnlySpecific: true, OnlyIPv6: true}}
		}
		return nil
	}
	return []Rule{{Priority: Base, Table: Main, OnlySpecific: true}}
}

// forwarding are the sysctls of a router (kernel Documentation/networking/ip-sysctl.rst, nf_conntrack-sysctl.rst).
func forwarding() []Sysctl {
	return []Sysctl{
		{Path: "net/ipv4/ip_forward", Value: "1"},
		{Path: "net/ipv6/conf/all/forwarding", Value: "1"},
		// The kernel takes the larger of "all" and the interface.
		{Path: "net/ipv4/conf/all/rp_filter", Value: "0"},
		{Path: "net/ipv4/conf/all/send_redirects", Value: "0"},
		// A TCP flow that began before us is picked up as new, so that it can be answered with a reset.
		{Path: "net/netfilter/nf_conntrack_tcp_loose", Value: "1"},
	}
}

func (s *State) planLAN(p *Plan, lan string) {
	if lan == "" {
		return
	}
	for _, port := range s.config.LAN.Ports {
		if link, ok := find(s.links, port); ok {
			p.Bridge = append(p.Bridge, link.Name)
			p.Links = append(p.Links, link.Name)
		}
	}
	p.Links = append(p.Links, lan)
	if s.config.LAN.Address.IsValid() {
		p.Addresses = append(p.Addresses, Address{Device: lan, Prefix: s.config.LAN.Address})
	}
	if s.former.address.IsValid() {
		p.Addresses = append(p.Addresses, Address{Device: lan, Prefix: s.former.address})
	}
	conf := "net/ipv4/conf/" + lan + "/"
	p.Sysctls = append(p.Sysctls, Sysctl{Path: conf + "send_redirects", Value: "0"})
	p.Sysctls = append(p.Sysctls, unchecked(conf)...)
	if len(p.Bridge) > 0 {
		// What stays within the house's bridge is none of the firewall's business (module br_netfilter).
		p.Sysctls = append(p.Sysctls,
			Sysctl{Path: "net/bridge/bridge-nf-call-iptables", Value: "0", Optional: true},
			Sysctl{Path: "net/bridge/bridge-nf-call-ip6tables", Value: "0", Optional: true})
	}
}

// lanDevice returns the kernel name of the house's interface; empty while there is none.
func (s *State) lanDevice() string {
	if len(s.config.LAN.Ports) > 0 {
		return BridgeName
	}
	if s.config.LAN.Interface == "" {
		return ""
	}
	link, _ := find(s.links, s.config.LAN.Interface)
	return link.Name
}

// planLine adds a WAN's table, rule, addresses and routes. Its table always ends in "unreachable", so that a
// marked packet can never leave by another line.
func (s *State) planLine(p *Plan, l *line) {
	table := Table(l.number)
	for _, everything := range []netip.Prefix{anyIPv4, anyIPv6} {
		p.Routes = append(p.Routes, Route{Table: table, Destination: everything, Metric: LastMetric, Unreachable: true})
	}
	p.Rules = append(p.Rules, Rule{Priority: table, Mark: l.mark(), Mask: firewall.MarkMask, Table: table})
	l.planPort(p)
	if l.link.Index == 0 {
		return
	}
	if l.config.Kind != Peer {
		p.Links = append(p.Links, l.link.Name)
		p.Sysctls = append(p.Sysctls, lineSysctls(l.link.Name)...)
	}
	if l.way.Index != 0 && l.way.Index != l.link.Index {
		p.Sysctls = append(p.Sysctls, lineSysctls(l.way.Name)...)
	}
	if l.lease == nil || l.way.Index == 0 || l.clashes(s.config.LAN) {
		return
	}
	if l.config.Kind != Peer {
		p.Addresses = append(p.Addresses, Address{Device: l.way.Name, Prefix: l.lease.Address, NoRoute: true})
	}
	p.Routes = append(p.Routes, s.lineRoutes(l)...)
}

// lineSysctls let two WANs have the same network: each answers ARP for its own address only.
func lineSysctls(device string) []Sysctl {
	conf := "net/ipv4/conf/" + device + "/"
	return append(unchecked(conf), []Sysctl{
		{Path: conf + "ignore_routes_with_linkdown", Value: "1"},
		{Path: conf + "arp_ignore", Value: "1"},
		{Path: conf + "arp_announce", Value: "2"},
		{Path: conf + "send_redirects", Value: "0"},
	}...)
}

// unchecked spares each packet a second routing decision, for its source: replies come in by lines that are not the
// default, so only the loose check would do, and with a default route that one lets everything pass. With rules like
// ours the kernel leaves the check out only where local sources are accepted, too (fib_validate_source); a stranger who uses
// one gets no further than any other, since the firewall goes by the interface.
func unchecked(conf string) []Sysctl {
	return []Sysctl{{Path: conf + "rp_filter", Value: "0"}, {Path: conf + "accept_local", Value: "1"}}
}

// lineRoutes are a WAN's own network, default and classless static routes, in its table and (but the default) in main.
func (s *State) lineRoutes(l *line) []Route {
	table := Table(l.number)
	var routes []Route
	if l.config.Kind != Peer && !l.lease.Address.IsSingleIP() {
		network := Route{Destination: l.lease.Address.Masked(), Device: l.way.Name, Source: l.source(), Metric: MainMetric}
		network.Table = table
		routes = append(routes, network)
		network.Table, network.Metric = Main, lineMetric(l.number)
		routes = append(routes, network)
	}
	for _, r := range l.lease.Routes {
		route := l.via(r.Gateway)
		route.Destination, route.Metric = r.Destination, MainMetric
		route.Table = table
		routes = append(routes, route)
		route.Table, route.Metric = Main, lineMetric(l.number)
		routes = append(routes, route)
	}
	def := l.via(l.lease.Gateway)
	def.Table, def.Destination, def.Metric = table, anyIPv4, MainMetric
	return append(routes, def)
}

// lineMetric keeps equal networks of two WANs apart in the main table.
func lineMetric(number int) int { return 100 + number }

func (l *line) source() netip.Addr {
	if l.config.Kind == Peer {
		return netip.Addr{}
	}
	return l.lease.Address.Addr()
}

// via is a route through a gateway of this line, without destination and table.
func (l *line) via(gateway netip.Addr) Route {
	r := Route{Device: l.way.Name, Source: l.source(), MTU: l.hint(l.mtu4())}
	if gateway.IsValid() && !gateway.IsUnspecified() {
		r.Gateway = gateway
		r.OnLink = l.config.Kind != Peer && !l.lease.Address.Masked().Contains(gateway)
	}
	return r
}

// mainDefault is the default route of the main table: the router's own traffic and its DNS follow the decision.
func (s *State) mainDefault(d Decision) []Route {
	def := Route{Table: Main, Destination: anyIPv4, Metric: MainMetric}
	var single Route
	for _, name := range d.Carrying {
		l := s.line(name)
		if l.lease == nil || l.way.Index == 0 {
			continue
		}
		single = l.via(l.lease.Gateway)
		def.Hops = append(def.Hops, Hop{Gateway: single.Gateway, Device: single.Device, Weight: l.config.Weight})
	}
	switch len(def.Hops) {
	case 0:
		return nil
	case 1:
		single.Table, single.Destination, single.Metric = def.Table, def.Destination, def.Metric
		return []Route{single}
	}
	return []Route{def}
}

// alive reports whether flows that belong to a WAN are still sent to it.
func (s *State) alive(d Decision, i int) bool {
	return d.FailOpen || d.Conditions[i].usable()
}

// policy is the firewall's view of a decision.
func (s *State) policy(d Decision, lan string) firewall.Policy {
	p := firewall.Policy{Forwards: s.config.Forwards}
	if lan != "" {
		p.LAN, p.Fast = []string{lan}, []string{lan}
	}
	s.admit(&p, lan)
	s.keepForward(&p, d)
	if a := s.config.LAN.Address; a.IsValid() {
		p.Subnets = []netip.Prefix{a.Masked()}
	}
	for _, n := range s.networks6(d) {
		p.Subnets = append(p.Subnets, n.Prefix)
	}
	if p.Six = s.directs(); p.Six && s.config.LAN.Translate {
		p.Inner = s.config.LAN.Prefix.Masked()
	}
	for i, l := range s.lines {
		w := firewall.WAN{Name: l.config.Name, Device: l.device(), Mark: l.mark(), MTU: l.mtu4(), MTU6: l.mtu6(), Alive: s.alive(d, i), Peer: l.config.Kind == Peer,
			Metered: l.metered(), Class: d.Conditions[i].Limited}
		w.Offload = s.offloads(l, d.Conditions[i])
		if l.lease != nil && !w.Peer {
			w.Addresses = []netip.Addr{l.lease.Address.Addr()}
		}
		if p.Six && l.speaks(s.config.LAN) {
			s.policy6(&w, d, i, lan)
		}
		if p.Six && w.Peer {
			s.policyLent6(&p, &w, d, i)
		}
		p.WANs = append(p.WANs, w)
		if len(d.Carrying) > 1 && d.Carries(l.config.Name) {
			p.Shares = append(p.Shares, firewall.Share{Mark: l.mark(), Weight: l.config.Weight})
		}
	}
	for _, rule := range s.config.Policies {
		p.Uses = append(p.Uses, s.use(d, rule))
	}
	return p
}
