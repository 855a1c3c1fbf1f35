package health

import (
	"testing"
	"time"
)

// TestOnset plays hundreds of blackouts of each configuration: none may take longer than was said, and the slowest not much less,
// else the figure would mean nothing. The simulated line answers within 60 ms.
func TestOnset(t *testing.T) {
	const rtt = 60 * time.Millisecond
	slow := some(4)
	slow.Interval, slow.Confirm = 5*time.Second, 500*time.Millisecond
	eager := some(3)
	eager.Interval, eager.Timeout, eager.Confirm, eager.Rise = 250*time.Millisecond, 500*time.Millisecond, 100*time.Millisecond, 2
	stubborn := some(2)
	stubborn.Fall = 9
	once := some(1)
	once.Fall = 1
	for name, c := range map[string]Config{
		"default": {}, "story": story(), "four": some(4), "two": some(2), "one": some(1), "six": {Checks: append(story().Checks, story().Checks[:2]...)},
		"slow": slow, "eager": eager, "stubborn": stubborn, "once": once,
	} {
		t.Run(name, func(t *testing.T) {
			said, slowest := c.Onset(rtt), time.Duration(0)
			for seed := range uint64(300) {
				slowest = max(slowest, onset(t, c, seed))
			}
			t.Logf("said %s, the slowest took %s", said, slowest)
			if slowest > said || slowest < said*8/10 {
				t.Errorf("the slowest of 300 blackouts took %s, said was %s", slowest, said)
			}
		})
	}
}
