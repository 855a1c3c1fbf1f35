package console

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/slot"
	"github.com/twinpath/twinpath/router"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	house = House{Address: netip.MustParsePrefix("192.168.1.1/24")}
	setup = House{Setup: true, Address: netip.MustParsePrefix("192.168.77.1/24"), Ports: []string{"eth0", "eth2"}}
	boot  = slot.Boot{Slot: slot.A, Mode: slot.Normal}
)

func working() *router.Snapshot {
	return &router.Snapshot{
		Router: "main", Sentence: "Internet works, on fibre.", Verdict: router.VerdictOK,
		WANs: []router.WANSnapshot{
			{Name: "fibre", State: "up", Active: true, Address: "203.0.113.2", Reason: "4 of 4 checks answer"},
			{Name: "mobile", State: "down", Reason: "no carrier"},
		},
		VRRP: []router.VRRPSnapshot{{Name: "lan", State: "active", Addresses: []string{"192.168.1.254/24"}, Reason: "nobody is better"}},
	}
}

func TestText(t *testing.T) {
	broken := working()
	broken.Sentence = "No Internet. fibre has no carrier (look at the cable and at the power of the modem); mobile has no address, and nobody answers."
	broken.WANs[0] = router.WANSnapshot{Name: "fibre", State: "down", Active: true, Address: "203.0.113.2",
		Reason: "none of 4 checks answers; the first hop (203.0.113.1) is silent\x1b[2J, too … für immer"}
	broken.Kernel.Error = "set default route: network is unreachable"
	broken.Pending = &router.PendingView{Until: noon}
	fresh := &router.Snapshot{Router: "twinpath", Sentence: "Internet works, on eth1.", WANs: []router.WANSnapshot{
		{Name: "eth1", State: "up", Active: true, Address: "198.51.100.23"}}}
	for name, s := range map[string]State{
		"starting": {Version: "1.0", Boot: boot, House: house},
		"silent":   {Version: "1.0", Boot: boot, House: house, Silent: noon},
		"working":  {Version: "1.0", Boot: boot, House: house, Snapshot: working(), SSH: true},
		"broken":   {Version: "1.0", Boot: slot.Boot{Slot: slot.B, Mode: slot.Fallback}, House: house, Snapshot: broken},
		"page": {Version: "1.0", Boot: boot, House: House{Address: house.Address, Pages: []string{"http://192.168.1.1/", "https://192.168.1.1/"}},
			Snapshot: working(), Mark: strings.TrimSuffix(strings.Repeat("0A:", 32), ":")},
		"setup":        {Version: "1.0", Boot: boot, House: setup, Snapshot: fresh, Claim: "K7QM-4XRD"},
		"setup-member": {Version: "1.0", Boot: boot, House: House{Setup: true, Address: setup.Address}, Snapshot: fresh, Claim: "K7QM-4XRD"},
		"setup-blind":  {Version: "1.0", Boot: boot, House: House{Setup: true}},
		"notices": {Version: "1.0", Boot: slot.Boot{Slot: slot.B, Mode: slot.Trial}, House: house, Snapshot: working(), Notices: []string{
			"The configuration was empty: an older one is in use, number 3 of those kept, saved 2026-11-20 20:15 UTC.\n",
			strings.Repeat("twinpath.toml:8: wan[0].kind: \"dchp\" is not a kind\nhint: did you mean \"dhcp\"?\n", 6)}},
		"no-image": {Version: "unknown", Snapshot: &router.Snapshot{Router: "host", Sentence: "No way to the Internet is configured."}},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.Text()
			for _, line := range strings.Split(got, "\n") {
				if len(line) > width || strings.TrimRight(line, " ") != line || strings.Trim(line, printable) != "" {
					t.Errorf("a screen does not show this line as it is: %q", line)
				}
			}
			if lines := strings.Count(got, "\n"); lines > 24 {
				t.Errorf("%d lines are more than a screen has", lines)
			}
			path := filepath.Join("testdata", name+".txt")
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
				t.Errorf("not as in %s (-update writes it):\n%s", path, got)
			}
		})
	}
}

var printable = func() string {
	var all []byte
	for c := byte(' '); c <= '~'; c++ {
		all = append(all, c)
	}
	return string(all)
}()

func TestWrapLosesNothing(t *testing.T) {
	long := strings.Repeat("x", 200) + " end"
	p := new(page)
	p.wrap("  ", "begin "+long)
	if got := p.String(); !strings.HasPrefix(got, "  begin\n  xxx") || !strings.HasSuffix(got, "\n  end\n") {
		t.Errorf("%q", got)
	}
}
