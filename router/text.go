package router

import (
	"fmt"
	"strings"
)

// String prints the plan as the ip, sysctl and nft commands that would do the same.
func (p Plan) String() string {
	var b strings.Builder
	for _, s := range p.Sysctls {
		fmt.Fprintf(&b, "sysctl -w %s=%s\n", s.Path, s.Value) // with slashes: a VLAN has a dot in its name
	}
	if len(p.Bridge) > 0 {
		fmt.Fprintf(&b, "ip link add %s type bridge\n", BridgeName)
	}
	for _, port := range p.Bridge {
		fmt.Fprintf(&b, "ip link set %s master %s\n", port, BridgeName)
	}
	b.WriteString(p.ports())
	for _, l := range p.Links {
		fmt.Fprintf(&b, "ip link set %s up\n", l)
	}
	for _, a := range p.Addresses {
		fmt.Fprintf(&b, "ip address replace %s\n", a)
	}
	for _, q := range p.Queues {
		b.WriteString(q.String())
	}
	for _, r := range p.Routes {
		fmt.Fprintf(&b, "ip route replace %s\n", r)
	}
	for _, r := range p.Rules {
		for _, family := range []string{"-4", "-6"} {
			if family == "-4" && r.OnlyIPv6 {
				continue
			}
			fmt.Fprintf(&b, "ip %s rule add %s\n", family, r)
		}
	}
	if text := p.Ruleset.String(); text != "" {
		fmt.Fprintf(&b, "nft -f - <<'END'\n%s\nEND\n", strings.TrimSpace(text))
	}
	return b.String()
}

// String prints the address as ip(8) takes it.
func (a Address) String() string {
	text := fmt.Sprintf("%s dev %s proto %d", a.Prefix, a.Device, Protocol)
	if a.NoRoute {
		text += " noprefixroute"
	}
	if a.Retired {
		text += " preferred_lft 0"
	}
	return text
}

// String prints the route as ip(8) takes it.
func (r Route) String() string {
	destination := r.Destination.String()
	if r.Destination.Bits() == 0 {
		destination = "default"
		if r.Destination.Addr().Is6() {
			destination = "::/0"
		}
	}
	words := []string{destination}
	if r.Unreachable {
		words = []string{"unreachable", destination}
	}
	if r.Gateway.IsValid() {
		words = append(words, "via", r.Gateway.String())
	}
	if r.Device != "" {
		words = append(words, "dev", r.Device)
	}
	if r.OnLink {
		words = append(words, "onlink")
	}
	words = append(words, "table", table(r.Table), "proto", fmt.Sprint(Protocol))
	if r.Source.IsValid() {
		words = append(words, "src", r.Source.String())
	}
	if r.Metric > 0 {
		words = append(words, "metric", fmt.Sprint(r.Metric))
	}
	if r.MTU > 0 {
		words = append(words, "mtu", fmt.Sprint(r.MTU))
	}
	for _, h := range r.Hops {
		words = append(words, h.String())
	}
	return strings.Join(words, " ")
}

// String prints the hop as ip(8) takes it.
func (h Hop) String() string {
	text := "nexthop"
	if h.Gateway.IsValid() {
		text += " via " + h.Gateway.String()
	}
	return fmt.Sprintf("%s dev %s weight %d", text, h.Device, h.Weight)
}

// String prints the rule as ip(8) takes it.
func (r Rule) String() string {
	text := fmt.Sprintf("priority %d", r.Priority)
	if r.Mark != 0 {
		text += fmt.Sprintf(" fwmark %#x/%#x", uint32(r.Mark), uint32(r.Mask))
	}
	text += " lookup " + table(r.Table)
	if r.OnlySpecific {
		text += " suppress_prefixlength 0"
	}
	return fmt.Sprintf("%s protocol %d", text, Protocol)
}

func table(n int) string {
	if n == Main {
		return "main"
	}
	return fmt.Sprint(n)
}
