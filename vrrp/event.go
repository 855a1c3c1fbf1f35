package vrrp

import (
	"net/netip"
	"time"
)

// EventKind says what an Event is about.
type EventKind uint8

const (
	NoEvent   EventKind = iota
	Start               // the election may begin; also the end of a Block
	Stop                // the election is over until the next Start
	Hear                // an advert of another router was accepted
	Tick                // timers may be due
	Configure           // the settings have changed
	Block               // the router must not be Active, for a while
	Unblock             // the end of a Block
)

func (k EventKind) String() string {
	return [...]string{"none", "start", "stop", "hear", "tick", "configure", "block", "unblock"}[k]
}

// Heard is an accepted advert of another router.
type Heard struct {
	Source   netip.Addr
	Priority uint8
	Interval time.Duration // as announced; version 2 does not use it
}

// Event is what happens to one election. It is passed by value, so that a packet costs no memory.
type Event struct {
	Kind     EventKind
	Heard    Heard         // of Hear
	Settings Settings      // of Configure
	Resume   bool          // of Start: an engine before this one was Active a moment ago
	State    State         // of Block: Waiting or Fault
	Binding  bool          // of Block: while it lasts, the group does not take over without this member
	Keep     time.Duration // of Stop and Block: how long addresses are kept for the successor; below 0: for ever, 0: not at all
	Reason   string        // of Stop and Block
}
