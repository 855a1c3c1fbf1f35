package lan

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

var (
	address = netip.MustParseAddr
	lan0    = router.Link{Index: 7, Name: "lan0"}
)

// home is a house with everything: tests take away from it.
func home() router.Config {
	return router.Config{
		Name: "main",
		LAN: router.LAN{
			Interface: "lan0", Address: netip.MustParsePrefix("192.168.1.2/24"),
			DHCP: router.DHCPServer{First: address("192.168.1.100"), Last: address("192.168.1.199"), Lease: 12 * time.Hour},
			DNS:  router.DNSServer{On: true, Domain: "home.arpa"},
			Hosts: []router.Host{
				{MAC: "02:00:00:00:00:10", Address: address("192.168.1.10"), Name: "nas"},
				{MAC: "02:00:00:00:00:11", Address: address("192.168.1.11")},
				{MAC: "02:00:00:00:00:12", Address: address("192.168.1.12"), Name: "cam.garden.example"},
			},
		},
	}
}

// weather is a snapshot with two lines, the first of which carries the house.
func weather() *router.Snapshot {
	return &router.Snapshot{WANs: []router.WANSnapshot{
		{Name: "fibre", Interface: "wan0", Active: true, DNS: []string{"198.51.100.1", "2001:db8::53"}},
		{Name: "lte", Interface: "wan1", DNS: []string{"203.0.113.1"}},
	}}
}

func paired(cfg router.Config) router.Config {
	cfg.VRRP = append(cfg.VRRP, router.VirtualRouter{Router: vrrp.Router{
		Name: "lan", ID: 51, Addresses: []netip.Prefix{netip.MustParsePrefix("fd00::1/64"), netip.MustParsePrefix("192.168.1.1/24")},
	}})
	return cfg
}

// elected is a snapshot in which the virtual router has a state.
func elected(state vrrp.State) *router.Snapshot {
	snap := weather()
	snap.VRRP = []router.VRRPSnapshot{
		{Name: "lan", Family: "ipv6", Interface: "lan0", State: "active"},
		{Name: "lan", Family: "ipv4", Interface: "lan0", State: state.String()},
	}
	return snap
}

func TestArguments(t *testing.T) {
	bare := home()
	bare.LAN.DHCP, bare.LAN.Hosts, bare.LAN.DNS.Domain = router.DHCPServer{}, nil, ""
	bare.Name = "Twinpath"
	macs := paired(home())
	macs.VRRP[0].VirtualMAC = true
	for name, w := range map[string]Wanted{
		"house":       For(home(), lan0, weather()),
		"names-only":  For(bare, lan0, weather()),
		"pair":        For(paired(home()), lan0, elected(vrrp.Active)),
		"virtual-mac": For(macs, lan0, elected(vrrp.Active)),
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, name, strings.Join(w.arguments(), "\n")+"\n\n"+strings.Join(w.servers(), "\n")+"\n")
		})
	}
}

// A machine may be called what no name in the DNS can be: dnsmasq has to start all the same.
func TestARouterThatTheDNSCannotCallSo(t *testing.T) {
	for name, want := range map[string]bool{"router": true, "main.house": true, "my_router": true, strings.Repeat("x", 64): false, "a,b": false, "a b": false, "a..b": false} {
		cfg := home()
		cfg.Name = name
		all := strings.Join(For(cfg, lan0, weather()).arguments(), "\n")
		if got := strings.Contains(all, "--host-record="+name); got != want {
			t.Errorf("%q is a name of the house: %t, want %t", name, got, want)
		}
	}
}

// A device that is called "ignore" would get no address, and one called "42" its own for 42 seconds (dnsmasq(8), --dhcp-host).
func TestNamesThatAreOrders(t *testing.T) {
	for name, want := range map[string]string{"nas": ",nas,43200", "ignore": ".10,43200", "Infinite": ".10,43200", "42": ".10,43200", "12h": ".10,43200", "h12": ",h12,43200"} {
		cfg := home()
		cfg.LAN.Hosts = []router.Host{{Name: name, MAC: "02:00:00:00:00:10", Address: address("192.168.1.10")}}
		all := For(cfg, lan0, weather()).arguments()
		if last := all[len(all)-1]; !strings.HasPrefix(last, "--dhcp-host=") || !strings.HasSuffix(last, want) {
			t.Errorf("%q: %s, want it to end with %s", name, last, want)
		}
		if !slices.ContainsFunc(all, func(a string) bool { return strings.HasPrefix(a, "--host-record="+name+",") }) {
			t.Errorf("nobody finds %q", name)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		must(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOnlyTheActiveServesTheHouse(t *testing.T) {
	for state := vrrp.State(0); state <= vrrp.Active; state++ {
		w := For(paired(home()), lan0, elected(state))
		if (w.Device != "") != (state == vrrp.Active) || w.Device == "" && !reflect.DeepEqual(w, Wanted{}) {
			t.Errorf("%s: %+v", state, w)
		}
	}
	if w := For(paired(home()), lan0, weather()); w.Device != "" {
		t.Errorf("serves while nobody has said who is Active: %+v", w)
	}
}

func TestTheGateway(t *testing.T) {
	other := func(change func(*router.VirtualRouter)) router.Config {
		cfg := paired(home())
		change(&cfg.VRRP[0])
		return cfg
	}
	for what, c := range map[string]struct {
		cfg  router.Config
		snap *router.Snapshot
		want string
	}{
		"alone":                        {home(), weather(), "192.168.1.2"},
		"the house's virtual router":   {paired(home()), elected(vrrp.Active), "192.168.1.1"},
		"by its name":                  {other(func(v *router.VirtualRouter) { v.Interface = "lan0" }), elected(vrrp.Active), "192.168.1.1"},
		"by a pattern":                 {other(func(v *router.VirtualRouter) { v.Interface = "lan?" }), elected(vrrp.Active), "192.168.1.1"},
		"one of another interface":     {other(func(v *router.VirtualRouter) { v.Interface = "dmz0" }), weather(), "192.168.1.2"},
		"one of another network":       {other(func(v *router.VirtualRouter) { v.Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")} }), weather(), "192.168.1.2"},
		"one for IPv6 only":            {other(func(v *router.VirtualRouter) { v.Addresses = v.Addresses[:1] }), weather(), "192.168.1.2"},
		"the first of several is told": {paired(paired(home())), elected(vrrp.Active), "192.168.1.1"},
	} {
		if got := For(c.cfg, lan0, c.snap).Gateway; got != address(c.want) {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
}

func TestNothingIsServed(t *testing.T) {
	without := home()
	without.LAN.DHCP, without.LAN.DNS = router.DHCPServer{}, router.DNSServer{}
	for what, w := range map[string]Wanted{
		"where nobody asked for it": For(without, lan0, weather()),
		"without the interface":     For(home(), router.Link{}, weather()),
		"without a house":           For(router.Config{}, router.Link{}, weather()),
	} {
		if !reflect.DeepEqual(w, Wanted{}) {
			t.Errorf("%s: %+v", what, w)
		}
	}
	addresses := home()
	addresses.LAN.DNS = router.DNSServer{}
	if For(addresses, lan0, weather()).Device == "" {
		t.Error("a house with addresses only is not served")
	}
}

func TestUpstream(t *testing.T) {
	both, none, far := weather(), weather(), weather()
	both.WANs[1].Active = true
	none.WANs[0].Active = false
	far.WANs[0].DNS = nil
	owners := home()
	owners.LAN.DNS.Upstream = []netip.Addr{address("9.9.9.9")}
	odd := weather()
	odd.WANs[0].DNS = []string{"fe80::1%wan0", "", "198.51.100.7"}
	for what, c := range map[string]struct {
		cfg  router.Config
		snap *router.Snapshot
		want string
	}{
		"the active line's": {home(), weather(), "198.51.100.1@wan0 2001:db8::53@wan0"},
		"those of both":     {home(), both, "198.51.100.1@wan0 2001:db8::53@wan0 203.0.113.1@wan1"},
		"nobody is active":  {home(), none, "198.51.100.1 2001:db8::53 203.0.113.1"},
		"the other's, where the active one has none": {home(), far, "203.0.113.1"},
		"the owner's": {owners, weather(), "9.9.9.9"},
		"no zones":    {home(), odd, "198.51.100.7@wan0"},
		"none":        {home(), &router.Snapshot{}, ""},
	} {
		got := strings.Join(For(c.cfg, lan0, c.snap).servers(), " ")
		if got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
}

// TestWhatTheSnapshotShowsOtherwiseChangesNothing: a dnsmasq that is well must not be disturbed by round trip times.
func TestWhatTheSnapshotShowsOtherwiseChangesNothing(t *testing.T) {
	later := elected(vrrp.Active)
	later.Time, later.Sentence, later.WANs[0].RTT, later.WANs[1].State = time.Now(), "other", 5, "down"
	if a, b := For(paired(home()), lan0, elected(vrrp.Active)), For(paired(home()), lan0, later); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v became %+v", a, b)
	}
}
