package vrrp

import (
	"hash/fnv"
	"time"
)

// truce keeps two groups from fighting for ever: where each is better in one member, both leave when they meet as
// Actives, and with equal timers would come back at the same time, again and again. So each waits for a time of its
// own, longer with each time in a row, as stations on a shared wire do after a collision.
type truce struct {
	calls int       // in a row
	last  time.Time // call
	until time.Time
}

const (
	// truceOver ends a row of calls: groups that fight meet again within a few down-intervals.
	truceOver = time.Minute
	// truceSteps is how often the range of times doubles at most.
	truceSteps = 3
)

// call starts a truce after a member has lost while others had not.
func (t *truce) call(now time.Time, loser *Machine, members int) {
	if now.Sub(t.last) > truceOver {
		t.calls = 0
	}
	t.calls, t.last = t.calls+1, now
	span := loser.settings.Interval << min(t.calls-1, truceSteps)
	h := fnv.New64a()
	source := loser.settings.Source.As16()
	h.Write(source[:])
	h.Write([]byte{byte(t.calls), byte(t.calls >> 8), byte(members)})
	skew := loser.settings.skew(loser.learned())
	t.until = now.Add(skew + span*time.Duration(h.Sum64()>>32%256)/256)
}
