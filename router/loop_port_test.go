package router

import (
	"testing"
	"testing/synctest"
	"time"
)

// A line that the configuration makes another one, on the same interface, has its client start anew: it would wait for a lease that
// was told to the line before.
func TestALineThatIsChangedHasItsLeaseAgain(t *testing.T) {
	for name, change := range map[string]func(*WANConfig){
		"no ipv6":      func(c *WANConfig) { c.NoIPv6 = true },
		"by a pattern": func(c *WANConfig) { c.Interface = "wan*" },
		"its size":     func(c *WANConfig) { c.MTU = 1400 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				r, stop := w.start(t, twoWANs())
				defer stop()
				time.Sleep(time.Second)
				c := twoWANs()
				change(&c.WANs[0])
				r.Tell(Reconfigured{Config: c})
				time.Sleep(time.Minute)
				if s, _ := r.Snapshot(); s.WANs[0].Address == "" {
					t.Errorf("fibre has no lease any more: %s", s.WANs[0].Reason)
				}
			})
		})
	}
}
