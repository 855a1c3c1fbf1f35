// Package pulse tells within a quarter of a second that the other router of a pair is dead, by signs of life that the two send each other, and
// never takes silence alone for death: before the verdict it asks the other router's kernel.
//
// Machine is what one router thinks of the other: pure, without clock and socket. Pulse is its driver. Beats are sealed with keys of the
// session that package link keeps; sockets come from a Net.
package pulse

import (
	"net/netip"
	"time"
)

// State is what is known of the other router.
type State uint8

const (
	Unknown State = iota // too few signs of life in this session for their absence to say anything
	Alive                // it gives signs of life, or answers
	Deaf                 // it lives, and one of the two does not hear the other's signs of life
	Gone                 // it gives none and answers nothing
)

func (s State) String() string { return [...]string{"unknown", "alive", "deaf", "gone"}[s] }

// View is what one router thinks of the other.
type View struct {
	State  State
	Hears  bool // this router hears the other one's signs of life
	Heard  bool // the other one hears ours, as it says
	Risen  bool // of one that is gone: its box answers again, and remembers nothing
	Since  time.Time
	Reason string // a clause for people; empty: all is well
}

// Way is between whom signs of life go. Without a Device there are none.
type Way struct {
	Device       string // of the LAN
	Index        int    // of the device: another one is another device of the same name
	Own, Partner netip.Addr
	Port         uint16 // of UDP, on both
	MAC          string // of the other router's interface; empty: not known
}

// Session is what both ends of one connection know, from package link.
type Session struct {
	ID     uint64        // the same on both
	Router string        // the other one's name, for people
	Beat   time.Duration // between two signs of life, the same on both; 0: none
	Key    func(label string, size int) []byte
}

// Agree returns the time between two signs of life by what both routers want: the longer one, and none where one wants none.
func Agree(own, partner time.Duration) time.Duration {
	if own <= 0 || partner <= 0 {
		return 0
	}
	return max(own, partner)
}

// Counts are of one Pulse since it was made.
type Counts struct {
	Sent, Heard uint64 // signs of life
	Lost        uint64 // of those between two that were heard
	Forged      uint64 // not from the other router, or changed on the way
	Replayed    uint64 // heard before, or overtaken by a newer one
	Strange     uint64 // of another session or version
	Asked       uint64 // rounds of questions to the other router's kernel
}

// Net opens the sockets.
type Net interface {
	// Open opens both for a way. The own address need not be usable for anything but this.
	Open(Way) (Wire, Prober, error)
}

// Wire carries beats to the other router and from it, and from nobody else as far as addresses say. Receive is called from one goroutine, the
// others from any.
type Wire interface {
	Send(beat []byte) error
	// Receive waits for a beat and returns its length.
	Receive(beat []byte) (int, error)
	// Poll is Receive without waiting: 0 when nothing is there.
	Poll(beat []byte) (int, error)
	Close() error
}

// Prober asks the other router's kernel for a sign of life. It is used from one goroutine, and nothing of it waits.
type Prober interface {
	// Ask sends a round of questions. Their answers are proof even where the last of them is lost.
	Ask() error
	// Answered reports whether an answer has come since the last call.
	Answered() bool
	// Carrier returns how often the own device has lost and found its link, and whether it has one now.
	Carrier() (changes uint32, up bool, err error)
	Close() error
}
