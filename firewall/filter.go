package firewall

import (
	"net/netip"
	"slices"
)

// filter is what may pass: from the house everything, from a WAN what was asked for.
func (b *builder) filter() {
	b.chain("refuse",
		// Five lines a minute tell that something knocks without filling an SD card; the counters know how often.
		Rule{Limit{Rate: 5, Burst: 5, Minute: true}, Log{Prefix: "twinpath: "}},
		Rule{drop()})
	b.input()
	b.forward()
	b.filterOutput()
}

// input protects the router. Nothing of ours listens on a WAN.
func (b *builder) input() {
	rules := append([]Rule{{from("lo"), accept()}}, b.refused()...)
	rules = append(rules,
		Rule{known(), accept()},
		Rule{in(InDevice, setLAN), accept()})
	if len(b.own) > 0 {
		rules = append(rules, Rule{in(InDevice, b.set(setOwn, Device, false, devices(b.own))), accept()})
	}
	rules = append(rules, []Rule{
		{invalid(), b.count("invalid"), drop()},
		{Match{Field: ICMPType, Value: small("echo-request", 8)}, echoes(), accept()},
		{in(ICMPType, setICMPErrors), accept()},
		{in(ICMPv6Type, setICMPv6Errors), accept()},
		{Match{Field: ICMPv6Type, Value: small("echo-request", 128)}, echoes(), accept()},
		// RFC 4861 §6.1.2, §7.1: neighbour discovery that passed a router is forged.
		{Match{Field: HopLimit6, Value: small("255", 255)}, in(ICMPv6Type, setNeighbours), accept()},
		{in(ICMPv6Type, setListeners), accept()},
		{ipv4(), port(UDPFrom, 67), port(UDPPort, 68), accept()},
		{ipv6(), port(UDPPort, 546), accept()},
	}...)
	rules = append(rules, b.refusals()...)
	b.base("filter_input", Hook{Type: "filter", At: "input", Priority: priorityFilter, Drop: true}, rules...)
}

// refused keeps everything from the virtual addresses that are only passed on for the house: but pings, by which
// people look for the Active, and neighbour discovery (RFC 9568 §6.4.3).
func (b *builder) refused() []Rule {
	var prefixed []netip.Prefix
	for _, a := range b.policy.Refused {
		if a = a.Unmap().WithZone(""); a.IsValid() {
			prefixed = append(prefixed, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	if len(prefixed) == 0 {
		return nil
	}
	b.chain("refused",
		Rule{Match{Field: ICMPType, Value: small("echo-request", 8)}, echoes(), accept()},
		Rule{Match{Field: ICMPv6Type, Value: small("echo-request", 128)}, echoes(), accept()},
		Rule{ipv6(), Match{Field: HopLimit6, Value: small("255", 255)}, in(ICMPv6Type, b.once(setSolicited, ICMPv6, false, []Element{
			number("nd-neighbor-solicit", 135), number("nd-neighbor-advert", 136)})), accept()},
		Rule{b.count("refused"), drop()})
	four, six := prefixes(prefixed)
	return []Rule{
		{in(Destination4, b.set("refused4", Address4, true, four)), goTo("refused")},
		{in(Destination6, b.set("refused6", Address6, true, six)), goTo("refused")},
	}
}

// echoes is how much ping of us is answered: enough for a person and for an ISP's monitor.
func echoes() Limit { return Limit{Rate: 20, Burst: 20} }

// refusals count and refuse what is left over.
func (b *builder) refusals() []Rule {
	var rules []Rule
	for _, w := range b.uplinks() {
		rules = append(rules, Rule{from(w.Device), b.count("dropped_" + w.word), goTo("refuse")})
	}
	return append(rules, Rule{b.count("unmatched"), goTo("refuse")})
}

func (b *builder) forward() {
	house := b.house(InDevice)
	rules := append(b.blocked(), b.strays()...)
	rules = append(rules, b.back()...)
	rules = append(rules, b.offload()...)
	rules = append(rules,
		Rule{known(), accept()},
		// Before anything about states: of a flow through the peer we see one direction only.
		Rule{house, b.house(OutDevice), accept()},
		// A connection that the switch forgot is told so at once (multi-WAN notes §5.1).
		Rule{house, fresh(), midstream(), b.count("resets"), Reject{Reset: true}},
		Rule{invalid(), b.count("invalid"), drop()},
		Rule{house, in(OutDevice, setUplink), accept()},
		Rule{in(InDevice, setUplink), bits(ConnStatus, "dnat", statusRedirected), accept()})
	for _, f := range b.policy.Forwards {
		rules = append(rules, b.pinhole(f)...)
	}
	if b.directs() {
		// RFC 4890 §4.3.1; errors belong to a flow, and have passed above.
		rules = append(rules, Rule{in(InDevice, setUplink), b.house(OutDevice), Match{Field: ICMPv6Type, Value: small("echo-request", 128)}, echoes(), accept()})
	}
	rules = append(rules, b.refusals()...)
	b.base("filter_forward", Hook{Type: "filter", At: "forward", Priority: priorityFilter, Drop: true}, rules...)
}

// house wants a device of the house, by name when there is only one: that is less work than a set.
func (b *builder) house(f Field) Expr {
	if len(b.lan) == 1 {
		return Match{Field: f, Value: device(b.lan[0])}
	}
	return in(f, setLAN)
}

// blocked refuses what a policy refuses, known flows too; without such a policy nobody pays for it.
func (b *builder) blocked() []Rule {
	count := b.count("blocked")
	if !slices.ContainsFunc(b.policy.Uses, b.blocks) {
		return nil
	}
	b.chain("blocked",
		// Its line may come back before anybody ends the flow: say nothing that the other end believes.
		Rule{known(), drop()},
		Rule{midstream(), Reject{Reset: true}},
		Rule{Reject{}})
	return []Rule{{flagged(markBlocked), count, goTo("blocked")}}
}
