package kernel

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/pair/handover"
)

// diversion is one of the test's routers.
func testDiversion(mode handover.Mode, seen bool) handover.Diversion {
	return handover.Diversion{
		Mode: mode, Seen: seen, LAN: []string{"lan0", "vr2-51-4"}, Partner: "02:00:00:00:00:03",
		Gateway4: netip.MustParseAddr("192.168.1.3"), Gateway6: netip.MustParseAddr("fe80::3"),
		Subnets: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("fd00:1::/64")},
		Uplinks: []string{"wan0", "ppp-dsl"}, Sources6: []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/56")},
	}
}

func (b *box) divert(d handover.Diversion) (made bool) {
	b.t.Helper()
	if err := b.Do(func() (err error) { made, err = b.kernel.Divert(d); return err }); err != nil {
		b.t.Fatal(err)
	}
	return made
}

func (b *box) kept(c flow.Change) {
	b.t.Helper()
	if err := b.Do(func() error { return b.kernel.DivertKept(c) }); err != nil {
		b.t.Fatal(err)
	}
}

func someFlow(protocol uint8, source, destination string) flow.Flow {
	return flow.Of(protocol, netip.MustParseAddrPort(source), netip.MustParseAddrPort(destination))
}

// A Diversion comes and goes without a trace, twice is once, and nft can list all of it.
func TestDivertComesAndGoes(t *testing.T) {
	b := newBox(t)
	b.must("ip link set lan0 up")
	b.must("ip addr add 192.168.1.2/24 dev lan0")
	empty := b.show()
	for i, d := range []handover.Diversion{testDiversion(handover.Prepared, false), testDiversion(handover.All, false), testDiversion(handover.Listed, true), testDiversion(handover.Listed, false)} {
		if made := b.divert(d); made != (i == 0) {
			t.Errorf("%s: made anew: %v", d.Mode, made)
		}
		once := b.must("nft list ruleset")
		if made := b.divert(d); made || b.must("nft list ruleset") != once {
			t.Errorf("%s twice: %s", d.Mode, difference(b.must("nft list ruleset"), once))
		}
		if got := b.left(); !got.Is(d) {
			t.Errorf("an earlier run left %+v, want %+v", got, d)
		}
	}
	for _, line := range []string{"ip rule", "ip -6 rule", "ip route show table 20050", "ip -6 route show table 20050"} {
		if out := b.must(line); !strings.Contains(out, "20050") && !strings.Contains(out, "default via") {
			t.Errorf("%s:\n%s", line, out)
		}
	}
	b.divert(handover.Diversion{})
	b.divert(handover.Diversion{})
	if d := difference(b.show(), empty); d != "" {
		t.Error(d)
	}
}

func (b *box) left() (d handover.Diversion) {
	b.t.Helper()
	if err := b.Do(func() (err error) { d, err = b.kernel.Diverted(); return err }); err != nil {
		b.t.Fatal(err)
	}
	return d
}

// An Apply leaves a Diversion alone, and Cleanup does not.
func TestDivertBesideApply(t *testing.T) {
	b := newBox(t)
	p := plan([]line{fibre}, 1)
	b.apply(p)
	without := b.show()
	b.divert(testDiversion(handover.Listed, false))
	b.settled(p)
	with := b.show()
	b.apply(plan([]line{fibre, cable}, 1, 1))
	b.apply(p)
	b.divert(testDiversion(handover.Listed, false))
	if d := difference(b.show(), with); d != "" {
		t.Error(d)
	}
	b.divert(handover.Diversion{})
	if d := difference(b.show(), without); d != "" {
		t.Error(d)
	}
	b.divert(testDiversion(handover.All, false))
	if err := b.Do(b.kernel.Cleanup); err != nil {
		t.Fatal(err)
	}
	if out := b.must("nft list ruleset") + b.must("ip rule") + b.must("ip -6 rule"); strings.Contains(out, "twinpath") || strings.Contains(out, "20050") {
		t.Errorf("left behind:\n%s", out)
	}
}

// What somebody else removes is there again at the next look; and who asks for it hears whether lists are gone.
func TestDivertIsMended(t *testing.T) {
	b := newBox(t)
	b.must("ip link set lan0 up")
	d := testDiversion(handover.Listed, false)
	b.divert(d)
	whole := b.show()
	for line, want := range map[string]bool{
		"nft flush ruleset":                   true,
		"nft delete table inet twinpath_pair": true,
		"nft flush table inet twinpath_pair":  false,
		"ip rule del priority 20050":          false,
		"ip route flush table 20050":          false,
		"ip -6 route flush table 20050":       false,
		"ip link set lan0 down":               false,
	} {
		b.must(line)
		b.must("ip link set lan0 up")
		if made := b.divert(d); made != want {
			t.Errorf("%s: made anew: %v, want %v", line, made, want)
		}
		if d := difference(b.show(), whole); d != "" {
			t.Errorf("%s: %s", line, d)
		}
	}
	d.Gateway6 = netip.Addr{}
	b.divert(d)
	if out := b.must("ip -6 rule") + b.must("ip -6 route show table all"); strings.Contains(out, "20050") {
		t.Errorf("IPv6 goes there still:\n%s", out)
	}
}

// Lists are compared with what the kernel has, in pieces, and what stays is never taken out.
func TestDivertedLists(t *testing.T) {
	b := newBox(t)
	b.must("ip link set lan0 up")
	b.divert(testDiversion(handover.Listed, false))
	web, dns, six := someFlow(6, "192.168.1.10:4711", "9.9.9.1:80"), someFlow(17, "192.168.1.10:53", "9.9.9.9:53"), someFlow(17, "[2001:db8::1]:1", "[2001:db8::2]:2")
	echo := someFlow(1, "192.168.1.10:77", "9.9.9.1:0")
	for _, step := range []struct {
		change flow.Change
		want   string
	}{
		{flow.Change{Begun: []flow.Flow{web, six, echo}}, "192.168.1.10 . 9.9.9.1 . icmp . 77 . 0, 192.168.1.10 . 9.9.9.1 . tcp . 4711 . 80, 2001:db8::1 . 2001:db8::2 . udp . 1 . 2"},
		{flow.Change{Begun: []flow.Flow{web}, Ended: []flow.Flow{echo, dns}}, "192.168.1.10 . 9.9.9.1 . tcp . 4711 . 80, 2001:db8::1 . 2001:db8::2 . udp . 1 . 2"},
		{flow.Change{Begun: []flow.Flow{web, six}, Ended: []flow.Flow{six, web}}, "192.168.1.10 . 9.9.9.1 . tcp . 4711 . 80, 2001:db8::1 . 2001:db8::2 . udp . 1 . 2"},
		{flow.Change{Begun: []flow.Flow{web}, Ended: []flow.Flow{dns, web}}, "192.168.1.10 . 9.9.9.1 . tcp . 4711 . 80, 2001:db8::1 . 2001:db8::2 . udp . 1 . 2"},
		{flow.Change{Anew: true, More: true, Begun: []flow.Flow{dns}}, "192.168.1.10 . 9.9.9.1 . tcp . 4711 . 80, 192.168.1.10 . 9.9.9.9 . udp . 53 . 53, 2001:db8::1 . 2001:db8::2 . udp . 1 . 2"},
		{flow.Change{More: true, Begun: []flow.Flow{echo}, Ended: []flow.Flow{six}}, "192.168.1.10 . 9.9.9.1 . icmp . 77 . 0, 192.168.1.10 . 9.9.9.1 . tcp . 4711 . 80, 192.168.1.10 . 9.9.9.9 . udp . 53 . 53"},
		{flow.Change{}, "192.168.1.10 . 9.9.9.1 . icmp . 77 . 0, 192.168.1.10 . 9.9.9.9 . udp . 53 . 53"},
		{flow.Change{Anew: true}, ""},
	} {
		b.kept(step.change)
		if got := b.elements(); got != step.want {
			t.Errorf("%+v:\n%s, want\n%s", step.change, got, step.want)
		}
	}
	b.kept(flow.Change{Begun: []flow.Flow{web}})
	b.divert(testDiversion(handover.All, false))
	if got := b.elements(); got != "" {
		t.Errorf("an old list counts for what begins anew: %s", got)
	}
	b.divert(handover.Diversion{})
	if err := b.Do(func() error { return b.kernel.DivertKept(flow.Change{Begun: []flow.Flow{web}}) }); err == nil || !strings.Contains(err.Error(), "change 1 flows in the sets kept: ") {
		t.Errorf("without a table: %v", err)
	}
}

// elements are those of the other router's list, in order.
func (b *box) elements() string {
	b.t.Helper()
	var all []string
	for _, name := range []string{"kept4", "kept6"} {
		_, text, any := strings.Cut(b.must("nft list set inet twinpath_pair "+name), "elements = {")
		if !any {
			continue
		}
		text, _, _ = strings.Cut(text, "}")
		for element := range strings.SplitSeq(text, ",") {
			all = append(all, strings.TrimSpace(element))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// A router whose IPv6 is off hands IPv4 over all the same.
func TestDivertWithoutIPv6(t *testing.T) {
	b := newBox(t)
	b.must("ip link set lan0 up")
	b.must("ip addr add 192.168.1.2/24 dev lan0")
	b.divert(testDiversion(handover.All, false))
	b.must("sysctl -qw net.ipv6.conf.lan0.disable_ipv6=1")
	d := testDiversion(handover.Listed, false)
	b.divert(d)
	if out := b.must("ip route show table 20050"); !strings.Contains(out, "default via 192.168.1.3") {
		t.Errorf("no way for IPv4: %s", out)
	}
	if got := b.left(); got.Mode != handover.Listed || got.Gateway6.IsValid() {
		t.Errorf("the kernel has %+v", got)
	}
	b.divert(handover.Diversion{})
}
