package firewall

import (
	"fmt"
	"strconv"
	"strings"
)

// flowTable is the name of our one flow table (nft(8), "Flowtables"): packets of flows that it has go from device to device as soon as
// they come in, and are spared the ruleset.
const flowTable = "fast"

// Offload hands the packet's flow over to the flow table. The kernel refuses what it must see packet by packet: the opening and the
// end of a TCP connection, and protocols that need help; the rule then ends, and the packet goes on.
type Offload struct{}

func (Offload) String() string { return "flow add @" + flowTable }
func (Offload) closed()        {}

// fast are the lines whose flows the flow table may have.
func (b *builder) fast() []way {
	var found []way
	for _, w := range b.uplinks() {
		if w.Offload && w.Alive && len(b.policy.Fast) > 0 {
			found = append(found, w)
		}
	}
	return found
}

// offload hands over flows between the house and a line, once both sides have spoken. Only what comes back from the line does it, and with
// the line's mark: the kernel then looks the way out up as the marks want it. From the other side it would ask the line's table
// for the way to the house. A flow never outlives the ruleset in the flow table, which is made anew with it: so whatever changes the
// ways of the house puts all flows back on the slow path first.
func (b *builder) offload() []Rule {
	ways := b.fast()
	if len(ways) == 0 {
		return nil
	}
	b.rules.Fast = append(b.rules.Fast, b.policy.Fast...)
	protocols := b.set("fast_protocol", Protocols, false, []Element{number("tcp", 6), number("udp", 17)})
	var rules []Rule
	for _, w := range ways {
		b.rules.Fast = append(b.rules.Fast, w.Device)
		// IPv4: a route of IPv6 that changes is not always noticed by a flow that has it already.
		rules = append(rules, Rule{from(w.Device), b.house(OutDevice), ipv4(), established(), in(Protocol, protocols),
			wan(ConnMark, w.Mark), setWAN(PacketMark, w.Mark), Offload{}})
	}
	return rules
}

func established() Bits { return bits(ConnState, "established", stateEstablished) }

// printFast is the flow table as nft text.
func printFast(b *strings.Builder, devices []string) {
	if len(devices) == 0 {
		return
	}
	quoted := make([]string, len(devices))
	for i, d := range devices {
		quoted[i] = strconv.Quote(d)
	}
	fmt.Fprintf(b, "\tflowtable %s {\n\t\thook ingress priority 0\n\t\tdevices = { %s }\n\t}\n\n", flowTable, strings.Join(quoted, ", "))
}

// WithoutFast is the ruleset for a kernel that has no flow tables: every packet passes it.
func (r Ruleset) WithoutFast() Ruleset {
	if len(r.Fast) == 0 {
		return r
	}
	r.Fast = nil
	chains := make([]Chain, len(r.Chains))
	for i, c := range r.Chains {
		rules := c.Rules
		c.Rules = nil
		for _, rule := range rules {
			if !rule.offloads() {
				c.Rules = append(c.Rules, rule)
			}
		}
		chains[i] = c
	}
	r.Chains = chains
	return r
}

func (r Rule) offloads() bool {
	if len(r) == 0 {
		return false
	}
	_, does := r[len(r)-1].(Offload)
	return does
}
