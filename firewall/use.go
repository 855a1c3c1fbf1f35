package firewall

import (
	"fmt"
	"net/netip"
	"slices"
)

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

// share gives each WAN what is its own by its source, and spreads the rest. Where that is IPv6, the filter refuses it: a host whose
// addresses are all of other WANs than its policy's is to use IPv4.
func (b *builder) share(shares []Share) []Rule {
	if len(shares) < 2 {
		return b.spread(shares)
	}
	alive := slices.DeleteFunc(b.of(shares), func(w way) bool { return !w.Alive6 })
	return append(b.bySource(alive), b.spread(shares)...)
}

// use is one [[policy]]: the rules that lead to its chain, and the chain.
func (b *builder) use(name string, u Use, otherwise Verdict) []Rule {
	shares := b.usable(u.Via)
	switch {
	case len(shares) > 0:
		b.chain(name, b.share(shares)...)
	case b.blocks(u):
		b.chain(name, Rule{SetMark{Field: PacketMark, Mask: markBlocked, Mark: markBlocked}})
	default:
		b.chain(name, Rule{otherwise})
	}
	var rules []Rule
	for _, fit := range b.fits(name, u) {
		rules = append(rules, concat(fit, []Expr{goTo(name)}))
	}
	return rules
}

// useName names the chain and the sets of the i-th use, counted from 0.
func useName(i int) string { return fmt.Sprintf("use_%d", i+1) }

// fits are the ways in which a packet can fit a policy.
func (b *builder) fits(name string, u Use) [][]Expr {
	var all [][]Expr
	for _, addresses := range b.addressed(name, u) {
		for _, rest := range b.described(name, u) {
			all = append(all, concat(addresses, rest))
		}
	}
	return all
}

// blocks reports whether a policy lets its packets go nowhere.
func (b *builder) blocks(u Use) bool { return u.Block && len(b.usable(u.Via)) == 0 }

// addressed are the ways in which a packet can have the addresses of a policy: any, or those of each
// family that the policy speaks of.
func (b *builder) addressed(name string, u Use) [][]Expr {
	if len(u.Sources) == 0 && len(u.Destinations) == 0 {
		return [][]Expr{nil}
	}
	from4, from6 := prefixes(u.Sources)
	to4, to6 := prefixes(u.Destinations)
	var found [][]Expr
	if meant(u.Sources, from4) && meant(u.Destinations, to4) {
		found = append(found, concat(
			b.among(Source4, name+"_source4", Address4, from4),
			b.among(Destination4, name+"_destination4", Address4, to4)))
	}
	if meant(u.Sources, from6) && meant(u.Destinations, to6) {
		found = append(found, concat(
			b.among(Source6, name+"_source6", Address6, from6),
			b.among(Destination6, name+"_destination6", Address6, to6)))
	}
	return found
}

// meant says whether a list that is given has something of a family; one that is not given means all.
func meant(given []netip.Prefix, ofFamily []Element) bool {
	return len(given) == 0 || len(ofFamily) > 0
}

// among matches a set of addresses; of none it is no match at all.
func (b *builder) among(f Field, name string, kind Type, elements []Element) []Expr {
	if len(elements) == 0 {
		return nil
	}
	return []Expr{in(f, b.once(name, kind, true, elements))}
}

// described are the ways in which a packet can have the devices and ports of a policy.
func (b *builder) described(name string, u Use) [][]Expr {
	var station []Expr
	if len(u.Devices) > 0 {
		station = []Expr{in(EtherSource, b.once(name+"_device", Ethernet, false, stations(u.Devices)))}
	}
	if len(u.Ports) == 0 {
		return [][]Expr{station}
	}
	set := b.once(name+"_port", Port, true, ports(u.Ports))
	return [][]Expr{
		concat(station, []Expr{in(TCPPort, set)}),
		concat(station, []Expr{in(UDPPort, set)}),
	}
}

// once is set for names that more than one rule uses.
func (b *builder) once(name string, kind Type, interval bool, elements []Element) string {
	if slices.ContainsFunc(b.rules.Sets, func(s Set) bool { return s.Name == name }) {
		return name
	}
	return b.set(name, kind, interval, elements)
}
