package router

import (
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/wallclock"
)

const year = 365 * 24 * time.Hour

// Someone sets the clock in the middle of a sweep and of a hold-down: neither gets shorter or longer.
func TestAClockThatJumpsChangesNoWait(t *testing.T) {
	for _, jump := range []time.Duration{year, -year} {
		h := newHouse(t, twoWANs())
		h.now = time.Now()
		h.up("fibre")
		h.up("lte")
		for range 2 {
			h.dead("fibre", 2*time.Second)
			h.pass(15 * time.Second)
			h.up("fibre")
		}
		h.wantCarrying("lte") // held for a minute
		h.now = wallclock.Jump(h.now, jump)
		h.pass(59 * time.Second)
		h.wantCarrying("lte")
		h.pass(time.Second)
		h.wantCarrying("fibre")

		h.swept = nil
		h.dead("fibre", 1800*time.Millisecond)
		h.now = wallclock.Jump(h.now, jump)
		h.pass(1199 * time.Millisecond)
		if len(h.swept) != 1 {
			t.Errorf("jump of %s: %d sweeps before the outage is 3s old, want 1", jump, len(h.swept))
		}
		h.pass(time.Millisecond)
		if len(h.swept) != 2 {
			t.Errorf("jump of %s: %d sweeps when the outage is 3s old, want 2", jump, len(h.swept))
		}
	}
}
