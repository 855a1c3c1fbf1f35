package report

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

var update = flag.Bool("update", false, "write the golden files anew")

// cet is the zone of the house.
var cet = time.FixedZone("CET", 3600)

// noon is when the reports are made.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, cet)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

func secs(d time.Duration) router.Seconds { return router.Seconds(d) }

func ladder(states ...string) []router.Rung {
	var all []router.Rung
	for i, state := range states {
		all = append(all, router.Rung{What: rungs[i], State: state})
	}
	return all
}

// isp is a line that dies beyond the first hop, while the other one works.
func isp() router.Incident {
	i := router.Incident{
		ID: "main-20261121T104758Z-3", Router: "main", Cause: router.CauseWAN, WAN: "fibre", State: "down", Blame: router.BlameISP, Clock: true,
		Start: ago(26*time.Hour + 722*time.Second), End: ago(26 * time.Hour), Lasted: secs(722 * time.Second),
		Sentence: "fibre was down for 12 min 2 s: the provider's second router did not answer. lte carried the house (48 MB).",
		Ladder:   ladder("ok", "ok", "ok", "ok", "broken", "broken", "broken"), LastHop: netip.MustParseAddr("203.0.113.1"),
		Load:   router.Load{Rx: 52_000, Tx: 8_100},
		Others: []router.Witness{{WAN: "lte", State: "up", RTT: router.Milliseconds(42 * time.Millisecond)}},
		Data:   48_000_000,
	}
	i.Ladder[3].Address, i.Ladder[4].Detail = i.LastHop, "no answer beyond 203.0.113.1"
	i.Carried = []router.Carrier{{WAN: "", From: i.Start, To: i.Start.Add(3 * time.Second)},
		{WAN: "lte", Metered: true, From: i.Start.Add(3 * time.Second), To: i.End, Data: 48_000_000}}
	i.Steps = []router.Step{{Time: i.Start, Sentence: "The house moves from fibre to lte."}}
	return i
}

// month is one of each kind of what a report tells.
func month() Facts {
	cable := router.Incident{Cause: router.CauseWAN, WAN: "fibre", State: "down", Start: ago(200 * time.Hour), End: ago(199*time.Hour + 58*time.Minute),
		Lasted: secs(2 * time.Minute), Sentence: "fibre was down for 2 min: no cable in wan0.", Blame: router.BlameCable, Clock: true,
		Ladder: ladder("broken", "unknown", "unknown", "unknown")}
	cable.Ladder[0].Detail = "no signal in wan0"
	return Facts{
		Router: "main", Version: "1.0", From: noon.AddDate(0, 0, -30), To: noon, Now: noon, Zone: cet, WANs: []string{"fibre", "lte"},
		Incidents: []router.Incident{
			cable, isp(),
			{Cause: router.CauseWAN, WAN: "fibre", State: "degraded", Start: ago(150 * time.Hour), End: ago(149 * time.Hour), Lasted: secs(time.Hour), Drops: 4, Clock: true,
				Sentence: "fibre was degraded for 1 h: 8.8.8.8 did not answer."},
			{Cause: router.CauseIdle, WAN: "lte", State: "down", Start: ago(120 * time.Hour), End: ago(100 * time.Hour), Cut: true, Lasted: secs(10 * time.Hour),
				Sentence: "lte was down: there was no backup."},
			{Cause: router.CauseRestart, Start: ago(110 * time.Hour), End: ago(100 * time.Hour), Clock: true, Sentence: "main was off for 10 h: its power was gone."},
			{Cause: router.CauseOffline, Start: ago(26*time.Hour + 722*time.Second), End: ago(26*time.Hour + 719*time.Second), Lasted: secs(3 * time.Second), Clock: true,
				Sentence: "Nothing worked for 3 s.", State: "down"},
			{Cause: router.CausePortal, WAN: "lte", State: "captive", Start: ago(5 * time.Minute), Clock: true, Sentence: "lte: a login page answers instead of the Internet."},
			{Cause: router.CauseMetered, WAN: "lte", Start: ago(time.Hour), End: ago(0)}, // no outage
			{Cause: router.CauseVRRP, Moment: true, Start: ago(time.Hour)},
		},
		Gaps: map[string][]Span{"": {{noon.AddDate(0, 0, -30), noon.AddDate(0, 0, -20)}}},
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not what %s has (run with -update and look at the difference):\n%s", path, got)
	}
}
