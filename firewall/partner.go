package firewall

import "slices"

// MarkLent is carried, beside a WAN's mark, by connections of the other router itself that a line of this one carries: it has them at any time
// from anywhere, and nobody need hand them over.
const MarkLent Mark = 0x200000

// partner wants a packet to come from the other router, by its Ethernet address; nil: that is not known.
func (b *builder) partner() []Expr {
	station := stations([]string{b.policy.Partner})
	if len(station) == 0 || len(b.lan) == 0 {
		return nil
	}
	return []Expr{Match{Field: EtherSource, Value: Value{Text: station[0].Text, Bytes: station[0].First}}}
}

// crosses reports whether packets might go back to the other router, where they came from.
func (b *builder) crosses() bool {
	return b.partner() != nil && slices.ContainsFunc(b.ways, func(w way) bool { return w.Peer })
}

// lend sends what comes from the other router on by lines of this one's own, and never back: it has chosen this router by its policies already,
// and of a device it hides the Ethernet address that a policy may be for.
func (b *builder) lend() {
	b.chain("lent", b.lent()...)
	rules := b.elsewhere()
	for i, u := range b.policy.Uses {
		if len(u.Devices) == 0 {
			rules = append(rules, b.lendUse(i, u)...)
		}
	}
	b.chain("choose_lent", append(rules, Rule{goTo("lent")})...)
	b.chain("from_partner", append(append(b.restore(b.uplinks()), b.crossed()...),
		Rule{wan(ConnMark, 0), known(), accept()},
		Rule{goTo("choose_lent")})...)
}

// crossed drops what belongs to a flow that went back to the other router before it was known: it was given no address of a line then, and would leave
// without one now. The router ends these flows.
func (b *builder) crossed() []Rule {
	var rules []Rule
	for _, w := range b.ways {
		if w.Peer {
			rules = append(rules, Rule{wan(ConnMark, w.Mark), b.count("back"), drop()})
		}
	}
	return rules
}

// lent is what becomes of the other router's packets that no policy is for: IPv6 by its source, and else by the lines that Policy.Lent names. Without these
// the main table's default route leads to one of this router's own, or the filter refuses the packet.
func (b *builder) lent() []Rule {
	rules := b.bySource(slices.DeleteFunc(b.uplinks(), func(w way) bool { return !w.Alive6 }))
	if b.directs() {
		rules = append(rules, Rule{ipv6(), goTo("choose6")})
	}
	return append(rules, b.spread(b.owned(b.policy.Lent))...)
}

// owned are the usable shares of WANs with a device of their own.
func (b *builder) owned(shares []Share) []Share {
	return slices.DeleteFunc(b.usable(shares), func(s Share) bool {
		return slices.ContainsFunc(b.of([]Share{s}), func(w way) bool { return w.Peer })
	})
}

// lendUse is a policy for what comes from the other router. One that leads there only is for nobody.
func (b *builder) lendUse(i int, u Use) []Rule {
	own := b.owned(u.Via)
	if len(own) == 0 && !b.blocks(u) {
		return nil
	}
	name := useName(i)
	if len(own) != len(b.usable(u.Via)) {
		name = "lent_" + name
		b.chain(name, b.share(own)...)
	}
	var rules []Rule
	for _, fit := range b.fits(useName(i), u) {
		rules = append(rules, concat(fit, []Expr{goTo(name)}))
	}
	return rules
}

// back keeps what came from the other router from being sent back to it, whatever routes say: it would go round between the two.
func (b *builder) back() []Rule {
	if !b.crosses() {
		return nil
	}
	b.chain("back",
		Rule{b.count("back")},
		// Its line may come back before anybody ends the flow: say nothing that the other end believes.
		Rule{known(), drop()},
		Rule{midstream(), Reject{Reset: true}},
		Rule{ipv6(), Reject{Policy: true}},
		Rule{Reject{Nowhere: true}})
	start := concat([]Expr{b.house(InDevice), b.house(OutDevice)}, b.partner())
	return []Rule{
		concat(start, []Expr{ipv4(), out(Destination4, setHouse4), goTo("back")}),
		concat(start, []Expr{ipv6(), out(Destination6, setHouse6), goTo("back")}),
	}
}

// markLent marks the other router's own connections.
func (b *builder) markLent() []Rule {
	a := b.policy.PartnerAddress.Unmap()
	if !a.Is4() || len(b.lan) == 0 {
		return nil
	}
	from := Match{Field: Source4, Value: Value{Text: a.String(), Bytes: a.AsSlice()}}
	return []Rule{{b.house(InDevice), from, SetMark{Field: ConnMark, Mask: MarkLent, Mark: MarkLent}}}
}
