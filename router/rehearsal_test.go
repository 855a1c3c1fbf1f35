package router

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/health"
)

func TestARehearsedLineIsLeftUntilItsTimeIsOver(t *testing.T) {
	config := twoWANs()
	config.WANs[0].Failback = Move // its running flows stay all the same
	h := settled(t, config)
	h.fold(Rehearsed{WAN: "fibre", Until: h.now.Add(time.Minute)})
	h.wantCarrying("lte")
	h.wantSaid("The house moved from fibre to lte (fibre counts as failed, for a rehearsal).")
	h.wantVerdict(VerdictBackup, "a rehearsal has it count as failed until")
	s := h.state.Snapshot(h.now, "test", h.last)
	if w := s.WANs[0]; w.State != "up" || w.RehearsedUntil == nil || !w.RehearsedUntil.Equal(noon.Add(time.Minute)) {
		t.Errorf("while it is rehearsed: %+v", w)
	}
	h.pass(time.Minute - time.Millisecond)
	h.wantCarrying("lte")
	h.pass(time.Millisecond)
	h.wantCarrying("fibre")
	if len(h.swept) > 0 {
		t.Errorf("a rehearsal ended flows: %v", h.swept)
	}
	if l := h.state.line("fibre"); l.hold.Until().After(h.now) {
		t.Error("a rehearsal counts as a failure of the line: it is held back")
	}
}

func TestARehearsalEndsWhenTheLineIsNeeded(t *testing.T) {
	h := settled(t, twoWANs())
	h.fold(Rehearsed{WAN: "fibre", Until: h.now.Add(time.Minute)})
	h.dead("lte", 2*time.Second)
	h.wantCarrying("fibre")
	h.up("lte")
	h.wantCarrying("fibre") // and is not left again
}

func TestWishesEndARehearsal(t *testing.T) {
	other := twoWANs()
	other.WANs[1].Cost = 60
	for name, wish := range map[string]Fact{"drain": DrainWished{WAN: "lte"}, "configuration": Reconfigured{other}, "stop": Rehearsed{WAN: "fibre"}} {
		h := settled(t, twoWANs())
		h.fold(Rehearsed{WAN: "fibre", Until: h.now.Add(time.Minute)})
		h.wantCarrying("lte")
		h.fold(wish)
		h.wantCarrying("fibre")
		if !h.state.line("fibre").rehearsed.IsZero() {
			t.Errorf("%s: the rehearsal goes on", name)
		}
	}
}

func TestARehearsalIsBounded(t *testing.T) {
	h := settled(t, twoWANs())
	h.fold(Rehearsed{WAN: "fibre", Until: h.now.Add(time.Hour)})
	h.fold(Rehearsed{WAN: "cable", Until: h.now.Add(time.Hour)}) // there is none
	h.pass(rehearsalLimit)
	h.wantCarrying("fibre")
}

func TestHeirs(t *testing.T) {
	h := settled(t, twoWANs())
	heirs := func() string {
		var all []string
		for _, w := range h.state.Snapshot(h.now, "test", h.last).WANs {
			all = append(all, w.Name+":"+strings.Join(w.Heirs, ","))
		}
		return strings.Join(all, " ")
	}
	want := func(when, text string) {
		t.Helper()
		if got := heirs(); got != text {
			t.Errorf("%s: %q, want %q", when, got, text)
		}
	}
	want("both up", "fibre:lte lte:")
	before := slices.Clone(h.state.carrying)
	want("asked twice", "fibre:lte lte:")
	if !slices.Equal(before, h.state.carrying) {
		t.Error("asking moved the house")
	}
	h.verdict("lte", health.Verdict{State: health.Captive, Lost: 100})
	want("the backup has a login page", "fibre: lte:")
	h.up("lte")
	h.dead("fibre", time.Second)
	want("on the backup", "fibre: lte:")
	equal := twoWANs()
	equal.WANs[1].Cost = 0
	h = settled(t, equal)
	want("shared", "fibre:lte lte:fibre")
}
