package router

import (
	"testing"
	"time"

	"github.com/twinpath/twinpath/health"
)

// answersAgain is a line that is down, but answers since a moment.
func (h *house) answersAgain(name string) {
	h.t.Helper()
	h.verdict(name, health.Verdict{State: health.Down, Lost: 100, Reason: "3 of 3 checks answer again, 3 not for long enough yet"})
}

func (h *house) wantIdleSpared(when string) {
	h.t.Helper()
	for _, v := range h.swept {
		if v.Idle == 0 {
			h.t.Errorf("%s: idle flows were ended: %v", when, h.swept)
			return
		}
	}
}

func TestABlipSparesIdleFlowsUntilTheLineHasProvedItself(t *testing.T) {
	h := settled(t, twoWANs())
	h.dead("fibre", 1800*time.Millisecond)
	h.pass(900 * time.Millisecond) // the outage is 2.7 s old
	h.answersAgain("fibre")
	for range 10 {
		h.pass(time.Second)
	}
	h.wantIdleSpared("while the line proves itself")
	if len(h.swept) < 9 {
		t.Errorf("%d sweeps, want one a second for those that speak", len(h.swept))
	}
	h.up("fibre")
	h.swept = nil
	for range 12 {
		h.pass(time.Second)
	}
	if len(h.swept) != 0 {
		t.Errorf("flows of a healed line were ended: %v", h.swept)
	}
}

func TestABlipThatWasNoneEndsIdleFlows(t *testing.T) {
	for name, relapse := range map[string]func(h *house){
		"silent again":            func(h *house) { h.dead("fibre", 500*time.Millisecond) },
		"never proves itself":     func(h *house) { h.pass(30 * time.Second) },
		"without a carrier again": func(h *house) { h.cable("wan0", false) },
	} {
		h := settled(t, twoWANs())
		h.dead("fibre", 1800*time.Millisecond)
		h.pass(900 * time.Millisecond)
		h.answersAgain("fibre")
		h.pass(2 * time.Second)
		h.wantIdleSpared(name)
		relapse(h)
		h.pass(2 * time.Second)
		if last := h.swept[len(h.swept)-1]; last.Idle != 0 {
			t.Errorf("%s: idle flows are spared for good: %v", name, h.swept)
		}
	}
}
