package ddns

import (
	"net/netip"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestWish(t *testing.T) {
	fibre := router.WANSnapshot{Name: "fibre", Kind: "dhcp", State: "up", Active: true, Address: "203.0.113.2",
		IPv6: &router.IPv6View{State: "up", Address: "2001:db8:1::2"}}
	lte := router.WANSnapshot{Name: "lte", Kind: "dhcp", State: "degraded", Address: "100.64.3.4", IPv6: &router.IPv6View{State: "down", Address: "2001:db8:2::2"}}
	other := router.WANSnapshot{Name: "other", Kind: "peer", State: "up", Active: true, Address: "192.168.1.2"}
	dead := fibre
	dead.State, dead.Active = "down", false
	backup := []router.VRRPSnapshot{{State: "backup"}, {State: "backup"}}
	for name, c := range map[string]struct {
		entry router.DDNS
		snap  router.Snapshot
		want  string
	}{
		"the line in use":            {router.DDNS{}, router.Snapshot{WANs: []router.WANSnapshot{lte, fibre}}, "fibre 203.0.113.2 true"},
		"a named one":                {router.DDNS{WAN: "lte"}, router.Snapshot{WANs: []router.WANSnapshot{fibre, lte}}, "lte 100.64.3.4 false"},
		"IPv6":                       {router.DDNS{IPv6: true}, router.Snapshot{WANs: []router.WANSnapshot{fibre}}, "fibre 2001:db8:1::2 true"},
		"IPv6 that leads nowhere":    {router.DDNS{IPv6: true, WAN: "lte"}, router.Snapshot{WANs: []router.WANSnapshot{fibre, lte}}, ""},
		"by the other router":        {router.DDNS{}, router.Snapshot{WANs: []router.WANSnapshot{dead, other}}, "other invalid IP false"},
		"no line works":              {router.DDNS{}, router.Snapshot{WANs: []router.WANSnapshot{dead}}, ""},
		"the named one is dead":      {router.DDNS{WAN: "fibre"}, router.Snapshot{WANs: []router.WANSnapshot{dead, other}}, ""},
		"the other router serves":    {router.DDNS{}, router.Snapshot{WANs: []router.WANSnapshot{fibre}, VRRP: backup}, ""},
		"a line of ours all the way": {router.DDNS{WAN: "fibre"}, router.Snapshot{WANs: []router.WANSnapshot{fibre}, VRRP: backup}, "fibre 203.0.113.2 true"},
		"this router serves": {router.DDNS{}, router.Snapshot{WANs: []router.WANSnapshot{fibre},
			VRRP: []router.VRRPSnapshot{{State: "backup"}, {State: "active"}}}, "fibre 203.0.113.2 true"},
	} {
		got := ""
		if w, ours := wishOf(c.entry, &c.snap); ours {
			got = w.wan + " " + w.address.String() + " " + map[bool]string{true: "true", false: "false"}[w.public]
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestReachable(t *testing.T) {
	for text, want := range map[string]bool{"203.0.113.2": true, "10.1.1.1": false, "172.31.0.1": false, "192.168.178.20": false, "100.64.0.1": false,
		"100.127.255.255": false, "100.128.0.1": true, "169.254.1.1": false, "127.0.0.1": false, "0.0.0.0": false, "2001:db8::1": true, "fd00::1": false, "fe80::1": false} {
		if got := reachable(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
	}
}

// A provider hears of a change at once, of what has not changed every 25 days, and after a failure less and less.
func TestDue(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	one, two := netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr("198.51.100.2")
	n := newName(router.DDNS{Hosts: []string{"home.example.org"}})
	wants := func(what string, a netip.Addr, now time.Time, want time.Duration) {
		t.Helper()
		if got := n.due(a, now).Sub(now); got != want {
			t.Errorf("%s: due in %v, want %v", what, got, want)
		}
	}
	wants("never told", one, start, 5*time.Second)
	wants("never told, but steady", one, start.Add(5*time.Second), 0)
	n.succeeded("fibre", one, start)
	wants("told", one, start, 25*24*time.Hour)
	wants("changed a second later", two, start.Add(time.Second), 9*time.Second)
	wants("and back", one, start.Add(2*time.Second), 25*24*time.Hour-2*time.Second)
	now := start.Add(time.Hour)
	wants("changed", two, now, 5*time.Second)
	wants("changed, and steady", two, now.Add(5*time.Second), 0)
	for _, wait := range []time.Duration{5, 10, 20, 40, 80, 120, 120} {
		n.failed(two, "it does not answer", false, now)
		wants("failed", two, now, wait*time.Minute)
		now = now.Add(wait * time.Minute)
	}
	wants("changed back", one, now, 5*time.Second)
	n.failed(two, "no", true, now)
	wants("refused", two, now, 24*time.Hour)
	wants("changed after a refusal", one, now.Add(time.Minute), 5*time.Second)
	for range 100 { // as many days
		n.failed(two, "it does not answer", false, now)
	}
	wants("failed for ever", two, now, 2*time.Hour)
}
