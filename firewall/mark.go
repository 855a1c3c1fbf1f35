package firewall

// markBlocked is carried by packets whose [[policy]] refuses them, from marking to filtering.
const markBlocked Mark = 0x20000

// raw keeps our own spoofed ACKs untracked: an entry of theirs would swallow the client's answer.
func (b *builder) raw() {
	b.base("raw_output", Hook{Type: "filter", At: "output", Priority: priorityRaw}, Rule{flagged(MarkPoke), Notrack{}})
}

// prerouting chooses the way of the house's packets and remembers by which WAN a connection came in. Every packet
// passes here: a device is compared by name, for looking it up in a set showed in profiles (docs/benchmarks.md).
func (b *builder) prerouting() {
	for _, w := range b.ways {
		b.chain("via_"+w.word, b.follow(w)...)
		b.chain("take_"+w.word, Rule{setWAN(ConnMark, w.Mark)}, Rule{goTo("via_" + w.word)})
	}
	b.choose()
	var partner []Rule
	if b.crosses() {
		b.lend()
		partner = []Rule{concat(b.partner(), []Expr{goTo("from_partner")})}
	}
	b.chain("from_house", append(append(partner, b.restore(b.ways)...),
		Rule{wan(ConnMark, 0), known(), accept()},
		Rule{goTo("choose")})...)
	var rules []Rule
	for _, device := range b.lan {
		rules = append(rules, Rule{from(device), goTo("from_house")})
	}
	for _, w := range b.uplinks() {
		b.arrive(w)
		rules = append(rules, Rule{from(w.Device), goTo("from_" + w.word)})
	}
	b.base("mangle_prerouting", Hook{Type: "filter", At: "prerouting", Priority: priorityMangle}, rules...)
}

// arrive is the chain of packets from a WAN. Where the MTU is unknown, so is the route: see builder.clampByRoute.
func (b *builder) arrive(w way) {
	rules := append(b.scanned(), Rule{fresh(), setWAN(ConnMark, w.Mark)})
	if w.MTU != 0 {
		rules = append(rules, clamp(w))
	}
	b.chain("from_"+w.word, rules...)
}

// follow is the chain of packets of a flow whose WAN is known: they go there, and what is sent in one piece fits.
func (b *builder) follow(w way) []Rule {
	rules := []Rule{{setWAN(PacketMark, w.Mark)}}
	if w.MTU != 0 && !w.Peer {
		rules = append(rules, clamp(w))
	}
	return rules
}

// restore sends the packets of a flow to the WAN that the flow belongs to. A dead one gets none.
func (b *builder) restore(ways []way) []Rule {
	var rules []Rule
	for _, w := range ways {
		belongs, follow := wan(ConnMark, w.Mark), goTo("via_"+w.word)
		switch alive6 := b.alive6(w); {
		case w.Alive && alive6:
			rules = append(rules, Rule{belongs, follow})
		case w.Alive:
			rules = append(rules, Rule{belongs, ipv4(), follow})
		case alive6:
			rules = append(rules, Rule{belongs, ipv6(), follow})
		}
	}
	return rules
}

// alive6 is a WAN's Alive for IPv6.
func (b *builder) alive6(w way) bool {
	if b.directs() {
		return w.Alive6
	}
	return w.Alive
}

// choose decides the way of flows that have none: new ones, those of a dead WAN, and what conntrack
// cannot follow because a peer's answers do not pass here. The hash decides the same for all of a flow.
func (b *builder) choose() {
	rules := b.elsewhere()
	last := b.rest()
	for i, u := range b.policy.Uses {
		rules = append(rules, b.use(useName(i), u, last)...)
	}
	if last.Kind == Goto {
		rules = append(rules, Rule{last})
	}
	b.chain("choose", rules...)
}

// elsewhere lets pass what is for no WAN, or whose way the other direction has chosen.
func (b *builder) elsewhere() []Rule {
	return []Rule{
		{flagged(MarkDiverted), accept()},
		{Match{Field: ConnSide, Value: small("reply", 1)}, accept()},
		{in(Destination4, setHouse4), accept()},
		{in(Destination6, setHouse6), accept()},
		{kind("local", kindLocal), accept()},
		{kind("broadcast", kindBroadcast), accept()},
		{kind("multicast", kindMulticast), accept()},
	}
}

// rest is what becomes of flows that no policy is for.
func (b *builder) rest() Verdict {
	last := accept()
	if shares := b.usable(b.policy.Shares); len(shares) > 1 {
		b.chain("share", b.spread(shares)...)
		last = goTo("share")
	}
	if !b.directs() {
		return last
	}
	b.stray()
	b.chain("rest", Rule{ipv6(), goTo(b.choose6())}, Rule{last})
	return goTo("rest")
}
