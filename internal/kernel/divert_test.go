package kernel

import (
	"net/netip"
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

func TestDivertLists(t *testing.T) {
	b := newBox(t)
	b.must("ip link set lan0 up")
	b.must("ip addr add 192.168.1.2/24 dev lan0")
	empty := b.show()
	for _, mode := range []handover.Mode{handover.Prepared, handover.All, handover.Listed} {
		b.divert(testDiversion(mode, mode == handover.Listed))
		t.Log(b.must("nft list ruleset"))
	}
	b.kept(flow.Change{Begun: []flow.Flow{someFlow(6, "192.168.1.10:4711", "9.9.9.1:80"), someFlow(17, "[2001:db8::1]:1", "[2001:db8::2]:2"), someFlow(1, "192.168.1.10:77", "9.9.9.1:0")}})
	t.Log(b.must("nft list ruleset"))
	t.Log(b.must("ip rule"), b.must("ip route show table 20050"), b.must("ip -6 route show table 20050"))
	b.divert(handover.Diversion{})
	if d := difference(b.show(), empty); d != "" {
		t.Error(d)
	}
	_ = strings.Contains
}
