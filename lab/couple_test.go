package lab

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// couple is a pair of which the house's second switch has the other router.
func coupleOf(t *testing.T, config func(router string) string) *House {
	t.Helper()
	plan := tagged(Pair())
	plan.Routers[1].Upstairs = true
	h, err := Build(t.Context(), plan)
	must(t, err)
	t.Cleanup(h.Close)
	for _, b := range h.Boxes {
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("log of %s:\n%s", b.Name, b.Log())
			}
		})
	}
	must(t, startPair(t.Context(), h, built(t), config))
	for _, b := range h.Boxes {
		await(t, b, b.Name+" is linked", func(s Status) bool { return s.All("up") && s.Pair.Linked })
	}
	await(t, h.Boxes[0], "main serves the house", func(s Status) bool { return len(s.VRRP) > 0 && s.VRRP[0].State == "active" })
	return h
}

// comes waits for what takes a few rounds between two routers.
func comes(t *testing.T, what string, is func() bool) {
	t.Helper()
	const patience = 40 * time.Second
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * look) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// sees waits until a router's snapshot has something of the pair, and returns it.
func sees(t *testing.T, b *Box, what string, wanted func(router.PairView) bool) router.PairView {
	t.Helper()
	var found router.PairView
	comes(t, b.Name+": "+what, func() bool {
		var s router.Snapshot
		text, err := b.Get(t.Context(), "/api/v1/status")
		if err != nil || json.Unmarshal(text, &s) != nil || s.Pair == nil || !wanted(*s.Pair) {
			return false
		}
		found = *s.Pair
		return true
	})
	return found
}

// booked waits until a router knows an incident, and returns it.
func booked(t *testing.T, b *Box, what string, wanted func(router.Incident) bool) router.Incident {
	t.Helper()
	var found router.Incident
	comes(t, b.Name+" has booked "+what, func() bool {
		var all []router.Incident
		text, err := b.Get(t.Context(), "/api/v1/incidents")
		if err != nil || json.Unmarshal(text, &all) != nil {
			return false
		}
		for _, i := range all {
			if wanted(i) {
				found = i
				return true
			}
		}
		return false
	})
	return found
}

// TestEitherRouterShowsBoth looks at what each of two routers knows of the other one's lines, configuration and past.
func TestEitherRouterShowsBoth(t *testing.T) {
	t.Parallel()
	h := coupleOf(t, func(name string) string {
		text := quickPair(name) + PairPageConfig(name)
		if name == "backup" {
			text = strings.Replace(text, "priority  = 50", "priority  = 50\ninterval  = \"2s\"", 1)
		}
		return text
	})
	main, backup := h.Boxes[0], h.Boxes[1]
	v := sees(t, main, "the other router's line", func(p router.PairView) bool {
		return len(p.WANs) == 1 && p.WANs[0].State == "up" && len(p.Differences) > 0
	})
	if w := v.WANs[0]; w.Name != "lte" || !strings.HasPrefix(w.Address, "192.0.2.") || !strings.Contains(w.Reason, "4 of 4") {
		t.Errorf("main shows %+v", w)
	}
	if len(v.Differences) != 1 || !strings.HasPrefix(v.Differences[0], "[[vrrp]] lan: interval is 1s here and 2s at backup") {
		t.Errorf("differences: %q", v.Differences)
	}

	cut := time.Now()
	must(t, h.Blackhole("lte", Beyond))
	sees(t, main, "that the other router's line is down", func(p router.PairView) bool { return p.WANs[0].State == "down" })
	t.Logf("main shows that lte is down %s after it died", round(time.Since(cut)))
	i := booked(t, main, "the other router's outage", func(i router.Incident) bool { return i.Elsewhere && i.WAN == "lte" && i.Open() })
	if i.Router != "backup" || !strings.HasPrefix(i.ID, "backup-") {
		t.Errorf("booked as %+v", i)
	}
	must(t, backup.KillAll())
	must(t, h.Heal("lte"))
	must(t, backup.Restart(t.Context()))
	await(t, backup, "its line is back", func(s Status) bool { return s.All("up") })
	over := booked(t, main, "the end of that outage", func(o router.Incident) bool { return o.ID == i.ID && !o.Open() })
	t.Logf("%s (at %s)", over.Sentence, over.Router)
	out, err := main.Get(t.Context(), "/api/v1/report?from="+cut.Add(-time.Hour).UTC().Format(time.RFC3339))
	if err != nil || !strings.Contains(string(out), "lte at backup was down") {
		t.Errorf("the report of main: %v\n%s", err, out)
	}
	sees(t, backup, "main's line", func(p router.PairView) bool { return len(p.WANs) == 1 && p.WANs[0].Name == "fibre" })
}

// TestASplitBrainIsNamedOverTheLines cuts the LAN between the two routers: both serve the house, and each says so.
func TestASplitBrainIsNamedOverTheLines(t *testing.T) {
	t.Parallel()
	h := coupleOf(t, func(name string) string { return quickPair(name) + PairPageConfig(name) })
	for _, b := range h.Boxes {
		sees(t, b, "where the other router's line is", func(p router.PairView) bool { return len(p.WANs) == 1 && p.WANs[0].Address != "" })
	}
	cut := time.Now()
	must(t, h.CutTrunk())
	for _, b := range h.Boxes {
		v := sees(t, b, "that both serve the house", func(p router.PairView) bool { return p.Second != nil && p.Second.Split })
		t.Logf("%s, %s after the cut: %s", b.Name, round(time.Since(cut)), v.Second.Sentence)
		if !strings.HasPrefix(v.Second.Sentence, "Split brain: the LAN between the two routers is cut; both serve 192.168.1.1.") {
			t.Errorf("%s says %q", b.Name, v.Second.Sentence)
		}
		await(t, b, "the first sentence has it", func(s Status) bool { return strings.Contains(s.Sentence, "Split brain") && s.Verdict != "ok" })
		i := booked(t, b, "two Actives", func(i router.Incident) bool { return i.Cause == router.CauseTwo && !i.Elsewhere })
		if !i.Open() {
			t.Errorf("%s: %+v", b.Name, i)
		}
	}
	must(t, h.Blackhole("lte", Beyond))
	dead := time.Now()
	sees(t, h.Boxes[0], "that nothing answers", func(p router.PairView) bool {
		return p.Second != nil && p.Second.Sentence == "backup answers neither over the LAN nor over its line."
	})
	t.Logf("main says that backup answers nowhere %s after its line died", round(time.Since(dead)))
	must(t, h.Heal("lte"))
	sees(t, h.Boxes[0], "that both serve the house, again", func(p router.PairView) bool { return p.Second != nil && p.Second.Split })

	plugged := time.Now()
	must(t, h.PlugTrunk())
	for _, b := range h.Boxes {
		await(t, b, "the two are linked again", func(s Status) bool { return s.Pair.Linked })
		booked(t, b, "the end of two Actives", func(i router.Incident) bool { return i.Cause == router.CauseTwo && !i.Elsewhere && !i.Open() })
		if v := sees(t, b, "that the LAN is well", func(p router.PairView) bool { return p.Second == nil }); !v.Linked {
			t.Errorf("%s: %+v", b.Name, v)
		}
		t.Logf("%s is one of a pair again %s after the cable was plugged", b.Name, round(time.Since(plugged)))
	}
	if n, err := sockets(h.Boxes[0]); err != nil || n > 0 {
		t.Errorf("%d sockets on a line when the LAN is well (%v)", n, err)
	}
}

// sockets counts what a router has open for the second path.
func sockets(b *Box) (n int, err error) {
	out, err := b.Run("ss -Hnau")
	for line := range strings.Lines(out) {
		if strings.Contains(line, "%wan0:61112") {
			n++
		}
	}
	if err != nil {
		err = fmt.Errorf("list sockets: %w", err)
	}
	return n, err
}
