package config

import (
	"net/netip"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
)

func parsed(t *testing.T, text string) router.Config {
	t.Helper()
	cfg, problems := Parse("twinpath.toml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return cfg
}

func full(t *testing.T) router.Config {
	t.Helper()
	text, err := os.ReadFile("testdata/good/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, string(text))
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}

func TestFullLAN(t *testing.T) {
	equal(t, "lan", full(t).LAN, router.LAN{
		Interface: "lan0",
		Address:   netip.MustParsePrefix("192.168.1.2/24"),
		IPv6:      true,
		DHCP: router.DHCPServer{
			First: netip.MustParseAddr("192.168.1.100"), Last: netip.MustParseAddr("192.168.1.199"), Lease: 12 * time.Hour,
		},
		DNS: router.DNSServer{
			On:       true,
			Domain:   "home.arpa",
			Upstream: []netip.Addr{netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("2620:fe::fe")},
		},
		Hosts: []router.Host{{MAC: "02:00:00:00:00:10", Address: netip.MustParseAddr("192.168.1.10"), Name: "nas"}},
	})
}

func TestFullWANs(t *testing.T) {
	equal(t, "wans", full(t).WANs, []router.WANConfig{
		{
			Name: "fibre", Interface: "wan0", Kind: router.PPPoE, Weight: 3, MTU: 1492,
			PPPoE: router.Credentials{User: "me@isp.example", Password: "secret"},
			Health: health.Config{
				Interval: 2 * time.Second, Timeout: 1500 * time.Millisecond, Confirm: 250 * time.Millisecond,
				Fall: 4, Rise: 5, Quorum: 30,
				Checks: []health.Check{
					{Kind: health.Ping, Target: "1.1.1.1", Weight: 30},
					{Kind: health.TCP, Target: "[2620:fe::fe]:443", Weight: 20},
					{Kind: health.HTTP, Target: "http://192.0.2.1/generate", Weight: 20, Status: 200},
					{Kind: health.DNS, Target: "9.9.9.9", Weight: 20},
				},
			},
		},
		{
			Name: "cable", Interface: "02:00:00:00:00:0a", Kind: router.Static, Weight: 1,
			Static: router.StaticLine{
				Address: netip.MustParsePrefix("203.0.113.2/24"),
				Gateway: netip.MustParseAddr("203.0.113.1"),
				DNS:     []netip.Addr{netip.MustParseAddr("203.0.113.1")},
			},
		},
		{Name: "mobile", Interface: "usb*", Kind: router.DHCP, Cost: 50, Weight: 1, Metered: true, Priced: true, Failback: router.Move},
		{Name: "neighbour", Kind: router.Peer, Cost: 100, Weight: 1, Peer: netip.MustParseAddr("192.168.1.3")},
	})
}

func TestFullRules(t *testing.T) {
	cfg := full(t)
	equal(t, "policies", cfg.Policies, []router.Policy{
		{
			Devices: []string{"02:00:00:00:00:22", "02:00:00:00:00:2a"},
			Sources: []netip.Prefix{netip.MustParsePrefix("192.168.1.128/25")},
			Destinations: []netip.Prefix{
				netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("192.0.2.7/32"),
			},
			Ports: []firewall.PortRange{{First: 443, Last: 443}, {First: 8000, Last: 8010}, {First: 53, Last: 53}},
			WANs:  []string{"fibre", "cable"},
			Block: true,
		},
		{Ports: []firewall.PortRange{{First: 25, Last: 25}}, WANs: []string{"cable"}},
	})
	equal(t, "forwards", cfg.Forwards, []firewall.Forward{
		{Proto: "tcp", Ports: firewall.PortRange{First: 443, Last: 443}, To: netip.MustParseAddrPort("192.168.1.10:8443"), WANs: []string{"fibre"}},
		{Proto: "tcp", Ports: firewall.PortRange{First: 443, Last: 443}, To: netip.AddrPortFrom(netip.MustParseAddr("192.168.1.11"), 0), WANs: []string{"cable"}},
		{Proto: "udp", Ports: firewall.PortRange{First: 8000, Last: 8010}, To: netip.AddrPortFrom(netip.MustParseAddr("192.168.1.10"), 0)},
	})
}

func TestEmptyFileIsAnEmptyConfiguration(t *testing.T) {
	equal(t, "empty", parsed(t, ""), router.Config{Offload: true})
}

func TestTheShippedConfigurationIsGood(t *testing.T) {
	if _, err := Load("../packaging/twinpath.toml"); err != nil {
		t.Error(err)
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"wieght", "weight"}, {"weigth", "weight"}, {"Weight", "weight"}, {"cots", "cost"}, {"x", ""}, {"interfaces", "interface"},
		{"completely-different", ""}, {"", ""},
	} {
		if got := nearest(test.name, wanKeys().names()); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
