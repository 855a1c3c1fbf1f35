// Package firewall turns a Policy into the one nftables table of Twinpath, as data.
//
// Build is pure. The Ruleset prints as nft text; internal/kernel loads it.
//
// A packet of the house is marked on its way in (mark.go, use.go), may pass or not (filter.go), gets its way out
// recorded when it leaves (leave.go), and its address changed (nat.go).
package firewall

import "slices"

// Build makes the ruleset of a policy. Without LAN and WAN it filters nothing but refused addresses, and is empty without
// those.
func Build(p Policy) Ruleset {
	b := builder{policy: p, ways: ways(p.WANs)}
	b.lan, b.own = nameables(p.LAN), nameables(p.Own)
	if len(b.lan) == 0 && len(b.ways) == 0 {
		if refused := b.refused(); len(refused) > 0 {
			b.base("filter_input", Hook{Type: "filter", At: "input", Priority: priorityFilter}, append([]Rule{{from("lo"), accept()}}, refused...)...)
		}
		return b.rules
	}
	b.sets()
	b.meters()
	b.raw()
	b.clamps()
	b.prerouting()
	b.output()
	b.clampByRoute()
	b.classes()
	b.filter()
	b.nat()
	return b.rules
}

// builder collects the parts of a ruleset.
type builder struct {
	policy Policy
	lan    []string
	own    []string
	ways   []way
	rules  Ruleset
}

// way is a WAN that has a device, with the word that chains and counters of its are named by.
type way struct {
	WAN
	word string
}

// The hooks' places among those of others: the usual ones of nft's manual page, "priority".
const (
	priorityRaw            = -300
	priorityMangle         = -150
	priorityDestinationNAT = -100
	priorityFilter         = 0
	prioritySourceNAT      = 100
)

func (b *builder) base(name string, hook Hook, rules ...Rule) {
	b.rules.Chains = append(b.rules.Chains, Chain{Name: name, Hook: &hook, Rules: rules})
}

func (b *builder) chain(name string, rules ...Rule) {
	b.rules.Chains = append(b.rules.Chains, Chain{Name: name, Rules: rules})
}

// set adds a set and returns its name.
func (b *builder) set(name string, kind Type, interval bool, elements []Element) string {
	b.rules.Sets = append(b.rules.Sets, Set{Name: name, Type: kind, Interval: interval, Elements: elements})
	return name
}

// count adds a counter and returns the statement that counts in it.
func (b *builder) count(name string) Count {
	if !slices.Contains(b.rules.Counters, name) {
		b.rules.Counters = append(b.rules.Counters, name)
	}
	return Count{Name: name}
}

// Names of the sets that several chains share.
const (
	setLAN          = "lan"    // the house's devices
	setUplink       = "uplink" // devices of WANs, without those of peers
	setHouse4       = "house4" // the house's networks
	setHouse6       = "house6"
	setICMPErrors   = "icmp_errors"
	setICMPv6Errors = "icmpv6_errors"
	setNeighbours   = "icmpv6_neighbours"
	setListeners    = "icmpv6_listeners"
	setOwn          = "own" // devices that only serve this machine
	setSolicited    = "icmpv6_solicited"
)

func (b *builder) sets() {
	var uplinks []string
	for _, w := range b.uplinks() {
		uplinks = append(uplinks, w.Device)
	}
	b.set(setLAN, Device, false, devices(b.lan))
	b.set(setUplink, Device, false, devices(uplinks))
	four, six := prefixes(b.policy.Subnets)
	b.set(setHouse4, Address4, true, four)
	b.set(setHouse6, Address6, true, six)
	b.set(setICMPErrors, ICMP, false, []Element{
		number("destination-unreachable", 3), number("time-exceeded", 11), number("parameter-problem", 12)})
	// RFC 4890 §4.4.1: what a host may not do without.
	b.set(setICMPv6Errors, ICMPv6, false, []Element{
		number("destination-unreachable", 1), number("packet-too-big", 2),
		number("time-exceeded", 3), number("parameter-problem", 4)})
	b.set(setListeners, ICMPv6, false, []Element{
		number("mld-listener-query", 130), number("mld-listener-report", 131),
		number("mld-listener-done", 132), number("mld2-listener-report", 143)})
	b.set(setNeighbours, ICMPv6, false, []Element{
		number("nd-router-advert", 134), number("nd-neighbor-solicit", 135), number("nd-neighbor-advert", 136)})
}

// uplinks are the ways that have a device of their own.
func (b *builder) uplinks() []way {
	var found []way
	for _, w := range b.ways {
		if !w.Peer {
			found = append(found, w)
		}
	}
	return found
}
