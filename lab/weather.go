package lab

import (
	"fmt"
	"net/netip"
	"strings"
)

// Depth says how much of a provider a black hole swallows. The cable keeps its carrier in any case.
type Depth uint8

const (
	Alive  Depth = iota // nothing is wrong
	Beyond              // the first hop answers and gives leases, nothing gets further
	Whole               // the first hop is silent too, as a frozen modem is
)

func (d Depth) String() string { return [...]string{"alive", "dead beyond its first hop", "dead"}[d] }

// weather is what is wrong with a provider. The zero value is a fine day.
type weather struct {
	dead    Depth
	dead6   Depth // of IPv6 alone
	lose    int   // percent of the packets to customers
	dnsDead bool
	portal  bool
	narrow  int // bytes: larger packets vanish; 0: none does
	stall   int // bytes that HTTPS may bring in all; 0: as many as it likes
	noTLS   bool
	trusted []netip.Prefix // networks of customers, for routers that do no NAT
}

// load brings the provider's filter in line with its weather in one transaction.
func (l *Line) load() error {
	rules := l.weather.rules(l.network)
	if l.login != (Login{}) { // each customer has an interface
		rules = strings.ReplaceAll(rules, `"access"`, `"ppp*"`)
	}
	_, err := l.space.Feed("nft -f -", rules+l.rules6())
	return err
}

// rules is the whole filter as nft text. Only the counter outlives a change.
func (w weather) rules(network netip.Prefix) string {
	var t strings.Builder
	t.WriteString(weatherFrame)
	add := func(chain, rule string, args ...any) {
		fmt.Fprintf(&t, "add rule ip weather %s %s\n", chain, fmt.Sprintf(rule, args...))
	}
	allowed := network.Masked().String()
	for _, p := range w.trusted {
		allowed += ", " + p.Masked().String()
	}
	add("forward", `iifname "access" ip saddr != { %s } counter name foreign drop`, allowed)
	if w.dead != Alive {
		add("forward", "drop")
		add("input", `iifname "uplink" drop`)
		add("output", `oifname "uplink" drop`)
	}
	if w.dead == Whole {
		add("input", `iifname "access" drop`)
		add("output", `oifname "access" drop`)
		t.WriteString("add rule arp weather input drop\nadd rule arp weather output drop\n")
	}
	if w.dnsDead {
		for _, chain := range []string{"forward", "input"} {
			add(chain, `iifname "access" meta l4proto { tcp, udp } th dport 53 drop`)
		}
	}
	if w.lose > 0 { // one way only, so that of a hundred round trips just so many fail
		for _, chain := range []string{"forward", "output"} {
			add(chain, `oifname "access" numgen random mod 100 < %d drop`, w.lose)
		}
	}
	w.hinder(add, "icmp type destination-unreachable icmp code frag-needed")
	if w.portal {
		w.wall(&t, add)
	}
	return t.String()
}

// wall is a login page in front of the Internet: pings and DNS pass, web pages are the login page, the rest is dropped.
func (w weather) wall(t *strings.Builder, add func(chain, rule string, args ...any)) {
	fmt.Fprintf(t, `
add table ip portal
add chain ip portal prerouting { type nat hook prerouting priority -100; }
add rule ip portal prerouting iifname "access" tcp dport 80 redirect to :%d
`, portalPort)
	add("forward", `iifname "access" meta l4proto icmp accept`)
	add("forward", `iifname "access" udp dport 53 accept`)
	add("forward", `iifname "access" drop`)
}

const weatherFrame = `
add table ip weather
add counter ip weather foreign
add chain ip weather forward { type filter hook forward priority 0; }
add chain ip weather input { type filter hook input priority 0; }
add chain ip weather output { type filter hook output priority 0; }
flush chain ip weather forward
flush chain ip weather input
flush chain ip weather output
add table arp weather
add chain arp weather input { type filter hook input priority 0; }
add chain arp weather output { type filter hook output priority 0; }
flush chain arp weather input
flush chain arp weather output
add table ip portal
delete table ip portal
`
