package vrrp

import "time"

// ActionKind says what an Action asks of the driver.
type ActionKind uint8

const (
	NoAction ActionKind = iota
	Send                // an advert, with Priority and Interval
	Hold                // put the virtual addresses on
	Release             // take the virtual addresses off
	Announce            // tell the network where the addresses are; with a Reason: again, since a conflict was won
	Tell                // a transition: From, To, Reason
)

func (k ActionKind) String() string {
	return [...]string{"none", "send", "hold", "release", "announce", "tell"}[k]
}

// Action is what a Machine or a Group wants done. The order of actions is part of the contract: an advert goes out before
// addresses change, and the tale comes last.
type Action struct {
	Member   Key
	Kind     ActionKind
	Priority uint8         // of Send
	Interval time.Duration // of Send: to put into the advert
	From, To State         // of Tell
	Reason   string        // of Tell, and of Announce after a conflict
}
