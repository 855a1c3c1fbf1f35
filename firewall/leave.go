package firewall

// output keeps the router's own flows, and its answers, on the WAN they belong to. It overrides no mark
// that a socket of ours has set.
func (b *builder) output() {
	rules := []Rule{
		{otherWAN(PacketMark, 0), accept()},
		// A reset or ICMP error to a client carries the mark of the client's flow, but goes to the house.
		{in(Destination4, setHouse4), accept()},
		{in(Destination6, setHouse6), accept()},
	}
	rules = append(rules, b.restore(b.uplinks())...)
	b.base("mangle_output", Hook{Type: "route", At: "output", Priority: priorityMangle}, rules...)
}

// record remembers by which WAN a flow leaves, so that it stays there: whatever the kernel made of the mark, the
// device it chose wins. The daemon's own sockets are left out. It stands in a chain of type nat, which only the first
// packet of a flow passes: a flow whose device changes later is a new one, since masquerade lets go of it.
func (b *builder) record() []Rule {
	var rules []Rule
	for _, w := range b.uplinks() {
		rules = append(rules,
			Rule{leaving(w.Device), otherWAN(ConnMark, w.Mark), unflagged(MarkOwn), setWAN(ConnMark, w.Mark)})
		for _, size := range sizes(w) {
			// A copy of this SYN that is sent later meets the clamp on the flow's way, see builder.follow.
			rules = append(rules, concat([]Expr{leaving(w.Device)}, size))
		}
	}
	return append(rules, b.toPeer()...)
}

// toPeer tells flows through the other router by where they go: to none of the house's networks.
func (b *builder) toPeer() []Rule {
	for _, w := range b.ways {
		if w.Peer {
			start := []Expr{in(InDevice, setLAN), leaving(w.Device), wan(ConnMark, 0)}
			return []Rule{
				concat(start, []Expr{ipv4(), out(Destination4, setHouse4), setWAN(ConnMark, w.Mark)}),
				concat(start, []Expr{ipv6(), out(Destination6, setHouse6), setWAN(ConnMark, w.Mark)}),
			}
		}
	}
	return nil
}

// Headers of IP and TCP without options: RFC 9293 §3.7.1.
const (
	headers4 = 40
	headers6 = 60
	// No path is narrower than what RFC 791 and RFC 8200 §5 demand of IPv4 hosts and IPv6 links.
	narrowest4 = 576
	narrowest6 = 1280
	widest     = 65535
)

// clamps adds the chains that keep both ends of a TCP connection from sending segments the WAN cannot carry.
func (b *builder) clamps() {
	for _, w := range b.uplinks() {
		if w.MTU != 0 {
			b.chain("clamp_"+w.word, sizes(w)...)
		}
	}
}

// sizes are the largest segments for a WAN of known MTU, for both families.
func sizes(w way) []Rule {
	if w.MTU == 0 {
		return nil
	}
	mtu4, mtu6 := min(w.MTU, widest), min(w.MTU, widest)
	if w.MTU6 != 0 {
		mtu6 = min(w.MTU6, widest)
	}
	return []Rule{
		{ipv4(), opening(), Clamp{Size: uint16(max(mtu4, narrowest4) - headers4)}},
		{ipv6(), opening(), Clamp{Size: uint16(max(mtu6, narrowest6) - headers6)}},
	}
}

// clamp sends the packets that announce a segment size to the WAN's chain.
func clamp(w way) Rule { return Rule{opening(), goTo("clamp_" + w.word)} }

// clampByRoute does for WANs of unknown MTU what it can: "rt mtu" needs the route, and looks at both directions of it. It
// finds the way back in the main table whatever the marks say: a WAN that does not have the main default route needs
// its MTU named.
func (b *builder) clampByRoute() {
	var in, out []Rule
	for _, w := range b.uplinks() {
		if w.MTU == 0 {
			in = append(in, Rule{from(w.Device), opening(), Clamp{}})
			out = append(out, Rule{leaving(w.Device), opening(), Clamp{}})
		}
	}
	if len(in) > 0 {
		b.base("mangle_forward", Hook{Type: "filter", At: "forward", Priority: priorityMangle}, in...)
		b.base("mangle_postrouting", Hook{Type: "filter", At: "postrouting", Priority: priorityMangle}, out...)
	}
}
