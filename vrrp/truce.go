package vrrp

import (
	"hash/fnv"
	"time"
)

// truce keeps two groups from fighting for ever: where each is better in one member and their adverts cross, both
// leave, and with equal timers would come back at the same time, again and again. So each waits for a time of its own
// when it could come back, longer with each time in a row, as stations on a shared wire do after a collision.
type truce struct {
	calls int // in a row
	last  time.Time
	wait  time.Duration
	until time.Time // end of wait, from when the group could come back
}

const (
	// truceOver ends a row of calls: groups that fight meet again within a few down-intervals.
	truceOver = time.Minute
	// truceSteps is how often the range of times doubles at most.
	truceSteps = 3
	// truceTimes is how many times there are to wait in the range: a prime, so that every bit of the hash counts, and
	// enough for groups of 1 s to be a millisecond apart.
	truceTimes = 1021
)

// call starts a truce after a member has lost while others had not.
func (t *truce) call(now time.Time, loser *Machine) {
	if now.Sub(t.last) > truceOver {
		t.calls = 0
	}
	t.calls, t.last = t.calls+1, now
	span := loser.settings.Interval << min(t.calls-1, truceSteps)
	h := fnv.New64a()
	source := loser.settings.Source.As16()
	h.Write(source[:])
	h.Write([]byte{byte(t.calls), byte(t.calls >> 8)})
	t.wait = span * time.Duration(h.Sum64()%truceTimes) / truceTimes
	t.until = time.Time{}
}

// over reports whether the group may come back now, as far as the truce goes.
func (t *truce) over(now time.Time) bool {
	if now.Sub(t.last) > truceOver {
		t.wait = 0 // groups that fight would have met again
	}
	if t.wait > 0 && t.until.IsZero() {
		t.until = now.Add(t.wait)
	}
	if t.wait > 0 && now.Before(t.until) {
		return false
	}
	t.wait, t.until = 0, time.Time{}
	return true
}

// pause is what happens to a truce while the group could not come back anyway.
func (t *truce) pause() { t.until = time.Time{} }
