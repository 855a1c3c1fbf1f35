package site

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Every cause has a colour, an icon that there is, and words of its own.
func TestEveryCauseHasAFace(t *testing.T) {
	words := map[string]router.Cause{}
	for _, i := range troubles() {
		mood, name, what := nature(i)
		if _, err := icon(name); err != nil || mood == "" {
			t.Errorf("%s is %s with the icon %q: %v", i.Cause, mood, name, err)
		}
		if other, twice := words[what]; twice && other != i.Cause {
			t.Errorf("%s and %s are both called %q", i.Cause, other, what)
		}
		words[what] = i.Cause
	}
	for _, cause := range []router.Cause{
		router.CauseWAN, router.CausePortal, router.CauseIdle, router.CauseMetered, router.CauseOffline, router.CauseUnsure, router.CauseVRRP, router.CauseTwo, router.CausePeer,
		router.CauseRestart, router.CauseUpdate, router.CauseUndone, router.CauseDisk, router.CauseClock, router.CauseBudget, router.CauseDrill, router.CauseLogin,
	} {
		if _, _, what := nature(router.Incident{Cause: cause}); strings.HasPrefix(what, "Something") {
			t.Errorf("%s has no words", cause)
		}
	}
}

func TestTheTimelineIsBounded(t *testing.T) {
	all := timeline(three().troubles)
	if len(all) != shown || !all[0].Start.Equal(noon.Add(-2*time.Hour)) {
		t.Errorf("%d incidents from %s, want the newest %d", len(all), all[0].Start, shown)
	}
	keys := map[string]bool{}
	for _, i := range all {
		keys[i.Key()] = true
	}
	if len(keys) != len(all) {
		t.Errorf("%d incidents have %d names", len(all), len(keys))
	}
}

func TestGauges(t *testing.T) {
	const gb = 1_000_000_000
	for want, b := range map[string]*router.BudgetView{
		"[]": nil,
		"[1.2 of 5 GB this month, resets 1 Dec good]":      {Month: 5 * gb, Used: router.Used{Month: 12 * gb / 10}, Resets: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)},
		"[800 MB of 1 GB this month warn]":                 {Month: gb - 1e5, Used: router.Used{Month: 8 * gb / 10}},
		"[999 MB of 5 GB this month good]":                 {Month: 5 * gb, Used: router.Used{Month: gb - 1e6}},
		"[5 of 5 GB this month bad]":                       {Month: 5 * gb, Used: router.Used{Month: 5 * gb}},
		"[1.2 GB this month calm]":                         {Used: router.Used{Month: 12 * gb / 10}},
		"[0 B of 10 GB prepaid good]":                      {Prepaid: 10 * gb, Incident: gb},
		"[870 MB of 1 GB since it carries the house warn]": {Incident: gb, Used: router.Used{Incident: 870e6}},
	} {
		var got []string
		for _, g := range gaugesOf(b) {
			got = append(got, g.Text+" "+g.Mood)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
}

func TestProofs(t *testing.T) {
	s := evident()
	for n, want := range []string{"good lte proven 15 Nov", "bad rehearsal failed 18 Nov", "calm rehearsal under way"} {
		if p := proofOf(s.WANs[n], s); p == nil || p.Mood+" "+p.Word != want {
			t.Errorf("%s: %+v, want %s", s.WANs[n].Name, p, want)
		}
	}
	s.WANs[0].Drill.End = noon.Add(-40 * 24 * time.Hour)
	if p := proofOf(s.WANs[0], s); p.Mood != "warn" {
		t.Errorf("after 40 days: %+v", p)
	}
	s.WANs[0].Drill = nil
	if p := proofOf(s.WANs[0], s); p == nil || p.Word != "never rehearsed" {
		t.Errorf("without one: %+v", p)
	}
	if p := proofOf(s.WANs[0], house(router.VerdictOK, "", s.WANs[0])); p != nil {
		t.Errorf("with nothing to rehearse: %+v", p)
	}
}

func TestCoarsePointsHideNothing(t *testing.T) {
	ms := func(n int) router.Milliseconds { return router.Milliseconds(time.Duration(n) * time.Millisecond) }
	points := []*router.Point{
		{RTT: ms(99), State: "up"}, // the odd one out at the old end
		nil, nil, nil, nil,
		{RTT: ms(10), MinRTT: ms(8), MaxRTT: ms(12), State: "up", Rx: 1}, nil, {RTT: ms(20), MinRTT: ms(5), MaxRTT: ms(40), State: "degraded", Loss: 0.5, Rx: 2}, {State: "down", Loss: 1},
	}
	if _, each := coarse(points, 2); each != 5 {
		t.Fatalf("%d points are joined, want 5", each)
	}
	got, each := coarse(points, 3)
	if each != 3 || len(got) != 3 {
		t.Fatalf("%d points of %d each, want 3 of 3", len(got), each)
	}
	got, _ = coarse(points[1:], 2)
	if got[0] != nil {
		t.Errorf("where nobody looked there is %+v", got[0])
	}
	if p := got[1]; p.State != "down" || p.Loss != 0.5 || p.MinRTT != ms(5) || p.MaxRTT != ms(40) || p.RTT != ms(15) || p.Rx != 3 {
		t.Errorf("joined: %+v", p)
	}
	if all := sum(points[1:], time.Minute); !all.Known || all.Looked != 3*time.Minute || all.RTT != ms(20) || all.Rx != 3 {
		t.Errorf("summed up: %+v", all)
	}
	if none := sum(points[1:5], time.Minute); none.Known {
		t.Errorf("of nothing: %+v", none)
	}
}

func TestWords(t *testing.T) {
	for want, got := range map[string]string{
		"0 s": span(0), "59 s": span(59 * time.Second), "1 min": span(time.Minute), "12 min 2 s": span(722 * time.Second), "2 h": span(2 * time.Hour),
		"3 d 4 h": span(76 * time.Hour), "0 B": octets(0), "999 B": octets(999), "1.5 kB": octets(1500), "6.1 GB": octets(6_100_000_000), "120 MB": octets(120_000_000),
		"–": milliseconds(0), "8.1 ms": milliseconds(router.Milliseconds(8100 * time.Microsecond)), "42 ms": milliseconds(router.Milliseconds(42 * time.Millisecond)),
		"0 %": share(0), "0.1 %": share(0.00001), "4 %": share(0.043), "100 %": share(1),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
