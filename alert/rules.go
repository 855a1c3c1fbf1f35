package alert

import (
	"time"

	"github.com/twinpath/twinpath/router"
)

// When a line counts as unstable, and when no longer. Three in half an hour are what owners who complain of alert storms call one
// story; an hour between two digests is what they can bear.
const (
	flaps      = 3
	flapWindow = 30 * time.Minute
	calm       = 30 * time.Minute
	digestGap  = time.Hour
)

// remembered is how long an incident that is over is known: it may go on (within three minutes), and the other router may tell of it, too.
const remembered = 10 * time.Minute

// rules are the waits. All but the first two are chosen here, in proportion to the first: who waits for a minute does not mind seconds.
type rules struct {
	wait   time.Duration // an incident that is shorter is not told
	remind time.Duration // between two reminders; 0: none

	gather time.Duration // moments that come together are told together
	tail   time.Duration // so are ends
	hold   time.Duration // a move of a virtual address waits for the outage that explains it, be it the other router's
	settle time.Duration // after the start: a house that gets power again is not at once as it should be
}

func rulesOf(a router.Alert) rules {
	r := rules{wait: max(0, a.Wait), remind: max(0, a.Remind)}
	r.gather, r.tail = min(10*time.Second, r.wait/6), min(3*time.Second, r.wait/20)
	r.hold, r.settle = r.wait+max(3*time.Second, r.wait/4), min(2*time.Minute, 2*r.wait)
	return r
}

// patience is how long an incident has to go on to be told.
func (r rules) patience(c router.Cause) time.Duration {
	switch c {
	case router.CauseTwo, router.CauseDisk:
		return r.gather // they do not go away by themselves, and do harm meanwhile
	}
	return r.wait
}
