package wallclock

import (
	"testing"
	"time"
)

func TestJump(t *testing.T) {
	const year = 365 * 24 * time.Hour
	before := time.Now()
	for _, d := range []time.Duration{year, -year, time.Second} {
		after := Jump(before.Add(time.Minute), d)
		if got := after.Sub(before); got != time.Minute {
			t.Errorf("after a jump of %s a minute takes %s", d, got)
		}
		if got := after.Round(0).Sub(before.Round(0)); got != d+time.Minute { // Round drops the monotonic reading
			t.Errorf("after a jump of %s the wall clock went on by %s", d, got)
		}
	}
}
