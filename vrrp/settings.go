package vrrp

import (
	"net/netip"
	"time"
)

// Key names one election: one router's, in one family.
type Key struct {
	Router string
	Family Family
}

func (k Key) String() string { return k.Router + " " + k.Family.String() }

// Settings is what one election is to do now.
type Settings struct {
	Version  uint8         // 2 or 3
	Priority uint8         // in force, 1 to 255
	Interval time.Duration // of our own adverts

	Preempt      bool
	FastPreempt  bool // a lower advert of the Active starts our skew time instead of being ignored
	PreemptDelay time.Duration
	Grace        time.Duration // a take-over from a live Active that is not broken waits for so much longer than PreemptDelay, GraceMost at most

	Source netip.Addr // our own address on the wire: decides ties
	Gone   netip.Addr // when it is set: this Active is dead, whatever its adverts promised; invalid: none is
}

// GraceMost bounds Grace, so that no election ever hangs on what its driver waits for. Chosen here: a tenth of it is enough for two routers to
// make ready for each other's connections.
const GraceMost = 3 * time.Second

// skew returns how much longer this router waits than one of priority 256 would (RFC 9568 §6.1; RFC 3768 §6.1, where
// it is a part of a second whatever the interval).
func (s Settings) skew(interval time.Duration) time.Duration {
	if s.Version == 2 {
		interval = time.Second
	}
	return time.Duration(256-int(s.Priority)) * interval / 256
}

// downInterval returns how long the Active may be silent (RFC 9568 §6.1, Active_Down_Interval). Version 2 learns no
// interval: the Active's is ours, or its adverts would not have been accepted.
func (s Settings) downInterval(learned time.Duration) time.Duration {
	if s.Version == 2 {
		learned = s.Interval
	}
	return 3*learned + s.skew(learned)
}

// outranked reports whether an advert of another Active beats ours (RFC 9568 §6.4.3): by priority, then by address,
// unsigned and in network order.
func (s Settings) outranked(h Heard) bool {
	if h.Priority != s.Priority {
		return h.Priority > s.Priority
	}
	return h.Source.Compare(s.Source) > 0
}
