package kernel

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/pair/handover"
)

func (b *box) introduce(all ...handover.Neighbour) {
	b.t.Helper()
	if err := b.Do(func() error { return b.kernel.Introduce("house", all) }); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) neighbours() (all []string) {
	b.t.Helper()
	err := b.Do(func() error {
		told, err := b.kernel.Neighbours("house")
		for _, n := range told {
			all = append(all, n.Address.String()+" "+n.MAC)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func at(address, mac string) handover.Neighbour {
	return handover.Neighbour{Address: netip.MustParseAddr(address), MAC: mac}
}

func TestNeighbours(t *testing.T) {
	b := newBox(t)
	b.settle()
	for _, line := range []string{
		"ip neigh add 192.168.1.10 dev house lladdr 02:00:00:00:00:10 nud reachable",
		"ip neigh add 192.168.1.11 dev house lladdr 02:00:00:00:00:11 nud stale",
		"ip neigh add 192.168.1.12 dev house lladdr 02:00:00:00:00:12 nud permanent",
		"ip neigh add 2001:db8:10::13 dev house lladdr 02:00:00:00:00:13 nud delay",
		"ip neigh add 192.168.1.14 dev house nud failed",
		"ip neigh add 192.168.1.15 dev house lladdr 00:00:5e:00:01:33 nud stale", // VRRP's
		"ip neigh add 198.51.100.1 dev wan0 lladdr 02:00:00:00:00:16 nud permanent",
	} {
		b.must(line)
	}
	want := "192.168.1.10 02:00:00:00:00:10, 192.168.1.11 02:00:00:00:00:11, 192.168.1.12 02:00:00:00:00:12, 2001:db8:10::13 02:00:00:00:00:13"
	if got := strings.Join(b.neighbours(), ", "); got != want {
		t.Errorf("neighbours are %s\nwant           %s", got, want)
	}
	if err := b.Do(func() error { _, err := b.kernel.Neighbours("nowhere"); return err }); err == nil || err.Error() != "there is no interface nowhere" {
		t.Errorf("neighbours on an interface that is not there: %v", err)
	}
}

func TestIntroduce(t *testing.T) {
	b := newBox(t)
	b.settle()
	b.must("ip neigh add 192.168.1.10 dev house lladdr 02:00:00:00:00:10 nud reachable")
	b.must("ip neigh add 192.168.1.11 dev house nud failed")
	own := strings.Fields(b.must("ip -br link show dev house"))[2]
	b.introduce(
		at("192.168.1.10", "02:00:00:00:00:99"),    // known better
		at("192.168.1.11", "02:00:00:00:00:11"),    // was asked in vain
		at("192.168.1.12", "02:00:00:00:00:12"),    // new
		at("2001:db8:10::13", "02:00:00:00:00:13"), // new
		at("fe80::14", "02:00:00:00:00:14"),        // new
		at("192.168.1.1", "02:00:00:00:00:20"),     // this router
		at("192.168.1.21", own),                    // at this router
		at("192.168.1.22", "01:00:5e:00:00:01"),    // many
		at("192.168.1.23", "00:00:00:00:00:00"),    // none
		at("192.168.1.24", "00:00:5e:00:02:33"),    // whoever is Active
		at("192.168.1.25", "much"),                 // nothing
		at("198.51.100.1", "02:00:00:00:00:26"),    // on another interface
		at("192.0.2.1", "02:00:00:00:00:27"),       // nowhere near
		at("ff02::1", "02:00:00:00:00:28"),         // many
		at("192.168.1.255", "02:00:00:00:00:29"),   // all
		handover.Neighbour{MAC: "02:00:00:00:00:30"},
	)
	want := "192.168.1.10 02:00:00:00:00:10, 192.168.1.11 02:00:00:00:00:11, 192.168.1.12 02:00:00:00:00:12, 2001:db8:10::13 02:00:00:00:00:13, fe80::14 02:00:00:00:00:14"
	if got := strings.Join(b.neighbours(), ", "); got != want {
		t.Errorf("neighbours are %s\nwant           %s", got, want)
	}
	for address, state := range map[string]string{"192.168.1.10": "REACHABLE", "192.168.1.11": "STALE", "192.168.1.12": "STALE", "fe80::14": "STALE"} {
		if out := b.must("ip neigh show " + address + " dev house"); !strings.Contains(out, state) {
			t.Errorf("%s is %s, want %s", address, out, state)
		}
	}
	b.introduce(at("192.168.1.12", "02:00:00:00:00:99")) // it was here before
	if got := b.neighbours(); !slices.Contains(got, "192.168.1.12 02:00:00:00:00:12") {
		t.Errorf("neighbours are %v: one was overwritten", got)
	}
}

func TestIntroduceIsBounded(t *testing.T) {
	b := newBox(t)
	b.settle()
	all := make([]handover.Neighbour, neighbourMost) // of nobody
	b.introduce(append(all[:neighbourMost-1], at("192.168.1.10", "02:00:00:00:00:10"), at("192.168.1.11", "02:00:00:00:00:11"))...)
	if got := strings.Join(b.neighbours(), ", "); got != "192.168.1.10 02:00:00:00:00:10" {
		t.Errorf("neighbours are %q, want the last of %d", got, neighbourMost)
	}
}
