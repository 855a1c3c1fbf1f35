package advert

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
	"github.com/twinpath/twinpath/wan"
)

const (
	fibre = "2001:db8:f00::/56"
	lte   = "2001:db8:17e::/64"
)

// cases are houses and what is announced to them.
func cases() []struct {
	name string
	cfg  router.Config
	snap *router.Snapshot
} {
	local := alone()
	local.LAN.Prefix = prefix("fd12:3456:789a:1::/64")
	translated := local
	translated.LAN.Translate = true
	plain := alone()
	plain.LAN.DNS = router.DNSServer{}
	off := alone()
	off.LAN.IPv6 = false
	own4 := paired()
	own4.VRRP[0].Addresses = own4.VRRP[0].Addresses[:1]
	mac := paired()
	mac.VRRP[0].VirtualMAC = true
	mac.VRRP[0].ID = 51
	small := line("fibre", fibre, true)
	small.MTU6 = 1440
	wide := line("fibre", fibre, true)
	wide.Lease6.Prefixes = append([]wan.Lifetime{{Prefix: prefix("2001:db8:bad::/72")}}, wide.Lease6.Prefixes...)
	soon := line("fibre", fibre, true)
	soon.Lease6.Prefixes[0].Preferred, soon.Lease6.Prefixes[0].Valid = noon.Add(10*time.Minute), noon.Add(20*time.Minute)
	over := line("fibre", fibre, true)
	over.Lease6.Prefixes[0].Preferred, over.Lease6.Prefixes[0].Valid = noon.Add(-time.Minute), noon.Add(time.Minute)
	ever := line("fibre", fibre, true)
	ever.Lease6.Prefixes[0].Preferred, ever.Lease6.Prefixes[0].Valid = time.Time{}, time.Time{}
	nothing := router.WANSnapshot{Name: "fibre", Active: true, Use6: true, Lease6: &wan.Lease6{Gateway: address("fe80::1")}}
	ending := line("fibre", fibre, false)
	ending.Ending6 = true
	active, backup := vrrp.Active, vrrp.Backup
	return []struct {
		name string
		cfg  router.Config
		snap *router.Snapshot
	}{
		{"no IPv6 anywhere", alone(), with(router.WANSnapshot{Name: "fibre", Active: true})},
		{"one line", alone(), with(line("fibre", fibre, true))},
		{"two lines, one stands by", alone(), with(line("fibre", fibre, true), line("lte", lte, false))},
		{"two lines share", alone(), with(line("fibre", fibre, true), line("lte", lte, true))},
		{"the line's IPv6 does not work", alone(), with(line("fibre", fibre, false))},
		{"the line has just been left", alone(), with(ending)},
		{"a line without a prefix", alone(), with(nothing)},
		{"the first delegation is too small", alone(), with(wide)},
		{"the delegation ends soon", alone(), with(soon)},
		{"the delegation is not preferred any more", alone(), with(over)},
		{"a delegation for ever", alone(), with(ever)},
		{"a prefix of the house's own", local, with(line("fibre", fibre, true))},
		{"a prefix of the house's own, and no line", local, with()},
		{"translated", translated, with(line("fibre", fibre, true), line("lte", lte, false))},
		{"no names from here", plain, with(line("fibre", fibre, true))},
		{"a small path", alone(), with(small)},
		{"off", off, with(line("fibre", fibre, true))},
		{"pair: active", paired(), elected(active, active, line("fibre", fibre, true))},
		{"pair: active without IPv6", paired(), elected(active, active)},
		{"pair: backup", paired(), elected(backup, backup, line("lte", lte, false))},
		{"pair: the two families are not at one", paired(), elected(active, backup, line("fibre", fibre, true))},
		{"pair: virtual MAC", mac, elected(active, active, line("fibre", fibre, true))},
		{"pair: IPv4 address only, active", own4, elected(active, vrrp.Unknown, line("fibre", fibre, true))},
		{"pair: IPv4 address only, backup", own4, elected(backup, vrrp.Unknown, line("lte", lte, true))},
	}
}

func TestWhatIsAnnounced(t *testing.T) {
	const golden = "testdata/adverts.txt"
	var b strings.Builder
	for _, c := range cases() {
		w := For(c.cfg, house(), c.snap)
		fmt.Fprintf(&b, "# %s\nserves %t from %s peers %v\n%s\n", c.name, w.Serves, w.source(), w.Peers, w.now(noon, &memory{}))
	}
	if *update {
		must(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s\n(-update writes it anew)", b.String(), want)
	}
}

func TestNothingIsWantedOfAHouseThatIsNotThere(t *testing.T) {
	if w := For(alone(), House{}, with(line("fibre", fibre, true))); w.Name != "" || w.Serves {
		t.Errorf("got %+v", w)
	}
}
