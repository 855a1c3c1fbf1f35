package firewall

import (
	"flag"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/internal/sandbox"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { os.Exit(sandbox.Tests(m.Run)) }

func TestGolden(t *testing.T) {
	for name, p := range policies() {
		t.Run(name, func(t *testing.T) {
			got := Build(p).String()
			path := filepath.Join("testdata", name+".nft")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the ruleset differs from %s; look at the difference after -update:\n%s", path, got)
			}
		})
	}
}

func TestNftAcceptsGolden(t *testing.T) {
	ns := namespace(t, "golden")
	for name, p := range policies() {
		r := Build(p)
		for what, text := range map[string]string{"text": r.String(), "script": r.Script()} {
			if _, err := ns.Feed("nft -c -f -", text); err != nil {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
	}
}

func TestNothingToFilter(t *testing.T) {
	for _, p := range []Policy{{}, {Subnets: house()}, {WANs: []WAN{{Name: "usb", Mark: MarkOf(0)}}}} {
		r := Build(p)
		if !r.Empty() || r.String() != "" || r.Hash() != "" {
			t.Errorf("%+v builds %q with hash %q, want nothing", p, r, r.Hash())
		}
	}
}

func TestHashNamesTheText(t *testing.T) {
	seen := map[string]string{}
	for name, p := range policies() {
		hash := Build(p).Hash()
		if hash != Build(p).Hash() {
			t.Errorf("%s: two builds of one policy have two hashes", name)
		}
		if other, taken := seen[hash]; taken {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[hash] = name
	}
}

func TestBuildLeavesThePolicyAlone(t *testing.T) {
	p, before := twoWANs(), twoWANs()
	p.Uses[0].Ports, before.Uses[0].Ports = []PortRange{{9, 9}, {1, 1}}, []PortRange{{9, 9}, {1, 1}}
	Build(p)
	if !reflect.DeepEqual(p, before) {
		t.Errorf("Build changed its policy to %+v", p)
	}
}

// Any policy, however odd, builds text that nft accepts.
func TestNftAcceptsAnything(t *testing.T) {
	ns := namespace(t, "anything")
	random := rand.New(rand.NewPCG(2, 7))
	for range 12 { // texts per call of nft: starting it is what takes time
		var text strings.Builder
		for range 10 {
			text.WriteString(Build(anyPolicy(random)).Script())
		}
		if _, err := ns.Feed("nft -c -f -", text.String()); err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
	}
}

func anyPolicy(r *rand.Rand) Policy {
	p := Policy{LAN: some(r, 2, anyName), Subnets: some(r, 3, anyPrefix), Shares: some(r, 3, anyShare)}
	p.Own, p.Refused = some(r, 2, anyName), some(r, 2, anyAddr)
	p.WANs = some(r, 4, anyWAN)
	p.Partner, p.PartnerAddress, p.Lent = anyStation(r), anyAddr(r), some(r, 2, anyShare)
	p.Six, p.Inner = r.IntN(2) == 0, anyPrefix(r)
	p.Uses = some(r, 4, func(r *rand.Rand) Use {
		return Use{Devices: some(r, 2, anyStation), Sources: some(r, 2, anyPrefix), Destinations: some(r, 2, anyPrefix),
			Ports: some(r, 3, anyPorts), Via: some(r, 3, anyShare), Block: r.IntN(2) == 0, Class: Class(r.IntN(4))}
	})
	p.Forwards = some(r, 3, func(r *rand.Rand) Forward {
		return Forward{Proto: []string{"tcp", "udp", "esp", ""}[r.IntN(4)], Ports: anyPorts(r),
			To: netip.AddrPortFrom(anyAddr(r), uint16(r.IntN(2)*r.IntN(65536))), WANs: some(r, 2, anyName)}
	})
	return p
}

func anyWAN(r *rand.Rand) WAN {
	return WAN{Name: anyName(r), Device: anyName(r), Mark: MarkOf(r.IntN(6)), MTU: r.IntN(2) * r.IntN(70000),
		Alive: r.IntN(2) == 0, Addresses: some(r, 2, anyAddr), Peer: r.IntN(4) == 0, Metered: r.IntN(2) == 0, Class: Class(r.IntN(4)),
		MTU6: r.IntN(2) * r.IntN(70000), Alive6: r.IntN(2) == 0, Open6: r.IntN(2) == 0, Sources6: some(r, 3, anyPrefix), Translate: anyPrefix(r)}
}

func some[T any](r *rand.Rand, most int, one func(*rand.Rand) T) []T {
	var list []T
	for range r.IntN(most + 1) {
		list = append(list, one(r))
	}
	return list
}

func anyName(r *rand.Rand) string {
	return []string{"wan0", "wan1", "lan0", "eth0.7", "ppp0", "", "drop", "accept", "a b", `"; flush ruleset`, "wan*", "ümlaut",
		"a-name-that-is-longer-than-the-kernel-allows"}[r.IntN(13)]
}

func anyStation(r *rand.Rand) string {
	return []string{"02:00:00:00:00:22", "02:00:00:00:00:0A", "02-00-00-00-00-33", "not one", "02:00:00:00:00:00:00:01"}[r.IntN(5)]
}

func anyShare(r *rand.Rand) Share { return Share{Mark: MarkOf(r.IntN(6)), Weight: r.IntN(300) - 1} }

func anyPorts(r *rand.Rand) PortRange {
	return PortRange{First: uint16(r.IntN(65536)), Last: uint16(r.IntN(65536))}
}

func anyAddr(r *rand.Rand) netip.Addr {
	switch r.IntN(3) {
	case 0:
		return netip.AddrFrom4([4]byte{byte(r.IntN(224)), byte(r.IntN(256)), byte(r.IntN(4)), byte(r.IntN(256))})
	case 1:
		return netip.AddrFrom16([16]byte{0x20, 1, 15: byte(r.IntN(256))})
	}
	return netip.Addr{}
}

func anyPrefix(r *rand.Rand) netip.Prefix {
	a := anyAddr(r)
	return netip.PrefixFrom(a, r.IntN(a.BitLen()+1))
}

func namespace(t *testing.T, name string) *sandbox.Namespace {
	t.Helper()
	ns, err := sandbox.Add(name)
	if err != nil {
		t.Fatal(err)
	}
	return ns
}
