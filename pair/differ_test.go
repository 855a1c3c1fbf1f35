package pair

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// twins are the configurations of a pair that fits together.
func twins() (main, backup router.Config) {
	of := func(name, own, peer string, priority int) router.Config {
		return router.Config{
			Name: name,
			LAN: router.LAN{
				Interface: "lan0", Address: netip.MustParsePrefix(own + "/24"), IPv6: true,
				DHCP: router.DHCPServer{First: netip.MustParseAddr("192.168.1.100"), Last: netip.MustParseAddr("192.168.1.199"), Lease: 12 * time.Hour},
				DNS:  router.DNSServer{Domain: "home.arpa"},
			},
			VRRP: []router.VirtualRouter{{Router: vrrp.Router{
				Name: "lan", ID: 51, Version: 3, Base: priority, Interval: time.Second, Preempt: true,
				Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.1/24")},
			}}},
			Pair: router.Pair{Peer: netip.MustParseAddr(peer), Secret: "0123456789abcdef", Beat: 50 * time.Millisecond},
		}
	}
	return of("main", "192.168.1.2", "192.168.1.3", 100), of("backup", "192.168.1.3", "192.168.1.2", 50)
}

// posted is a digest as the other router reads it.
func posted(t *testing.T, d Digest) Digest {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadDigest(text)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestDifferences(t *testing.T) {
	key := func(text string) vrrp.Auth {
		return vrrp.Auth{Kind: vrrp.HMAC, Keys: map[uint8][]byte{1: []byte(text)}, Active: 1}
	}
	for _, c := range []struct {
		name   string
		change func(main, backup *router.Config)
		want   []string // beginnings
	}{
		{"none", func(_, _ *router.Config) {}, nil},
		{"what each has its own way", func(m, b *router.Config) {
			m.WANs, b.VRRP[0].Track, b.Pair.Keep, b.VRRP[0].PreemptDelay = []router.WANConfig{{Name: "fibre"}}, []string{"lte"}, time.Minute, time.Second
			m.VRRP = append(m.VRRP, router.VirtualRouter{Router: vrrp.Router{Name: "dmz", ID: 60, Interface: "eth5"}})
		}, nil},
		{"gateway", func(_, b *router.Config) {
			b.VRRP[0].Addresses = []netip.Prefix{netip.MustParsePrefix("192.168.1.254/24")}
		},
			[]string{"[[vrrp]] lan: this router serves 192.168.1.1, backup 192.168.1.254: the house would lose its gateway when it moves"}},
		{"id", func(_, b *router.Config) { b.VRRP[0].ID = 52 }, []string{"[[vrrp]] lan: this router has id 51, backup id 52 for the same address"}},
		{"no section", func(_, b *router.Config) { b.VRRP = nil }, []string{"[[vrrp]] lan: backup has no [[vrrp]] with id 51"}},
		{"a section too many", func(_, b *router.Config) {
			more := b.VRRP[0]
			more.Name, more.ID, more.Addresses = "second", 52, []netip.Prefix{netip.MustParsePrefix("192.168.1.9/24")}
			b.VRRP = append(b.VRRP, more)
		}, []string{"[[vrrp]] second: backup serves 192.168.1.9"}},
		{"version of VRRP", func(_, b *router.Config) { b.VRRP[0].Version = 2 }, []string{"[[vrrp]] lan: this router speaks version 3 of VRRP, backup version 2"}},
		{"auth", func(_, b *router.Config) { b.VRRP[0].Auth = key("a") }, []string{`[[vrrp]] lan: auth is "none" here and "hmac" at backup`}},
		{"key", func(m, b *router.Config) { m.VRRP[0].Auth, b.VRRP[0].Auth = key("a"), key("b") }, []string{"[[vrrp]] lan: auth.key is another one at backup"}},
		{"the same key", func(m, b *router.Config) { m.VRRP[0].Auth, b.VRRP[0].Auth = key("a"), key("a") }, nil},
		{"interval", func(_, b *router.Config) { b.VRRP[0].Interval = 100 * time.Millisecond }, []string{"[[vrrp]] lan: interval is 1s here and 100ms at backup: how fast"}},
		{"interval of version 2", func(m, b *router.Config) {
			m.VRRP[0].Version, b.VRRP[0].Version, b.VRRP[0].Interval = 2, 2, 2*time.Second
		}, []string{"[[vrrp]] lan: interval is 1s here and 2s at backup: in version 2"}},
		{"peers", func(m, _ *router.Config) { m.VRRP[0].Peers = []netip.Addr{other} }, []string{"[[vrrp]] lan: this router speaks to its peers alone, backup to everybody"}},
		{"priority", func(_, b *router.Config) { b.VRRP[0].Base = 100 }, []string{"[[vrrp]] lan: both routers have priority 100"}},
		{"preempt", func(m, b *router.Config) { m.VRRP[0].Preempt, b.VRRP[0].Preempt = false, false }, []string{"[[vrrp]] lan: preempt is false on both"}},
		{"network", func(_, b *router.Config) { b.LAN.Address = netip.MustParsePrefix("192.168.1.3/16") }, []string{"[lan] address: this router is in 192.168.1.0/24, backup in 192.168.0.0/16"}},
		{"peer here", func(m, _ *router.Config) { m.Pair.Peer = netip.MustParseAddr("192.168.1.4") }, []string{"[pair] peer: this router looks for backup at 192.168.1.4, whose address is 192.168.1.3"}},
		{"peer there", func(_, b *router.Config) { b.Pair.Peer = netip.MustParseAddr("192.168.1.4") }, []string{"[pair] peer: backup looks for this router at 192.168.1.4, whose address is 192.168.1.2"}},
		{"range", func(_, b *router.Config) { b.LAN.DHCP.Last = netip.MustParseAddr("192.168.1.150") },
			[]string{"[lan] dhcp: the range is 192.168.1.100 to 192.168.1.199 here and 192.168.1.100 to 192.168.1.150 at backup"}},
		{"no range", func(_, b *router.Config) { b.LAN.DHCP = router.DHCPServer{} }, []string{"[lan] dhcp: backup has no range"}},
		{"lease", func(_, b *router.Config) { b.LAN.DHCP.Lease = time.Hour }, []string{"[lan] dhcp: a lease lasts 12h here and 1h at backup"}},
		{"domain", func(_, b *router.Config) { b.LAN.DNS.Domain = "lan" }, []string{`[lan] dns: the domain of the house is "home.arpa" here and "lan" at backup`}},
		{"hosts", func(m, _ *router.Config) {
			m.LAN.Hosts = []router.Host{{MAC: "02:00:00:00:00:10", Address: other, Name: "nas"}}
		}, []string{"[[lan.host]]: "}},
		{"the same hosts, in another order", func(m, b *router.Config) {
			m.LAN.Hosts = []router.Host{{MAC: "02:00:00:00:00:AA", Address: other}, {MAC: "02:00:00:00:00:bb", Address: first}}
			b.LAN.Hosts = []router.Host{{MAC: "02:00:00:00:00:BB", Address: first}, {MAC: "02:00:00:00:00:aa", Address: other}}
		}, nil},
		{"IPv6", func(_, b *router.Config) { b.LAN.IPv6 = false }, []string{"[lan] ipv6: this router gives the house IPv6, backup does not"}},
		{"prefix", func(_, b *router.Config) { b.LAN.Prefix = netip.MustParsePrefix("fd00:1::/64") }, []string{"[lan] ipv6: the house's own prefix"}},
		{"forwards", func(m, _ *router.Config) {
			m.Forwards = []firewall.Forward{{Proto: "tcp", Ports: firewall.PortRange{First: 443, Last: 443}}}
		}, []string{"[[firewall.forward]]: "}},
		{"hand-over", func(_, b *router.Config) { b.Pair.NoHandOver = true }, []string{"[pair] handover: this router keeps connections alive when the house moves, backup does not"}},
		{"beats", func(_, b *router.Config) { b.Pair.Beat = 0 }, []string{"[pair] heartbeat: "}},
		{"other beats", func(_, b *router.Config) { b.Pair.Beat = time.Second }, nil}, // the slower one counts
		{"names", func(_, b *router.Config) { b.Name = "main" }, []string{"[router] name: both routers are called main"}},
	} {
		main, backup := twins()
		c.change(&main, &backup)
		got := Differences(DigestOf(main, "1"), posted(t, DigestOf(backup, "1")))
		if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if back := Differences(DigestOf(backup, "1"), posted(t, DigestOf(main, "1"))); len(back) != len(c.want) {
			t.Errorf("%s: the other router says %q", c.name, back)
		}
	}
}

func TestAnotherVersionIsNamedLast(t *testing.T) {
	main, backup := twins()
	backup.LAN.DNS.Domain = "lan"
	got := Differences(DigestOf(main, "1.1"), DigestOf(backup, "1.2"))
	if len(got) != 2 || got[1] != "This router runs Twinpath 1.1, backup 1.2: update the older one." {
		t.Errorf("%q", got)
	}
}

func TestADigestTellsNoSecret(t *testing.T) {
	main, _ := twins()
	main.VRRP[0].Auth = vrrp.Auth{Kind: vrrp.Password, Keys: map[uint8][]byte{0: []byte("hunter22")}}
	main.LAN.Hosts = []router.Host{{MAC: "02:00:00:00:00:10", Address: other, Name: "nas"}}
	text, err := json.Marshal(DigestOf(main, "1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"hunter22", "68756e74", "0123456789abcdef", "nas", "02:00:00"} {
		if strings.Contains(string(text), word) {
			t.Errorf("%s is in it: %s", word, text)
		}
	}
}

func TestAnOddDigest(t *testing.T) {
	if _, err := ReadDigest([]byte(`{"vrrp": 3}`)); err == nil {
		t.Error("it is taken")
	}
	d, err := ReadDigest([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	main, _ := twins()
	_ = Differences(DigestOf(main, "1"), d) // it has no address at all
	_ = Differences(d, d)
	many := Digest{Router: strings.Repeat("x\x1b", 10_000), VRRP: make([]Contest, 1000)}
	if d := posted(t, many); len(d.VRRP) > 32 || len(d.Router) > 2*clause || strings.Contains(d.Router, "\x1b") {
		t.Errorf("%d elections of %d bytes", len(d.VRRP), len(d.Router))
	}
}
