package wan

import (
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/wallclock"
)

// Someone sets the clock by a year, either way: the lease is renewed when it would have been.
func TestAClockThatJumpsRenewsInTime(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, jump := range []time.Duration{year, -year} {
		b := newBench(t)
		b.now = time.Now() // has the monotonic reading that a jump leaves alone
		b.bound()
		b.now = wallclock.Jump(b.now, jump)
		b.wait(10 * time.Minute)
		b.in(Bound)
		if got := b.m.Wake().Sub(b.now); got < 19*time.Minute || got > 20*time.Minute {
			t.Errorf("jump of %s: renews in %s, want 20 minutes: half of the hour's lease", jump, got)
		}
	}
}
