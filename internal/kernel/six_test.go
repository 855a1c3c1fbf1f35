package kernel

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ti-mo/conntrack"
	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/router"
	"golang.org/x/sys/unix"
)

// plan6 is a house with a /64 of its ISP, which leads somewhere or is not to be used any more.
func plan6(retired bool) router.Plan {
	prefix := netip.MustParsePrefix
	house, gateway := prefix("2001:db8:1:0:ff:fe00:2:1/64"), netip.MustParseAddr("fe80::1")
	p := router.Plan{
		Links: []string{"lan0", "wan0"},
		Addresses: []router.Address{
			{Device: "lan0", Prefix: house, Retired: retired},
			{Device: "wan0", Prefix: prefix("2001:db8:f::7/128"), NoRoute: true},
		},
		Routes: []router.Route{
			{Table: router.Main, Destination: prefix("2001:db8:1::/56"), Metric: router.LastMetric, Unreachable: true},
			{Table: router.Table(0), Destination: any6, Metric: router.LastMetric, Unreachable: true},
			{Table: router.Table(0), Destination: any6, Gateway: gateway, Device: "wan0", Source: house.Addr(), Metric: router.MainMetric, MTU: 1480},
		},
		Rules: []router.Rule{
			{Priority: router.Base, Table: router.Main, OnlySpecific: true, OnlyIPv6: true},
			{Priority: router.Table(0), Mark: firewall.MarkOf(0), Mask: firewall.MarkMask, Table: router.Table(0)},
		},
	}
	if !retired {
		p.Routes = append(p.Routes, router.Route{Table: router.Main, Destination: any6, Gateway: gateway, Device: "wan0", Source: house.Addr(), Metric: router.MainMetric})
	}
	return p
}

func TestApplyIPv6(t *testing.T) {
	b := newBox(t)
	// As on a real machine: duplicates are looked for, and addresses not to be used for a second.
	b.must("sysctl -qw net.ipv6.conf.all.accept_dad=1 net.ipv6.conf.default.accept_dad=1 net.ipv6.conf.lan0.accept_dad=1 net.ipv6.conf.wan0.accept_dad=1")
	p := plan6(false)
	b.apply(p)
	got := b.must("ip -6 addr show") + b.must("ip -6 route show table all") + b.must("ip -6 rule") + b.must("ip -4 rule")
	for _, want := range []string{
		"inet6 2001:db8:1:0:ff:fe00:2:1/64 scope global nodad",
		"inet6 2001:db8:f::7/128 scope global nodad noprefixroute",
		"2001:db8:1::/64 dev lan0 proto kernel",
		"unreachable 2001:db8:1::/56 dev lo proto 201 metric 2147483647",
		"default via fe80::1 dev wan0 table 20101 proto 201 src 2001:db8:1:0:ff:fe00:2:1 metric 1 mtu 1480",
		"default via fe80::1 dev wan0 proto 201 src 2001:db8:1:0:ff:fe00:2:1 metric 1",
		"20100:\tfrom all lookup main suppress_prefixlength 0 proto 201",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the kernel lacks %q; it has\n%s", want, got)
		}
	}
	if rules := b.must("ip -4 rule"); strings.Contains(rules, "20100:") {
		t.Errorf("a rule for IPv6 is there for IPv4, too:\n%s", rules)
	}
	b.settled(p)
}

// A retired address stays, with its flows, and comes back the same.
func TestRetiredAddress(t *testing.T) {
	b := newBox(t)
	used, retired := plan6(false), plan6(true)
	b.apply(used)
	fresh := b.show()
	done := b.apply(retired)
	if done.Changes != 2 || len(done.Restored) != 0 { // the address, and the default route
		t.Errorf("retiring changed %+v, want 2 changes", done)
	}
	got := b.show()
	for _, want := range []string{"scope global nodad deprecated", "table 20101 proto 201 src 2001:db8:1:0:ff:fe00:2:1"} {
		if !strings.Contains(got, want) {
			t.Errorf("the kernel lacks %q; it has\n%s", want, got)
		}
	}
	b.settled(retired)
	b.apply(used)
	if d := difference(b.show(), fresh); d != "" {
		t.Errorf("not as before:\n%s", d)
	}
	b.settled(used)
}

// The kernel drops IPv6 addresses and routes of an interface that is switched off: that was nobody's doing.
func TestBounceOfIPv6(t *testing.T) {
	b := newBox(t)
	p := plan6(false)
	b.apply(p)
	fresh := b.show()
	for _, device := range []string{"lan0", "wan0"} {
		b.must("ip link set " + device + " down")
		b.kernel.sawOff(b.index(device))
		b.apply(p)
		b.must("ip link set " + device + " up")
		if done := b.apply(p); len(done.Restored) != 0 {
			t.Errorf("%s: restored %q, want none", device, done.Restored)
		}
		if d := difference(b.show(), fresh); d != "" {
			t.Errorf("after %s was off:\n%s", device, d)
		}
	}
	b.settled(p)
}

// IPv6 that fails alone takes no flow of IPv4 along.
func TestVacateIPv6Alone(t *testing.T) {
	b := newBox(t)
	b.apply(plan([]line{fibre, cable}, 1))
	mark := firewall.MarkOf(0)
	six := func(n uint16, state uint8, left time.Duration) conntrack.Flow {
		client, server := netip.MustParseAddr("2001:db8:1::10"), netip.MustParseAddr("2001:db8:99::1")
		f := conntrack.NewFlow(unix.IPPROTO_TCP, conntrack.StatusAssured|conntrack.StatusSeenReply|conntrack.StatusConfirmed, client, server, 10000+n, 443, uint32(left/time.Second), uint32(mark))
		f.ProtoInfo.TCP = &conntrack.ProtoInfoTCP{State: state}
		return f
	}
	long := 5 * 24 * time.Hour
	b.fill(append(many(3, mark), six(1, tcpEstablished, long), six(2, tcpEstablished, long-time.Hour), six(3, tcpEstablished, long))...)
	if done, _ := b.vacate(router.Vacate{Mark: mark, OnlyIPv6: true, Idle: time.Minute}); done.Flows != 2 || b.flows(mark) != 4 {
		t.Errorf("with the idle one spared %d flows were ended, and %d are left: want 2 and 4", done.Flows, b.flows(mark))
	}
	if b.vacate(router.Vacate{Mark: mark, OnlyIPv6: true}); b.flows(mark) != 3 {
		t.Errorf("%d flows are left, want the 3 of IPv4", b.flows(mark))
	}
}
