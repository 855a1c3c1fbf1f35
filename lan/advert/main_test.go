package advert

import (
	"flag"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
	"github.com/twinpath/twinpath/wan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// noon is when tests begin.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	own     = "fe80::aa"
	lanMAC  = "02:00:00:00:00:aa"
	virtual = "fe80::5:1"
	peerMAC = "02:00:00:00:00:bb"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func address(s string) netip.Addr  { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// house is the house's side of every test.
func house() House {
	return House{Link: router.Link{Index: 7, Name: "lan0", MAC: lanMAC, Up: true, Carrier: true, MTU: 1500}, Own: address(own)}
}

// line is a WAN with a delegated prefix for an hour and a half of use, and half an hour more.
func line(name, delegated string, use bool) router.WANSnapshot {
	return router.WANSnapshot{Name: name, Active: use, Use6: use, MTU6: 1500, Lease6: &wan.Lease6{Gateway: address("fe80::1"), Prefixes: []wan.Lifetime{
		{Prefix: prefix(delegated), Preferred: noon.Add(90 * time.Minute), Valid: noon.Add(2 * time.Hour)},
	}}}
}

// alone is a house with one router.
func alone() router.Config {
	return router.Config{Name: "main", LAN: router.LAN{
		Interface: "lan0", Address: prefix("192.168.1.1/24"), IPv6: true, DNS: router.DNSServer{On: true, Domain: "home.arpa"},
	}}
}

// paired is one of two routers with a virtual link-local address.
func paired() router.Config {
	cfg := alone()
	cfg.VRRP = []router.VirtualRouter{{Router: vrrp.Router{
		Name: "lan", ID: 51, Interface: "lan0", Addresses: []netip.Prefix{prefix("192.168.1.1/24"), prefix(virtual + "/64")},
	}}}
	return cfg
}

// elected is a snapshot in which the elections of "lan" stand so.
func elected(v4, v6 vrrp.State, lines ...router.WANSnapshot) *router.Snapshot {
	return &router.Snapshot{WANs: lines, VRRP: []router.VRRPSnapshot{
		{Name: "lan", Family: "ipv4", Interface: "lan0", State: v4.String()},
		{Name: "lan", Family: "ipv6", Interface: "lan0", State: v6.String()},
	}, Speakers: []router.SpeakerSnapshot{
		{Interface: "lan0", Source: "192.168.1.3", MAC: peerMAC, Ours: "lan"},
		{Interface: "lan0", Source: "fe80::bb", MAC: peerMAC, Ours: "lan"},
		{Interface: "lan0", Source: "192.168.1.9", MAC: "02:00:00:00:00:99", Foreign: true},
	}}
}

func with(lines ...router.WANSnapshot) *router.Snapshot { return &router.Snapshot{WANs: lines} }

func noDelay(time.Duration) time.Duration { return 0 }

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}

func prefixOf(a [16]byte) netip.Prefix { return netip.PrefixFrom(netip.AddrFrom16(a), 64) }
