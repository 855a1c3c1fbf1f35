package vrrp

import (
	"testing"
	"time"
)

// A member without a link, or of which nobody knows yet whether it can hear, holds the group back: its Active may be alive. One
// that waits for an address does not.
func TestGroupWaitsForProof(t *testing.T) {
	for _, binding := range []bool{true, false} {
		tt := newTester(t, plain(100))
		tt.group.Add(epoch, wan, plain(100))
		tt.start(0, "waiting>backup: listening for 3.61 s")
		tt.step(0, wan, Event{Kind: Block, State: Waiting, Binding: binding, Reason: "no frame received yet"})
		taken := []string{"send 100 1s", "hold", "announce", "backup>active: nobody was heard for 3.61 s"}
		if !binding {
			tt.tick(down100, taken...)
			continue
		}
		tt.tick(down100)
		tt.step(10*time.Second, wan, Event{Kind: Start}, append(taken, "wan send 100 1s", "wan hold", "wan announce",
			"wan waiting>active: lan ipv4 of its group takes over: nobody was heard for 3.61 s")...)
	}
}
