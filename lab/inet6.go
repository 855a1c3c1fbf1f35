package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// Targets6 are the IPv6 addresses of the Internet that answer pings, DNS queries, HTTP and HTTPS, as Targets do. They
// are there if a provider has IPv6.
func Targets6() []string {
	return []string{"2606:4700:4700::1111", "2606:4700:4700::1001", "2001:4860:4860::8888", "2001:4860:4860::8844",
		"2620:fe::fe", "2620:fe::9", EchoAddress6}
}

// EchoAddress6 is EchoAddress by IPv6. Every name resolves to it too, if a provider has IPv6.
const EchoAddress6 = "2001:db8:ffff::10"

// line6 is what a provider has of IPv6: a router that says so (radvd), and a server that delegates prefixes (ISC dhcpd).
type line6 struct {
	network netip.Prefix // a /48: the first /64 is the link's, the upper half is delegated
	adverts Adverts
	grants  Grants
	radvd   *process
	dhcpd   *process
	routes  map[netip.Prefix]netip.Addr // delegated → the customer's link-local address
}

// gateway6 is the link-local address of every provider's router, as it happens with real ones.
const gateway6 = "fe80::1"

// IPv6 is the network of the provider's customers, a /48; invalid when it has none. The first /64 is that of the link, with the
// provider's own address and resolver at its ::1; delegated prefixes are of its upper half.
func (l *Line) IPv6() netip.Prefix {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.six == nil {
		return netip.Prefix{}
	}
	return l.six.network
}

// Delegated are the prefixes that the provider has delegated and routes to customers, sorted.
func (l *Line) Delegated() []netip.Prefix {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []netip.Prefix
	if l.six != nil {
		for p := range l.six.routes {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	return all
}

// Foreign6 is how many IPv6 packets came from customers with a source address that is not theirs.
func (l *Line) Foreign6() (packets int, err error) {
	return counterOf(l.space, "ip6", "weather", "foreign")
}

// link is the network between the provider and its customers.
func (s *line6) link() netip.Prefix { return netip.PrefixFrom(s.network.Masked().Addr(), 64) }

// own is the provider's address on the link.
func (s *line6) own() netip.Addr { return s.link().Addr().Next() }

// pool is what prefixes are delegated of.
func (s *line6) pool() netip.Prefix {
	a := s.network.Masked().Addr().As16()
	a[6] |= 0x80 // the first bit behind the /48
	return netip.PrefixFrom(netip.AddrFrom16(a), 49)
}

// core6 is an address of the link between the provider (2) and the Internet (1).
func (l *Line) core6(end int) netip.Addr {
	a := netip.MustParseAddr("2001:db8:6464::").As16()
	a[7], a[15] = byte(l.number), byte(end)
	return netip.AddrFrom16(a)
}

func six(n *sandbox.Namespace) error {
	return errors.Join(sysctl(n, "net/ipv6/conf/all/forwarding", "1"), sysctl(n, "net/ipv6/icmp/ratelimit", "0"))
}

// openInternet6 gives the Internet its IPv6 addresses.
func (h *House) openInternet6() error {
	n := h.internet.space
	var lines strings.Builder
	for _, a := range Targets6() {
		fmt.Fprintf(&lines, "addr add %s/128 dev lo nodad\n", a)
	}
	if err := ip(n, lines.String()); err != nil {
		return err
	}
	if err := six(n); err != nil {
		return err
	}
	if err := h.servePackets(n, fmt.Sprintf("[%s]:%d", EchoAddress6, echoPort), echoAnswer); err != nil {
		return err
	}
	for _, a := range Targets6() {
		if err := h.servePackets(n, "["+a+"]:53", h.internet.answer); err != nil {
			return err
		}
	}
	return nil
}

// open6 wires the provider's IPv6 to the Internet and starts its servers.
func (l *Line) open6(ctx context.Context, network string) error {
	p, err := netip.ParsePrefix(network)
	if err == nil && (p.Bits() != 48 || !p.Addr().Is6()) {
		err = fmt.Errorf("%s: want an IPv6 network of 48 bits", p)
	}
	if err != nil {
		return err
	}
	l.six = &line6{network: p, routes: map[netip.Prefix]netip.Addr{}}
	if err := six(l.space); err != nil {
		return err
	}
	err = ip(l.space, fmt.Sprintf(`
addr add %s/64 dev uplink nodad
link set access addrgenmode none
addr flush dev access scope link
addr add %s/64 dev access nodad`, l.core6(2), gateway6))
	if err != nil {
		return err
	}
	err = ip(l.house.internet.space, fmt.Sprintf("addr add %s/64 dev %s nodad", l.core6(1), l.Name))
	if err != nil {
		return err
	}
	if err := ip(l.space, fmt.Sprintf("route add default via %s dev uplink", l.core6(1))); err != nil {
		return err
	}
	l.house.onClose(func() { l.mu.Lock(); defer l.mu.Unlock(); l.stop6() })
	return l.settle6(ctx)
}

// settle6 gives the provider its IPv6 network: address, route from the Internet, filter, servers.
func (l *Line) settle6(ctx context.Context) error {
	if l.login == (Login{}) {
		if err := ip(l.space, fmt.Sprintf("addr add %s/64 dev access nodad", l.six.own())); err != nil {
			return err
		}
	}
	err := ip(l.house.internet.space, fmt.Sprintf("route replace %s via %s dev %s", l.six.network.Masked(), l.core6(2), l.Name))
	if err != nil {
		return err
	}
	if err := l.load(); err != nil || l.login != (Login{}) {
		return err // those who dial have it in their session
	}
	if err := l.startRadvd(ctx); err != nil {
		return err
	}
	return l.startDHCP6(ctx)
}

// stop6 ends the servers without a good-bye.
func (l *Line) stop6() {
	for _, p := range []*process{l.six.radvd, l.six.dhcpd} {
		if p != nil {
			p.kill()
		}
	}
	l.six.radvd, l.six.dhcpd = nil, nil
}

// rules6 is the filter of the provider's IPv6 as nft text, beside that of IPv4. Only the counter outlives a change.
func (l *Line) rules6() string {
	if l.six == nil {
		return ""
	}
	w := l.weather
	var t strings.Builder
	t.WriteString(weatherFrame6)
	fmt.Fprintf(&t, "add element ip6 weather customers { %s }\n", l.six.link())
	for p := range l.six.routes {
		fmt.Fprintf(&t, "add element ip6 weather customers { %s }\n", p)
	}
	add := func(chain, rule string, args ...any) {
		fmt.Fprintf(&t, "add rule ip6 weather %s %s\n", chain, fmt.Sprintf(rule, args...))
	}
	add("forward", `iifname "access" ip6 saddr != @customers counter name foreign drop`)
	dead := max(w.dead, w.dead6)
	if w.portal { // it has IPv4 only
		dead = max(dead, Beyond)
	}
	if dead != Alive {
		add("forward", "drop")
		add("input", `iifname "uplink" drop`)
		add("output", `oifname "uplink" drop`)
	}
	if dead == Whole {
		add("input", `iifname "access" drop`)
		add("output", `oifname "access" drop`)
	}
	if w.lose > 0 {
		for _, chain := range []string{"forward", "output"} {
			add(chain, `oifname "access" numgen random mod 100 < %d drop`, w.lose)
		}
	}
	if w.dnsDead {
		for _, chain := range []string{"forward", "input"} {
			add(chain, `iifname "access" meta l4proto { tcp, udp } th dport 53 drop`)
		}
	}
	w.hinder(add, "icmpv6 type packet-too-big")
	return t.String()
}

const weatherFrame6 = `
add table ip6 weather
add counter ip6 weather foreign
add chain ip6 weather forward { type filter hook forward priority 0; }
add chain ip6 weather input { type filter hook input priority 0; }
add chain ip6 weather output { type filter hook output priority 0; }
add set ip6 weather customers { type ipv6_addr; flags interval; }
flush chain ip6 weather forward
flush chain ip6 weather input
flush chain ip6 weather output
flush set ip6 weather customers
`
