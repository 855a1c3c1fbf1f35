package firewall

import (
	"net/netip"
	"slices"
)

// ownLink are addresses that leave no link: link-local ones, and none.
var ownLink = []netip.Prefix{netip.MustParsePrefix("::/128"), netip.MustParsePrefix("fe80::/10")}

// directs reports whether the house's IPv6 goes by its source. ISPs drop what has the source of another one (BCP 38).
func (b *builder) directs() bool { return b.policy.Six && len(b.ways) > 0 }

// sources are a WAN's own IPv6 networks, none within another. Rules name them one by one: a packet that is in the middle of the rules when
// they are exchanged still sees the old ones, but already finds the old sets empty (seen 2026-11-22: a connection refused at a reload).
func sources(w way) []netip.Prefix {
	var found []netip.Prefix
	for _, p := range w.Sources6 {
		p = p.Masked()
		inside := func(other netip.Prefix) bool {
			return other.Contains(p.Addr()) && (other.Bits() < p.Bits() || other.Bits() == p.Bits() && slices.Contains(found, p))
		}
		if p.Addr().Is6() && !p.Addr().Is4In6() && !slices.ContainsFunc(w.Sources6, func(o netip.Prefix) bool { return inside(o.Masked()) }) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, netip.Prefix.Compare)
	return found
}

// from6 wants a source in a network, notFrom6 one in none of these.
func from6(p netip.Prefix) Within { return Within{Field: Source6, Prefix: p} }

func notFrom6(list ...netip.Prefix) []Expr {
	var all []Expr
	for _, p := range list {
		all = append(all, Within{Field: Source6, Not: true, Prefix: p})
	}
	return all
}

// translates reports whether there is a network of the house's own that a WAN may take the place of.
func (b *builder) translates() bool {
	inner := b.policy.Inner
	return b.directs() && inner.IsValid() && inner.Addr().Is6() && !inner.Addr().Is4In6() && slices.ContainsFunc(b.ways, b.replaces)
}

// replaces reports whether Policy.Inner may leave by a WAN.
func (b *builder) replaces(w way) bool {
	t := w.Translate
	return !w.Peer && t.IsValid() && t.Addr().Is6() && !t.Addr().Is4In6() && t.Bits() == b.policy.Inner.Bits()
}

// bySource sends each packet of these WANs' sources to its WAN.
func (b *builder) bySource(ways []way) []Rule {
	var rules []Rule
	if !b.directs() {
		return nil
	}
	for _, w := range ways {
		for _, p := range sources(w) {
			rules = append(rules, Rule{from6(p), goTo("take_" + w.word)})
		}
	}
	return rules
}

// of are the WANs of some shares.
func (b *builder) of(shares []Share) []way {
	var found []way
	for _, w := range b.ways {
		if slices.ContainsFunc(shares, func(s Share) bool { return s.Mark == w.Mark }) {
			found = append(found, w)
		}
	}
	return found
}

// choose6 is the chain of the house's IPv6 that no policy is for, and returns its name. What belongs to no WAN that is open may still
// go to a network that the router knows; the filter sees to it that it leaves by no WAN.
func (b *builder) choose6() string {
	var open []way
	for _, w := range b.ways {
		if w.Open6 {
			open = append(open, w)
		}
	}
	rules := b.bySource(open)
	if b.translates() {
		rules = append(rules, Rule{from6(b.policy.Inner.Masked()), b.share6()})
	}
	rules = append(rules, Rule{ipv6(), Match{Field: RouteThere, Value: native("missing", 0)}, goTo("stray")})
	b.chain("choose6", rules...)
	return "choose6"
}

// share6 spreads what is translated over the WANs that translate; by the main table where none has a share.
func (b *builder) share6() Verdict {
	var shares []Share
	for _, s := range b.usable(b.policy.Shares) {
		if slices.ContainsFunc(b.of([]Share{s}), func(w way) bool { return w.Open6 && b.replaces(w) }) {
			shares = append(shares, s)
		}
	}
	if len(shares) == 0 {
		return accept()
	}
	b.chain("share6", b.spread(shares)...)
	return goTo("share6")
}

// stray adds the chain of IPv6 packets that no WAN carries. A host that begins something learns to take another source, or
// IPv4 (RFC 4443 §3.1, code 5; RFC 7084 L-14), and one that is in the middle of something that it is over.
func (b *builder) stray() {
	if !b.directs() {
		return
	}
	b.chain("stray",
		Rule{b.count("stray")},
		Rule{midstream(), Reject{Reset: true}},
		Rule{ipv6(), Reject{Policy: true}})
}

// strays keep IPv6 from leaving by a WAN whose it is not, whatever marks and routes say.
func (b *builder) strays(allowed ...netip.Prefix) []Rule {
	if !b.directs() {
		return nil
	}
	var rules []Rule
	for _, w := range b.uplinks() {
		own := append(slices.Clone(allowed), sources(w)...)
		if b.translates() && b.replaces(w) {
			own = append(own, b.policy.Inner.Masked())
		}
		rules = append(rules, concat([]Expr{ipv6(), leaving(w.Device)}, notFrom6(own...), []Expr{goTo("stray")}))
	}
	return rules
}

// filterOutput holds the router itself to what it asks of the house.
func (b *builder) filterOutput() {
	if !b.directs() || len(b.uplinks()) == 0 {
		return
	}
	b.base("filter_output", Hook{Type: "filter", At: "output", Priority: priorityFilter}, b.strays(ownLink...)...)
}

// scanned bounds what strangers hear of the networks that are delegated and not in use: the kernel answers for those itself, and
// has a thousand answers a second for everybody, the house included.
func (b *builder) scanned() []Rule {
	if !b.directs() {
		return nil
	}
	nowhere := []Expr{ipv6(), fresh(), kind("unreachable", kindUnreachable)}
	return []Rule{concat(nowhere, []Expr{echoes(), accept()}), concat(nowhere, []Expr{drop()})}
}

// translate gives the house's own network the WAN's place, host by host, and connection tracking turns the answers back. RFC 6296 would do without it,
// but the firewall needs it anyway.
func (b *builder) translate() []Rule {
	if !b.translates() {
		return nil
	}
	var rules []Rule
	for _, w := range b.uplinks() {
		if b.replaces(w) {
			rules = append(rules, Rule{leaving(w.Device), from6(b.policy.Inner.Masked()), Translate{To: w.Translate.Masked()}})
		}
	}
	return rules
}

// pinhole opens a port of a host itself, nil for a forward over IPv4.
func (b *builder) pinhole(f Forward) []Rule {
	host := f.To.Addr().WithZone("")
	if !host.Is6() || host.Is4In6() {
		return nil
	}
	if f.To.Port() != 0 {
		f.Ports = PortRange{f.To.Port(), f.To.Port()}
	}
	asked := f.asked()
	if asked == nil {
		return nil
	}
	var rules []Rule
	for _, w := range b.uplinks() {
		if f.by(w) {
			rules = append(rules, Rule{from(w.Device), b.house(OutDevice), to6(host), asked, accept()})
		}
	}
	return rules
}

// to6 wants an IPv6 destination, or only its last 64 bits where that is all that is known of it.
func to6(host netip.Addr) Expr {
	if !ending(host) {
		return address(host)
	}
	end := netip.MustParseAddr("::ffff:ffff:ffff:ffff")
	return Masked{Field: Destination6, Mask: Value{Text: end.String(), Bytes: end.AsSlice()}, Value: Value{Text: host.String(), Bytes: host.AsSlice()}}
}

// ending reports whether an address is the last half of one.
func ending(a netip.Addr) bool {
	bytes := a.As16()
	return a.Is6() && [8]byte(bytes[:8]) == [8]byte{}
}
