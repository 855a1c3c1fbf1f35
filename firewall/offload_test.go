package firewall

import (
	"slices"
	"strings"
	"testing"
)

// fastHome has two lines that may be offloaded.
func fastHome() Policy {
	return Policy{
		LAN: []string{"lan0"}, Fast: []string{"lan0"},
		WANs: []WAN{
			{Name: "fibre", Device: "wan0", Mark: MarkOf(0), MTU: 1500, Alive: true, Offload: true},
			{Name: "lte", Device: "wan1", Mark: MarkOf(1), MTU: 1500, Alive: true, Offload: true},
		},
	}
}

const fastRule = `iifname "wan0" oifname "lan0" meta nfproto ipv4 ct state established meta l4proto @fast_protocol ct mark & 0x0000ff00 == 0x00000100 meta mark set meta mark & 0xffff00ff | 0x00000100 flow add @fast`

func TestKnownFlowsAreHandedOver(t *testing.T) {
	r := Build(fastHome())
	if want := []string{"lan0", "wan0", "wan1"}; !slices.Equal(r.Fast, want) {
		t.Errorf("the flow table has %q, want %q", r.Fast, want)
	}
	text := r.String()
	for _, want := range []string{fastRule, "\tflowtable fast {\n\t\thook ingress priority 0\n\t\tdevices = { \"lan0\", \"wan0\", \"wan1\" }\n\t}\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if before, _, _ := strings.Cut(text, fastRule); strings.Contains(before[strings.Index(before, "chain filter_forward"):], "accept") {
		t.Errorf("packets are accepted before their flow is handed over:\n%s", text)
	}
}

func TestALineThatIsDeadIsHandedNothing(t *testing.T) {
	for name, change := range map[string]func(*Policy){
		"dead":            func(p *Policy) { p.WANs[0].Alive = false },
		"not to be":       func(p *Policy) { p.WANs[0].Offload = false },
		"by a peer":       func(p *Policy) { p.WANs[0].Peer = true },
		"without a house": func(p *Policy) { p.Fast = nil },
	} {
		p := fastHome()
		change(&p)
		if r := Build(p); strings.Contains(r.String(), fastRule) || slices.Contains(r.Fast, "wan0") {
			t.Errorf("%s: flows are handed over:\n%s", name, r)
		}
	}
}

func TestAKernelWithoutFlowTables(t *testing.T) {
	p := fastHome()
	p.Fast = nil
	want := Build(p).String()
	got := Build(fastHome()).WithoutFast().String()
	// The set of protocols stays, and harms nobody.
	got = strings.Replace(got, "\tset fast_protocol {\n\t\ttype inet_proto\n\t\telements = { tcp, udp }\n\t}\n\n", "", 1)
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
