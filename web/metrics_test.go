package web

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

var update = flag.Bool("update", false, "write the golden files")

// house has one of everything that a metric is made of.
func house() *router.Snapshot {
	s := snapshotOn("lte")
	held := noon.Add(time.Minute)
	s.Verdict, s.Drained, s.Pending = router.VerdictBackup, false, &router.PendingView{Until: noon}
	s.Kernel = router.KernelView{Took: router.Milliseconds(8500 * time.Microsecond), Restored: 2, Error: "add route default: network is unreachable"}
	s.WANs = []router.WANSnapshot{
		{Name: "fibre", State: "down", Lost: 100, Since: noon, HeldUntil: &held, Drained: true, Checks: []router.CheckSnapshot{
			{Target: "ping 1.1.1.1", OK: true, Weight: 20, RTT: router.Milliseconds(8100 * time.Microsecond)},
			{Target: `http http://example.net/"a\b"`, Weight: 20, Reason: "no answer"},
			{Target: "ping 1.1.1.1", Weight: 5}, // twice in the file: once in the text
		}},
		{Name: "lte", State: "up", Active: true, Cost: 50, Metered: true, RTT: router.Milliseconds(31 * time.Millisecond), Loss: 0.01, Since: noon.Add(-time.Hour)},
	}
	s.VRRP = []router.VRRPSnapshot{
		{Name: "lan", ID: 51, Family: "ipv4", State: "active", Priority: 80, Base: 100, Holding: true, Changes: 3, Sent: 1000, Received: 12, Restored: 1,
			Rejected: map[string]uint64{"wrong checksum": 4, "other interval": 2}, Checks: []router.CheckSnapshot{{Target: "tcp 127.0.0.1:80", OK: true, Weight: 20}}},
		{Name: "lan", ID: 51, Family: "ipv6", State: "backup", Priority: 100, Base: 100},
	}
	return s
}

func TestMetrics(t *testing.T) {
	source := newFakeSource()
	source.snapshot = house()
	w := ask((&API{Source: source}).Handler(), "GET", "/metrics", "")
	if kind := w.Header().Get("Content-Type"); w.Code != 200 || !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Errorf("status %d, content type %q", w.Code, kind)
	}
	const path = "testdata/metrics.txt"
	if *update {
		if err := os.WriteFile(path, w.Body.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if w.Body.String() != string(want) {
		t.Errorf("not as in %s (-update writes it):\n%s", path, w.Body)
	}
}

// TestMetricsOfServers has no WANs and no virtual routers: then there is no word of them.
func TestMetricsOfServers(t *testing.T) {
	w := ask((&API{Source: newFakeSource()}).Handler(), "GET", "/metrics", "")
	if text := w.Body.String(); strings.Contains(text, "wan_") || strings.Contains(text, "vrrp_") || !strings.Contains(text, `twinpath_verdict{state="ok"} 1`) {
		t.Errorf("%s", text)
	}
}
