package web

import (
	"flag"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
)

var update = flag.Bool("update", false, "write the golden files")

// tally has seen probes that took so many milliseconds; 0 was lost.
func tally(all ...int) *health.Tally {
	t := new(health.Tally)
	for _, ms := range all {
		s := health.Sample{Outcome: health.Missed}
		if ms > 0 {
			s = health.Sample{Outcome: health.Answered, RTT: time.Duration(ms) * time.Millisecond}
		}
		t.Count(s)
	}
	return t
}

// house has one of everything that a metric is made of.
func house() *router.Snapshot {
	s := snapshotOn("lte")
	held := noon.Add(time.Minute)
	s.Verdict, s.Drained, s.Pending = router.VerdictBackup, false, &router.PendingView{Until: noon}
	s.Kernel = router.KernelView{Took: router.Milliseconds(8500 * time.Microsecond), Restored: 2, Error: "add route default: network is unreachable"}
	s.WANs = []router.WANSnapshot{
		{Name: "fibre", Kind: "pppoe", Interface: "wan0", Device: "ppp-fibre", Tally: tally(8, 9, 31, 2500, 0, 0), State: "down", Lost: 100, Since: noon, HeldUntil: &held, Drained: true, Checks: []router.CheckSnapshot{
			{Target: "ping 1.1.1.1", OK: true, Weight: 20, RTT: router.Milliseconds(8100 * time.Microsecond)},
			{Target: `http http://example.net/"a\b"`, Weight: 20, Reason: "no answer"},
			{Target: "ping 1.1.1.1", Weight: 5}, // twice in the file: once in the text
		}},
		{Name: "lte", Kind: "dhcp", Interface: "usb0", Path: &router.PathView{MTU4: 1500, MTU6: 1400, Hole6: true}, IPv6: &router.IPv6View{State: "up"}, Tally: tally(), State: "up", Active: true, Cost: 50, Metered: true, RTT: router.Milliseconds(31 * time.Millisecond), Loss: 0.01, Since: noon.Add(-time.Hour),
			Budget: &router.BudgetView{Month: 5e9, Incident: 1e9, Used: router.Used{Month: 1_234_567_890, Incident: 17}, Percent: 24}},
		{Name: "other", Kind: "peer", Interface: "lan0", State: "up", Cost: 90, Since: noon},
	}
	s.VRRP = []router.VRRPSnapshot{
		{Name: "lan", ID: 51, Family: "ipv4", State: "active", Priority: 80, Base: 100, Holding: true, Changes: 3, Sent: 1000, Received: 12, Restored: 1,
			Rejected: map[string]uint64{"wrong checksum": 4, "other interval": 2}, Checks: []router.CheckSnapshot{{Target: "tcp 127.0.0.1:80", OK: true, Weight: 20}}},
		{Name: "lan", ID: 51, Family: "ipv6", State: "backup", Priority: 100, Base: 100},
	}
	s.Pair = &router.PairView{Peer: "192.168.1.3", Connected: true, Linked: true, Phase: "keeps", FlowsHandedOver: 37, Left: 12, HandOvers: 2, BeatsLost: 41}
	return s
}

// counters are the house's, with one of a peer's line that must not be shown.
func counters() router.Counters {
	return router.Counters{Flows: 321, Traffic: map[string]router.Traffic{"ppp-fibre": {Rx: 12_345_678_901, Tx: 987_654_321}, "usb0": {Rx: 5, Tx: 7}, "lan0": {Rx: 1, Tx: 1}}}
}

// scrape reads the metrics as a program that accepts this does.
func scrape(t *testing.T, api *API, accept string) (text, kind string) {
	t.Helper()
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	api.Handler().ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String(), w.Header().Get("Content-Type")
}

func TestMetrics(t *testing.T) {
	source := newFakeSource()
	source.snapshot = house()
	api := &API{Source: source, Counters: counters}
	for path, c := range map[string]struct {
		accept, kind string
		open         bool
	}{
		"testdata/metrics.txt":     {"", "text/plain; version=0.0.4; charset=utf-8", false},
		"testdata/openmetrics.txt": {"application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0; charset=utf-8", true},
	} {
		text, kind := scrape(t, api, c.accept)
		if kind != c.kind {
			t.Errorf("%s: content type %q", path, kind)
		}
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if text != string(want) {
			t.Errorf("not as in %s (-update writes it):\n%s", path, text)
		}
		if _, err := parse(text, c.open); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestWhichFormat: those who name OpenMetrics get it, unless they would rather have the other; all others get what they always got.
func TestWhichFormat(t *testing.T) {
	api := &API{Source: newFakeSource()}
	for accept, open := range map[string]bool{
		"":                             false,
		"*/*":                          false,
		"text/html":                    false,
		"text/plain":                   false,
		"nonsense;;=":                  false,
		"application/openmetrics-text": true,
		"application/openmetrics-text; version=1.0.0; charset=utf-8":              true,
		"application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4":     false,
		"application/openmetrics-text;version=1.0.0;q=0":                          false,
		"application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.3":       false,
		"application/openmetrics-text;version=1.0.0;q=x,text/plain;q=0.3":         false,
		"text/plain;version=0.0.4;q=0.3, application/openmetrics-text;q=0.5, */*": true,
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2": true, // Prometheus 3
	} {
		text, kind := scrape(t, api, accept)
		if _, err := parse(text, open); err != nil || strings.HasPrefix(kind, "application/openmetrics-text") != open {
			t.Errorf("%q: %s, %v", accept, kind, err)
		}
	}
}

func TestFormatByName(t *testing.T) {
	w := ask((&API{Source: newFakeSource()}).Handler(), "GET", "/metrics?format=openmetrics", "")
	if _, err := parse(w.Body.String(), true); err != nil {
		t.Error(err)
	}
}

// TestMetricsWithoutTheKernel are those of the snapshot, and of lines that nobody counts for.
func TestMetricsWithoutTheKernel(t *testing.T) {
	source := newFakeSource()
	source.snapshot = house()
	source.snapshot.Flows = 9
	for i := range source.snapshot.WANs {
		source.snapshot.WANs[i].RxBytes, source.snapshot.WANs[i].Tally = 77, nil
	}
	text, _ := scrape(t, &API{Source: source}, "")
	if _, err := parse(text, false); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"twinpath_flows 9\n", "twinpath_wan_receive_bytes_total{wan=\"fibre\"} 77\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, "_bucket") || strings.Contains(text, "wan_probes_total{") {
		t.Error("there are probes that nobody counted")
	}
}

// TestMetricsOfServers has no WANs and no virtual routers: then there is no word of them.
func TestMetricsOfServers(t *testing.T) {
	w := ask((&API{Source: newFakeSource()}).Handler(), "GET", "/metrics", "")
	if text := w.Body.String(); strings.Contains(text, "wan_") || strings.Contains(text, "vrrp_") || !strings.Contains(text, `twinpath_verdict{state="ok"} 1`) {
		t.Errorf("%s", text)
	}
}
