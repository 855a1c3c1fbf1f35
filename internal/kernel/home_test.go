package kernel

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/router"
)

var homes atomic.Int32

// box is a router with one line to the house and two to providers that exist as far as their cable.
type box struct {
	*sandbox.Namespace
	t      testing.TB
	kernel *Kernel
}

func newBox(t testing.TB) *box {
	t.Helper()
	n := homes.Add(1)
	ns, err := sandbox.Add(fmt.Sprintf("r%d", n))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sandbox.Add(fmt.Sprintf("far%d", n)); err != nil {
		t.Fatal(err)
	}
	b := &box{ns, t, New(slog.New(slog.DiscardHandler))}
	// Addresses are final at once, and the kernel adds none of its own: the tests compare text.
	b.must("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.addr_gen_mode=1")
	for _, name := range []string{"lan0", "wan0", "wan1"} {
		b.plug(name)
	}
	return b
}

// plug connects an interface to a far end that is switched on.
func (b *box) plug(name string) {
	b.t.Helper()
	far := "far" + b.Name[1:]
	b.must(fmt.Sprintf("ip link add %s type veth peer name %s netns %s", name, name, far))
	b.must(fmt.Sprintf("ip netns exec %s ip link set %s up", far, name))
}

func (b *box) must(line string) string {
	b.t.Helper()
	out, err := b.Run(line)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *box) apply(p router.Plan) router.Applied {
	b.t.Helper()
	done, err := b.try(p)
	if err != nil {
		b.t.Fatal(err)
	}
	return done
}

func (b *box) try(p router.Plan) (done router.Applied, err error) {
	err = b.Do(func() (err error) {
		done, err = b.kernel.Apply(p)
		return err
	})
	return done, err
}

// settled applies a plan that must already be in place.
func (b *box) settled(p router.Plan) {
	b.t.Helper()
	if done := b.apply(p); done.Changes != 0 || len(done.Restored) != 0 {
		b.t.Errorf("applying the same plan again made %d changes and restored %q, want none", done.Changes, done.Restored)
	}
}

// show is everything that a plan can change, in an order of its own.
func (b *box) show() string {
	b.t.Helper()
	// IPv6 addresses become final on a kernel thread, and their local routes with them.
	for limit := time.Now().Add(2 * time.Second); b.must("ip -6 -o addr show tentative") != "" && time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
	var all []string
	for _, line := range []string{
		"ip -4 -o addr", "ip -6 -o addr", "ip -4 -o route show table all", "ip -6 -o route show table all",
		"ip -4 rule", "ip -6 rule", "nft list ruleset", "ip -o -br link show type bridge",
	} {
		for _, l := range strings.Split(strings.TrimSpace(b.must(line)), "\n") {
			// The flag and this route come and go with the carrier, without anyone's doing.
			if strings.HasPrefix(l, "multicast ff00::/8") {
				continue
			}
			all = append(all, strings.TrimSpace(strings.ReplaceAll(l, "linkdown", "")))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// difference returns the lines that only one of two texts has.
func difference(got, want string) string {
	var d []string
	for prefix, pair := range map[string][2]string{"+ ": {got, want}, "- ": {want, got}} {
		for _, l := range strings.Split(pair[0], "\n") {
			if !slices.Contains(strings.Split(pair[1], "\n"), l) {
				d = append(d, prefix+l)
			}
		}
	}
	return strings.Join(d, "\n")
}

// line is one WAN of a test's plan.
type line struct {
	address netip.Prefix
	gateway netip.Addr
	second  netip.Prefix // IPv6; invalid: none
}

var (
	fibre = line{netip.MustParsePrefix("198.51.100.2/24"), netip.MustParseAddr("198.51.100.1"), netip.MustParsePrefix("2001:db8:1::2/64")}
	cable = line{netip.MustParsePrefix("203.0.113.2/24"), netip.MustParseAddr("203.0.113.1"), netip.Prefix{}}
	moved = line{netip.MustParsePrefix("198.51.100.3/24"), netip.MustParseAddr("198.51.100.1"), netip.MustParsePrefix("2001:db8:1::3/64")}
	twin  = line{netip.MustParsePrefix("198.51.100.9/24"), netip.MustParseAddr("198.51.100.1"), netip.Prefix{}}
)

var (
	any4 = netip.MustParsePrefix("0.0.0.0/0")
	any6 = netip.MustParsePrefix("::/0")
)

// plan is that of a router with a house and these lines, using those with a weight.
func plan(lines []line, weights ...int) router.Plan {
	p := router.Plan{
		Sysctls:   []router.Sysctl{{Path: "net/ipv4/ip_forward", Value: "1"}, {Path: "net/ipv4/conf/all/rp_filter", Value: "0"}},
		Links:     []string{"lan0"},
		Addresses: []router.Address{{Device: "lan0", Prefix: netip.MustParsePrefix("192.168.1.2/24")}},
		Rules:     []router.Rule{{Priority: router.Base, Table: router.Main, OnlySpecific: true}},
	}
	policy := firewall.Policy{LAN: []string{"lan0"}, Subnets: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}}
	main := router.Route{Table: router.Main, Destination: any4, Metric: router.MainMetric}
	for n, l := range lines {
		connect(&p, n, l)
		policy.WANs = append(policy.WANs, firewall.WAN{Name: fmt.Sprint("line", n), Device: fmt.Sprint("wan", n), Mark: firewall.MarkOf(n), Alive: true})
		if n < len(weights) && weights[n] > 0 {
			main.Hops = append(main.Hops, router.Hop{Gateway: l.gateway, Device: fmt.Sprint("wan", n), Weight: weights[n]})
		}
	}
	if len(main.Hops) == 1 {
		main.Gateway, main.Device, main.Hops = main.Hops[0].Gateway, main.Hops[0].Device, nil
	}
	if main.Device != "" || main.Hops != nil {
		p.Routes = append(p.Routes, main)
	}
	p.Ruleset = firewall.Build(policy)
	return p
}

// connect adds a line with a table of its own.
func connect(p *router.Plan, n int, l line) {
	device, table := fmt.Sprint("wan", n), router.Table(n)
	p.Links = append(p.Links, device)
	p.Addresses = append(p.Addresses, router.Address{Device: device, Prefix: l.address, NoRoute: true})
	p.Routes = append(p.Routes,
		router.Route{Table: table, Destination: any4, Gateway: l.gateway, Device: device, Source: l.address.Addr(), MTU: 1492},
		router.Route{Table: table, Destination: l.address.Masked(), Device: device, Source: l.address.Addr()},
		router.Route{Table: table, Destination: any4, Unreachable: true, Metric: router.LastMetric},
		router.Route{Table: table, Destination: any6, Unreachable: true, Metric: router.LastMetric},
		router.Route{Table: router.Main, Destination: l.address.Masked(), Device: device, Source: l.address.Addr(), Metric: n + 1},
	)
	p.Rules = append(p.Rules, router.Rule{Priority: table, Mark: firewall.MarkOf(n), Mask: firewall.MarkMask, Table: table})
	if l.second.IsValid() {
		p.Addresses = append(p.Addresses, router.Address{Device: device, Prefix: l.second, NoRoute: true})
		p.Routes = append(p.Routes,
			router.Route{Table: table, Destination: l.second.Masked(), Device: device},
			router.Route{Table: table, Destination: any6, Gateway: l.second.Masked().Addr().Next(), Device: device})
	}
}
