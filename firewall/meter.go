package firewall

// Meter names the two counters of a metered WAN.
type Meter struct {
	WAN    string
	Rx, Tx string // from the Internet, and to it
}

// The first and the last that a packet meets: before fragments are put together (conntrack does at −400), and after NAT.
const (
	priorityFirst = -450
	priorityLast  = 300
)

// meters count what metered lines carry, of everybody: the house, this router, and strangers. A line whose interface is away
// keeps its counters. The chains refer to nothing else and last from one ruleset to the next, so that no packet is missed or
// counted twice.
func (b *builder) meters() {
	var in, out []Rule
	for _, w := range b.policy.WANs {
		if !w.Metered || w.Peer {
			continue
		}
		m := Meter{WAN: w.Name, Rx: "rx_" + word(w), Tx: "tx_" + word(w)}
		b.rules.Meters = append(b.rules.Meters, m)
		b.count(m.Rx)
		b.count(m.Tx)
	}
	for _, w := range b.uplinks() {
		if w.Metered {
			in = append(in, Rule{from(w.Device), b.count("rx_" + w.word)})
			out = append(out, Rule{leaving(w.Device), b.count("tx_" + w.word)})
		}
	}
	if len(in) > 0 {
		b.base("meter_in", Hook{Type: "filter", At: "prerouting", Priority: priorityFirst}, in...)
		b.base("meter_out", Hook{Type: "filter", At: "postrouting", Priority: priorityLast}, out...)
		b.last(2)
	}
}

// last has the newest chains outlive a replacement.
func (b *builder) last(chains int) {
	n := len(b.rules.Chains)
	for i := n - chains; i < n; i++ {
		b.rules.Chains[i].Lasting = true
	}
}
