package kernel

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/router"
)

func TestApply(t *testing.T) {
	b := newBox(t)
	p := plan([]line{fibre, cable}, 1)
	first := b.apply(p)
	if first.Changes == 0 || len(first.Restored) != 0 || len(first.Hidden) != 0 {
		t.Errorf("first plan: %+v", first)
	}
	got := b.show()
	for _, want := range []string{
		"192.168.1.0/24 dev lan0 proto kernel scope link src 192.168.1.2",
		"default via 198.51.100.1 dev wan0 proto 201 metric 1",
		"default via 203.0.113.1 dev wan1 table 20102 proto 201 src 203.0.113.2 mtu 1492",
		"unreachable default table 20102 proto 201 metric 2147483647",
		"default via 2001:db8:1::1 dev wan0 table 20101 proto 201 metric 1024 pref medium",
		"20100:\tfrom all lookup main suppress_prefixlength 0 proto 201",
		"20102:\tfrom all fwmark 0x200/0xff00 lookup 20102 proto 201",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the kernel lacks %q; it has\n%s", want, got)
		}
	}
	// iproute2 6.1 does not show whose an address is.
	key := addressKey{b.index("wan0"), fibre.address}
	if h := b.held()[key]; !h.ours || !h.noRoute {
		t.Errorf("address %v is %+v, want ours without a route", key, h)
	}
	b.settled(p)
}

func TestRandomWalk(t *testing.T) {
	plans := []router.Plan{
		plan([]line{fibre, cable}, 1),
		plan([]line{fibre, cable}, 0, 1),
		plan([]line{fibre, cable}, 2, 1),
		plan([]line{fibre, cable}),
		plan([]line{moved, cable}, 1),
		plan([]line{moved, cable}, 3, 2),
		plan([]line{fibre, twin}, 1, 1),
		plan([]line{fibre}, 1),
		{},
	}
	fresh := make([]string, len(plans))
	b := newBox(t)
	foreign(b)
	for i, p := range plans {
		b.apply(router.Plan{})
		b.apply(p)
		fresh[i] = b.show()
	}
	random := rand.New(rand.NewPCG(2, 20100))
	for step := range 60 {
		i := random.IntN(len(plans))
		b.apply(plans[i])
		if d := difference(b.show(), fresh[i]); d != "" {
			t.Fatalf("step %d: plan %d came out differently from on a fresh router:\n%s", step, i, d)
		}
		b.settled(plans[i])
	}
}

// foreign puts objects of others beside ours, as close as they get.
func foreign(b *box) {
	b.t.Helper()
	for _, line := range []string{
		"ip link set lan0 up", "ip link set wan0 up", "ip link set wan1 up",
		"ip addr add 10.9.9.1/24 dev lan0",
		"ip addr add 198.51.100.77/32 dev wan0",
		"ip route add default via 10.9.9.254 dev lan0 metric 100",
		"ip route add 10.1.0.0/16 via 10.9.9.254 table 20101",
		"ip route add 10.2.0.0/16 via 10.9.9.254 table 777 proto 77",
		"ip rule add fwmark 0x100/0xff00 lookup 777 priority 20101",
		"ip -6 rule add from 2001:db8::/32 lookup 777 priority 30000",
		"ip -6 route add 2001:db8:77::/48 dev lan0 table 20101",
		"nft add table inet other",
		"nft add chain inet other twinpath",
	} {
		b.must(line)
	}
}

func TestCleanupLeavesWhatWasThere(t *testing.T) {
	b := newBox(t)
	foreign(b)
	before := b.show()
	p := plan([]line{fibre, cable}, 2, 1)
	b.apply(p)
	if b.show() == before {
		t.Fatal("the plan changed nothing")
	}
	if err := b.Do(b.kernel.Cleanup); err != nil {
		t.Fatal(err)
	}
	if d := difference(b.show(), before); d != "" {
		t.Errorf("not as before:\n%s", d)
	}
	b.kernel = New(b.kernel.log)
	if done := b.apply(p); len(done.Restored) != 0 {
		t.Errorf("a first plan restored %q", done.Restored)
	}
}

func TestUnknownInterface(t *testing.T) {
	b := newBox(t)
	b.must("ip link del wan1")
	p := plan([]line{fibre, cable}, 1, 1)
	p.Sysctls = append(p.Sysctls, router.Sysctl{Path: "net/ipv4/conf/wan1/rp_filter", Value: "0"})
	_, err := b.try(p)
	if err == nil || err.Error() != "there is no interface wan1" {
		t.Errorf("got error %q, want one line about wan1", err)
	}
	if got := b.show(); !strings.Contains(got, "default via 198.51.100.1 dev wan0 proto 201 metric 1") {
		t.Errorf("the rest of the plan is not there:\n%s", got)
	}
	b.plug("wan1")
	b.apply(p)
	if got := b.show(); !strings.Contains(got, "nexthop via 203.0.113.1 dev wan1 weight 1") {
		t.Errorf("the interface that appeared is not used:\n%s", got)
	}
	b.settled(p)
}

func TestForeignRouteInTheWay(t *testing.T) {
	b := newBox(t)
	b.must("ip link set lan0 up")
	b.must("ip addr add 10.9.9.1/24 dev lan0")
	b.must("ip route add default via 10.9.9.254 metric 1")
	b.must("ip route add default via 10.9.9.253 metric 0")
	done, err := b.try(plan([]line{fibre, cable}, 1))
	want := "add route default via 198.51.100.1 dev wan0 table main metric 1: someone else has put a route there with the same table, destination and metric"
	if err == nil || err.Error() != want {
		t.Errorf("got error %q\nwant      %q", err, want)
	}
	if len(done.Hidden) != 1 || done.Hidden[0] != "default via 10.9.9.253 dev lan0 table main" {
		t.Errorf("hidden by %q", done.Hidden)
	}
	if out := b.must("ip route show default"); !strings.Contains(out, "via 10.9.9.254 dev lan0 metric 1") {
		t.Errorf("the foreign route was changed: %s", out)
	}
}

func TestOwnerSwitchesOff(t *testing.T) {
	b := newBox(t)
	p := plan([]line{fibre, cable}, 1, 1)
	b.apply(p)
	full := b.show()
	b.must("ip link set wan0 down")
	b.kernel.sawOff(b.index("wan0")) // as Watch does
	if done := b.apply(p); len(done.Restored) != 0 {
		t.Errorf("claims to have restored %q, which the kernel took away", done.Restored)
	}
	if out := b.must("ip -br link show dev wan0"); strings.Contains(out, "UP") {
		t.Errorf("switched on against the owner's will: %s", out)
	}
	b.settled(p)
	b.must("ip link set wan0 up")
	if done := b.apply(p); len(done.Restored) != 0 {
		t.Errorf("claims to have restored %q, which the kernel took away", done.Restored)
	}
	if d := difference(b.show(), full); d != "" {
		t.Errorf("after off and on:\n%s", d)
	}
}

func (b *box) held() (all map[addressKey]held) {
	b.t.Helper()
	err := b.Do(func() error {
		s, err := dial()
		if err != nil {
			return err
		}
		defer s.close()
		all, err = s.addresses()
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func (b *box) index(name string) int {
	b.t.Helper()
	var links []router.Link
	if err := b.Do(func() (err error) { links, err = b.kernel.Links(); return err }); err != nil {
		b.t.Fatal(err)
	}
	for _, l := range links {
		if l.Name == name {
			return l.Index
		}
	}
	b.t.Fatalf("no interface %s in %v", name, links)
	return 0
}

func TestInterfaceMadeAgain(t *testing.T) {
	b := newBox(t)
	p := plan([]line{fibre, cable}, 1)
	b.apply(p)
	b.must("ip link del wan0")
	if _, err := b.try(p); err == nil {
		t.Error("no error though wan0 is gone")
	}
	b.plug("wan0")
	done := b.apply(p)
	if done.Changes == 0 || len(done.Restored) != 0 {
		t.Errorf("a new wan0: %d changes, restored %q", done.Changes, done.Restored)
	}
	if got := b.show(); !strings.Contains(got, "default via 198.51.100.1 dev wan0 proto 201 metric 1") {
		t.Errorf("no default route over the new wan0:\n%s", got)
	}
}

func TestSameNetworkTwice(t *testing.T) {
	b := newBox(t)
	p := plan([]line{fibre, twin}, 0, 1)
	b.apply(p)
	b.settled(p)
	for device, mark := range map[string]string{"wan0": "0x100", "wan1": "0x200"} {
		if out := b.must("ip route get 192.0.2.1 mark " + mark); !strings.Contains(out, "via 198.51.100.1 dev "+device) {
			t.Errorf("mark %s: %s, want %s", mark, out, device)
		}
	}
	if out := b.must("ip route get 192.0.2.1"); !strings.Contains(out, "dev wan1") {
		t.Errorf("unmarked: %s, want wan1", out)
	}
}

func TestBridge(t *testing.T) {
	b := newBox(t)
	b.plug("lan1")
	before := b.show()
	p := router.Plan{
		Bridge:    []string{"lan0", "lan1"},
		Links:     []string{"lan0", "lan1", router.BridgeName},
		Addresses: []router.Address{{Device: router.BridgeName, Prefix: netip.MustParsePrefix("192.168.1.2/24")}},
	}
	b.apply(p)
	b.settled(p)
	if out := b.must("bridge link"); !strings.Contains(out, "lan0") || !strings.Contains(out, "lan1") {
		t.Errorf("ports: %s", out)
	}
	p.Bridge = p.Bridge[:1]
	b.apply(p)
	if out := b.must("bridge link"); strings.Contains(out, "lan1") {
		t.Errorf("lan1 was not freed: %s", out)
	}
	b.apply(router.Plan{})
	b.must("ip link set lan0 down")
	b.must("ip link set lan1 down")
	if d := difference(b.show(), before); d != "" {
		t.Errorf("not as before:\n%s", d)
	}
	b.must("ip link add br-lan type bridge")
	if _, err := b.try(p); err == nil || !strings.Contains(err.Error(), "make bridge br-lan: someone else's interface has this name") {
		t.Errorf("got error %v, want one about the foreign bridge", err)
	}
}

func TestReadOnlySetting(t *testing.T) {
	b := newBox(t)
	p := router.Plan{Sysctls: []router.Sysctl{{Path: "net/ipv4/no_such_setting", Value: "1"}}}
	if done := b.apply(p); done.Changes != 0 {
		t.Errorf("%d changes by a setting that does not exist", done.Changes)
	}
	if !b.kernel.complained["net/ipv4/no_such_setting"] {
		t.Error("nobody was told")
	}
}

func BenchmarkApplyNothing(b *testing.B) {
	box := newBox(b)
	p := plan([]line{fibre, cable}, 1)
	box.apply(p)
	_ = box.Do(func() error {
		for b.Loop() {
			if done, err := box.kernel.Apply(p); err != nil || done.Changes != 0 {
				b.Fatal(done, err)
			}
		}
		return nil
	})
}

func BenchmarkApplySwitch(b *testing.B) {
	box := newBox(b)
	plans := []router.Plan{plan([]line{fibre, cable}, 1), plan([]line{fibre, cable}, 0, 1)}
	box.apply(plans[1])
	_ = box.Do(func() error {
		for i := 0; b.Loop(); i++ {
			if done, err := box.kernel.Apply(plans[i%2]); err != nil || done.Changes != 1 {
				b.Fatal(done, err)
			}
		}
		return nil
	})
}

func TestSharedRoutes(t *testing.T) {
	a := netip.MustParseAddr
	six := func(device, gateway string) router.Hop {
		return router.Hop{Gateway: a(gateway), Device: device, Weight: 2}
	}
	for _, c := range []struct {
		name        string
		destination netip.Prefix
		hops        []router.Hop
		want        []string
	}{
		{"IPv6", any6, []router.Hop{six("wan1", "2001:db8:1::f"), six("wan0", "2001:db8:1::1")}, []string{"via 2001:db8:1::1 dev wan0 weight 2", "via 2001:db8:1::f dev wan1 weight 2"}},
		{"IPv4 without gateways", any4, []router.Hop{{Device: "wan0", Weight: 1}, {Device: "wan1", Weight: 3}}, []string{"dev wan0 weight 1", "dev wan1 weight 3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBox(t)
			one := plan([]line{fibre, cable})
			one.Addresses = append(one.Addresses, router.Address{Device: "wan1", Prefix: netip.MustParsePrefix("2001:db8:1::5/64"), NoRoute: true})
			both, none := one, one
			route := router.Route{Table: router.Main, Destination: c.destination, Metric: router.MainMetric, OnLink: c.destination == any6}
			single := route
			single.Gateway, single.Device = c.hops[0].Gateway, c.hops[0].Device
			one.Routes = append(one.Routes[:len(one.Routes):len(one.Routes)], single)
			route.Hops = c.hops
			both.Routes = append(both.Routes[:len(both.Routes):len(both.Routes)], route)
			for _, p := range []router.Plan{one, both, one, none, both} {
				b.apply(p)
				b.settled(p)
			}
			got := b.show()
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("the kernel lacks %q; it has\n%s", want, got)
				}
			}
		})
	}
}
