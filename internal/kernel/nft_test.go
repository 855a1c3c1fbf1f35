package kernel

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/internal/sandbox"
)

func nftPolicies() map[string]firewall.Policy {
	house := []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("fd00:1::/64")}
	wans := []firewall.WAN{
		{Name: "fibre", Device: "wan0", Mark: firewall.MarkOf(0), MTU: 1492, Alive: true,
			Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.2")}},
		{Name: "dsl", Device: "wan1", Mark: firewall.MarkOf(1), Alive: true,
			Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.2"), netip.MustParseAddr("2001:db8:2::2")}},
		{Name: "other", Device: "lan0", Mark: firewall.MarkOf(2), Alive: true, Peer: true},
	}
	full := firewall.Policy{LAN: []string{"lan0", "lan1"}, Subnets: house, WANs: wans,
		Shares: []firewall.Share{{Mark: firewall.MarkOf(0), Weight: 3}, {Mark: firewall.MarkOf(1), Weight: 2}, {Mark: firewall.MarkOf(2), Weight: 1}},
		Uses: []firewall.Use{
			{Devices: []string{"02:00:00:00:00:22"}, Ports: []firewall.PortRange{{First: 80, Last: 80}, {First: 0, Last: 7}, {First: 65000, Last: 65535}}, Block: true},
			{Sources: []netip.Prefix{netip.MustParsePrefix("192.168.1.64/26"), netip.MustParsePrefix("192.168.1.128/26"), netip.MustParsePrefix("fd00:1::5/128")},
				Destinations: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
				Via:          []firewall.Share{{Mark: firewall.MarkOf(1), Weight: 1}}},
		},
		Forwards: []firewall.Forward{
			{Proto: "tcp", Ports: firewall.PortRange{First: 443, Last: 443}, To: netip.MustParseAddrPort("192.168.1.10:8443"), WANs: []string{"fibre"}},
			{Proto: "udp", Ports: firewall.PortRange{First: 5060, Last: 5061}, To: netip.MustParseAddrPort("192.168.1.11:0")},
			{Proto: "tcp", Ports: firewall.PortRange{First: 22, Last: 22}, To: netip.MustParseAddrPort("[fd00:1::10]:2222")},
			{Proto: "tcp", Ports: firewall.PortRange{First: 23, Last: 23}, To: netip.MustParseAddrPort("[fd00:1::10]:0")},
		}}
	single := firewall.Policy{LAN: []string{"lan0"}, Subnets: house, WANs: wans[:1]}
	virtual := single
	virtual.LAN, virtual.Own = []string{"lan0", "vr2-51-4"}, []string{"dmz0", "dmz1"}
	virtual.Refused = []netip.Addr{netip.MustParseAddr("192.168.1.254"), netip.MustParseAddr("fd00:1::fe")}
	metered := single
	metered.WANs = []firewall.WAN{wans[0], {Name: "stick", Device: "wwan0", Mark: firewall.MarkOf(3), Alive: true, Metered: true, Class: firewall.Essential}}
	metered.Uses = []firewall.Use{{Devices: full.Uses[0].Devices, Ports: full.Uses[0].Ports, Class: firewall.Never}, {Sources: full.Uses[1].Sources, Class: firewall.Always}}
	crowd := full
	crowd.Uses = []firewall.Use{{Via: full.Shares[:1]}}
	for i := range 6000 { // far more than one message holds; every other address, so that none merge
		crowd.Uses[0].Sources = append(crowd.Uses[0].Sources, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 7), byte(i << 1)}), 32))
	}
	six := full
	six.Six, six.Inner, six.WANs = true, netip.MustParsePrefix("fd00:1::/64"), slices.Clone(wans)
	six.WANs[0].Sources6, six.WANs[0].Alive6, six.WANs[0].Open6 = []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/56")}, true, true
	six.WANs[0].Translate, six.WANs[1].Sources6 = netip.MustParsePrefix("2001:db8:1:7::/64"), []netip.Prefix{netip.MustParsePrefix("2001:db8:2::7/128")}
	six.Forwards = append(slices.Clone(full.Forwards), firewall.Forward{Proto: "udp", Ports: full.Forwards[1].Ports, To: netip.MustParseAddrPort("[::10]:0")})
	lent := six
	lent.Partner, lent.PartnerAddress, lent.Lent = "02:00:00:00:00:99", netip.MustParseAddr("192.168.1.3"), full.Shares[:2]
	return map[string]firewall.Policy{"full": full, "lent": lent, "six": six, "single": single, "no LAN": {WANs: wans[:2]}, "crowd": crowd, "metered": metered,
		"virtual": virtual, "server": {Refused: virtual.Refused}}
}

// The ruleset that we lower and the text that we print are one and the same to the kernel.
func TestNftLoadsWhatTheTextSays(t *testing.T) {
	for name, p := range nftPolicies() {
		r := firewall.Build(p)
		slug := strings.ReplaceAll(name, " ", "-")
		text, lowered := nftNamespace(t, "text-"+slug), nftNamespace(t, "lowered-"+slug)
		if _, err := text.Feed("nft -f -", r.String()); err != nil {
			t.Fatal(err)
		}
		nftLoad(t, lowered, &Nft{}, r)
		want, got := nftTable(t, text), nftTable(t, lowered)
		if got != want {
			t.Errorf("%s: %s", name, firstDifference(want, got))
		}
	}
}

func TestNftTwiceIsOnce(t *testing.T) {
	ns, n := nftNamespace(t, "twice"), &Nft{}
	r := firewall.Build(nftPolicies()["full"])
	nftLoad(t, ns, n, r)
	once := nftTable(t, ns)
	nftLoad(t, ns, n, r)
	if twice := nftTable(t, ns); twice != once {
		t.Error(firstDifference(once, twice))
	}
}

func TestNftLeavesOthersAlone(t *testing.T) {
	ns, n := nftNamespace(t, "others"), &Nft{}
	others := "table inet theirs {\n\tset s {\n\t\ttype ipv4_addr\n\t}\n\tchain c {\n\t\ttype filter hook forward priority 5; policy accept;\n\t\tip saddr @s drop\n\t}\n}\ntable ip twinpath {\n}\n"
	if _, err := ns.Feed("nft -f -", others); err != nil {
		t.Fatal(err)
	}
	before := nftRun(t, ns, "nft list ruleset")
	nftLoad(t, ns, n, firewall.Build(nftPolicies()["full"]))
	nftLoad(t, ns, n, firewall.Build(nftPolicies()["single"]))
	nftRemove(t, ns, n)
	if after := nftRun(t, ns, "nft list ruleset"); after != before {
		t.Error(firstDifference(before, after))
	}
}

func TestNftFailureChangesNothing(t *testing.T) {
	ns, n := nftNamespace(t, "failure"), &Nft{}
	good := firewall.Build(nftPolicies()["full"])
	nftLoad(t, ns, n, good)
	before := nftTable(t, ns)

	for name, c := range map[string]struct {
		spoil func(*firewall.Ruleset)
		want  string
	}{
		"refused by the kernel": {func(r *firewall.Ruleset) {
			r.Chains[0].Rules = append(r.Chains[0].Rules, firewall.Rule{firewall.Verdict{Kind: firewall.Goto, Chain: "nowhere"}})
		}, "no such file or directory"},
		"set missing": {func(r *firewall.Ruleset) { r.Sets = r.Sets[1:] }, `chain filter_input: rule "iifname @lan accept": no set lan`},
		"no such hook": {func(r *firewall.Ruleset) {
			r.Chains = []firewall.Chain{{Name: "c", Hook: &firewall.Hook{Type: "filter", At: "sideways"}}}
		}, `chain c: no hook "sideways"`},
	} {
		bad := firewall.Build(nftPolicies()["single"])
		c.spoil(&bad)
		err := ns.Do(func() error { return n.Load(bad) })
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "load ruleset "+bad.Hash()) {
			t.Errorf("%s: got %v, want an error with %q that names the ruleset", name, err, c.want)
		}
		if after := nftTable(t, ns); after != before {
			t.Errorf("%s: %s", name, firstDifference(before, after))
		}
		if hash := nftLoaded(t, ns, n); hash != good.Hash() {
			t.Errorf("%s: loaded is %q, want still %q", name, hash, good.Hash())
		}
	}
}

func TestNftNoticesDrift(t *testing.T) {
	ns, n := nftNamespace(t, "drift"), &Nft{}
	r := firewall.Build(nftPolicies()["full"])
	if hash := nftLoaded(t, ns, n); hash != "" {
		t.Errorf("before loading, %q is loaded", hash)
	}
	for _, meddle := range []string{"nft flush table inet twinpath", "nft delete table inet twinpath", "nft flush ruleset"} {
		nftLoad(t, ns, n, r)
		if hash := nftLoaded(t, ns, n); hash != r.Hash() {
			t.Errorf("%q is loaded, want %q", hash, r.Hash())
		}
		nftRun(t, ns, meddle)
		if hash := nftLoaded(t, ns, n); hash != "" {
			t.Errorf("after %s, %q is loaded", meddle, hash)
		}
	}
}

func TestNftRemove(t *testing.T) {
	ns, n := nftNamespace(t, "remove"), &Nft{}
	nftRemove(t, ns, n)
	nftLoad(t, ns, n, firewall.Build(nftPolicies()["single"]))
	nftLoad(t, ns, n, firewall.Ruleset{}) // the same as Remove
	nftRemove(t, ns, n)
	if left := nftRun(t, ns, "nft list ruleset"); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

func TestNftKeepsCounters(t *testing.T) {
	ns, n := nftNamespace(t, "counters"), &Nft{}
	r := firewall.Build(nftPolicies()["single"])
	nftLoad(t, ns, n, r)
	// From no LAN and no WAN: the packet is counted as unmatched.
	nftRun(t, ns, "ip link add lan9 type veth peer name far9")
	for _, line := range []string{"ip link set lan9 address 02:00:00:00:00:09 up", "ip link set far9 up", "ip addr add 10.9.9.1/24 dev lan9",
		"ip neigh add 10.9.9.2 lladdr 02:00:00:00:00:08 dev lan9", "ip link set far9 promisc on"} {
		nftRun(t, ns, line)
	}
	if _, err := ns.Feed("nft -f -", "add rule inet twinpath mangle_output udp dport 9 counter name unmatched\n"); err != nil {
		t.Fatal(err)
	}
	sendUDP(t, ns, "10.9.9.2:9")
	before := nftRun(t, ns, "nft list counter inet twinpath unmatched")
	if !strings.Contains(before, "packets 1 bytes 29") {
		t.Fatalf("the packet was not counted:\n%s", before)
	}
	nftLoad(t, ns, n, r)
	if after := nftRun(t, ns, "nft list counter inet twinpath unmatched"); after != before {
		t.Error(firstDifference(before, after))
	}
}

func BenchmarkNftLoad(b *testing.B) {
	ns, n := nftNamespace(b, "benchmark"), &Nft{}
	r := firewall.Build(nftPolicies()["full"])
	err := ns.Do(func() error {
		for b.Loop() {
			if err := n.Load(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func nftNamespace(t testing.TB, name string) *sandbox.Namespace {
	t.Helper()
	ns, err := sandbox.Add("nft-" + name)
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

func nftRun(t testing.TB, ns *sandbox.Namespace, line string) string {
	t.Helper()
	out, err := ns.Run(line)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func nftLoad(t testing.TB, ns *sandbox.Namespace, n *Nft, r firewall.Ruleset) {
	t.Helper()
	if err := ns.Do(func() error { return n.Load(r) }); err != nil {
		t.Fatal(err)
	}
}

func nftRemove(t testing.TB, ns *sandbox.Namespace, n *Nft) {
	t.Helper()
	if err := ns.Do(n.Remove); err != nil {
		t.Fatal(err)
	}
}

func nftLoaded(t testing.TB, ns *sandbox.Namespace, n *Nft) (hash string) {
	t.Helper()
	err := ns.Do(func() (err error) {
		hash, err = n.Loaded()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// nftTable lists our table without the chain that names it.
func nftTable(t testing.TB, ns *sandbox.Namespace) string {
	t.Helper()
	text := nftRun(t, ns, "nft list table inet twinpath")
	return regexp.MustCompile(`\n\tchain generation_[0-9a-f]{16} \{\n\t\taccept\n\t\}\n`).ReplaceAllString(text, "")
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d is\n%s\nwant\n%s", i+1, b[i], a[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d:\n%s\nwant\n%s", len(b), len(a), got, want)
}
