package firewall

import "fmt"

// markBlocked is carried by packets whose [[policy]] refuses them, from marking to filtering.
const markBlocked Mark = 0x20000

// raw keeps our own spoofed ACKs untracked: an entry of theirs would swallow the client's answer.
func (b *builder) raw() {
	rule := Rule{flagged(MarkPoke), Notrack{}}
	b.base("raw_prerouting", Hook{Type: "filter", At: "prerouting", Priority: priorityRaw}, rule)
	b.base("raw_output", Hook{Type: "filter", At: "output", Priority: priorityRaw}, rule)
}

// prerouting chooses the way of the house's packets and remembers by which WAN a connection came in.
func (b *builder) prerouting() {
	for _, w := range b.ways {
		b.chain("via_"+w.word, Rule{setWAN(PacketMark, w.Mark)})
		b.chain("take_"+w.word, Rule{setWAN(ConnMark, w.Mark)}, Rule{goTo("via_" + w.word)})
	}
	b.choose()
	var rules []Rule
	for _, w := range b.uplinks() {
		b.arrive(w)
		rules = append(rules, Rule{from(w.Device), goTo("from_" + w.word)})
	}
	rules = append(rules, Rule{out(InDevice, setLAN), accept()})
	rules = append(rules, b.restore(func(w way) bool { return w.Alive })...)
	rules = append(rules,
		Rule{wan(ConnMark, 0), known(), accept()},
		Rule{goTo("choose")})
	b.base("mangle_prerouting", Hook{Type: "filter", At: "prerouting", Priority: priorityMangle}, rules...)
}

// arrive is the chain of packets from a WAN.
func (b *builder) arrive(w way) {
	rules := clamps(w)
	if w.MTU == 0 {
		rules = nil // the route is not known yet: see builder.clampForwarded
	}
	b.chain("from_"+w.word, append(rules, Rule{fresh(), setWAN(ConnMark, w.Mark)})...)
}

// restore sends the packets of a flow to the WAN that the flow belongs to. A dead one gets none.
func (b *builder) restore(usable func(way) bool) []Rule {
	var rules []Rule
	for _, w := range b.ways {
		if usable(w) {
			rules = append(rules, Rule{wan(ConnMark, w.Mark), goTo("via_" + w.word)})
		}
	}
	return rules
}

// choose decides the way of flows that have none: new ones, those of a dead WAN, and what conntrack
// cannot follow because a peer's answers do not pass here. The hash decides the same for all of a flow.
func (b *builder) choose() {
	rules := []Rule{
		{Match{Field: ConnSide, Value: small("reply", 1)}, accept()},
		{in(Destination4, setHouse4), accept()},
		{in(Destination6, setHouse6), accept()},
		{kind("local", kindLocal), accept()},
		{kind("broadcast", kindBroadcast), accept()},
		{kind("multicast", kindMulticast), accept()},
	}
	last := accept()
	if shares := b.usable(b.policy.Shares); len(shares) > 1 {
		b.chain("share", b.spread(shares)...)
		last = goTo("share")
	}
	for i, u := range b.policy.Uses {
		rules = append(rules, b.use(i+1, u, last)...)
	}
	if last.Kind == Goto {
		rules = append(rules, Rule{last})
	}
	b.chain("choose", rules...)
}

// heaviest keeps the sum of any number of weights within the 32 bits of the hash.
const heaviest = 1 << 16

// usable drops shares of nothing and of WANs that have no device.
func (b *builder) usable(shares []Share) []Share {
	var found []Share
	for _, s := range shares {
		if _, ok := b.word(s.Mark); ok && s.Weight > 0 {
			s.Weight = min(s.Weight, heaviest)
			found = append(found, s)
		}
	}
	return found
}

func (b *builder) word(m Mark) (string, bool) {
	for _, w := range b.ways {
		if w.Mark == m {
			return w.word, true
		}
	}
	return "", false
}

// spread gives each WAN its part of the pairs of source and destination.
func (b *builder) spread(shares []Share) []Rule {
	var total, below uint32
	for _, s := range shares {
		total += uint32(s.Weight)
	}
	var rules []Rule
	for i, s := range shares {
		word, _ := b.word(s.Mark)
		take := goTo("take_" + word)
		below += uint32(s.Weight)
		if i == len(shares)-1 {
			return append(rules, Rule{take})
		}
		rules = append(rules,
			Rule{Hashed{Modulus: total, Below: below}, take},
			Rule{Hashed{Six: true, Modulus: total, Below: below}, take})
	}
	return rules
}

// use is one [[policy]]: the rules that lead to its chain, and the chain. The n-th, counted from 1.
func (b *builder) use(n int, u Use, otherwise Verdict) []Rule {
	name := fmt.Sprintf("use_%d", n)
	shares := b.usable(u.Via)
	switch {
	case len(shares) > 0:
		b.chain(name, b.spread(shares)...)
	case u.Block:
		b.chain(name, Rule{SetMark{Field: PacketMark, Mask: markBlocked, Mark: markBlocked}})
	default:
		b.chain(name, Rule{otherwise})
	}
	var rules []Rule
	for _, addresses := range b.addressed(name, u) {
		for _, rest := range b.described(name, u) {
			rules = append(rules, join(addresses, rest, and(goTo(name))))
		}
	}
	return rules
}

// addressed are the ways in which a packet can have the addresses of a policy: none, one or both families.
func (b *builder) addressed(name string, u Use) [][]Expr {
	if len(u.Sources) == 0 && len(u.Destinations) == 0 {
		return [][]Expr{nil}
	}
	source4, source6 := prefixes(u.Sources)
	dest4, dest6 := prefixes(u.Destinations)
	var ways [][]Expr
	for _, f := range []struct {
		word, kind         string
		address            Type
		from, to           Field
		sources, locations []Element
	}{
		{name, "4", Address4, Source4, Destination4, source4, dest4},
		{name, "6", Address6, Source6, Destination6, source6, dest6},
	} {
		if len(u.Sources) > 0 && len(f.sources) == 0 || len(u.Destinations) > 0 && len(f.locations) == 0 {
			continue // nothing of this family is meant
		}
		var exprs []Expr
		if len(f.sources) > 0 {
			exprs = append(exprs, in(f.from, b.set(f.word+"_source"+f.kind, f.address, true, f.sources)))
		}
		if len(f.locations) > 0 {
			exprs = append(exprs, in(f.to, b.set(f.word+"_destination"+f.kind, f.address, true, f.locations)))
		}
		ways = append(ways, exprs)
	}
	return ways
}
