package vrrp

import (
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

// Status is what the engine knows. It is immutable.
type Status struct {
	Time      time.Time // as of which; counters may be five seconds old
	Elections []Election
	Speakers  []Speaker
	Rejected  map[packet.Reject]uint64 // packets that name no election of ours
}

// Election is one router's election in one family.
type Election struct {
	Router    string // the [[vrrp]] section's name
	ID        uint8
	Family    Family
	Interface string
	State     State
	Priority  int // in force
	Base      int
	Active    netip.Addr // who is Active, as far as we know; invalid: nobody heard
	Addresses []netip.Prefix
	Since     time.Time // of the state
	Reason    string    // of the last transition, or of waiting
	Holding   bool      // the addresses are here
	Changes   int       // transitions since the engine started

	Sent, Received uint64 // adverts
	Restored       uint64 // virtual addresses that someone deleted and we put back
	Rejected       map[packet.Reject]uint64
	Memory         packet.State // of its authentication, for the engine after this one
}

// Speaker is one source of adverts heard on an interface, wanted or not.
type Speaker struct {
	Interface string
	Source    netip.Addr
	MAC       string
	Version   uint8
	ID        uint8
	Family    Family
	Priority  int // of its newest advert; 0: it said good-bye
	Interval  time.Duration
	Addresses []netip.Addr
	Checksum  string // "message", "pseudo-header"; empty where there is only one
	Verdict   string // "accepted", or why its adverts are rejected
	Foreign   bool   // no [[vrrp]] section has its VRID on this interface
	Ours      string // name of the section that has
	First     time.Time
	Last      time.Time
	Adverts   uint64
	Missed    uint64        // adverts that should have come and did not
	Jitter    time.Duration // mean deviation from its interval (RFC 3550 §6.4.1)
	CARP      bool
}

// ReportKind says what a Report is about.
type ReportKind uint8

const (
	NoReport   ReportKind = iota
	Transition            // a state changed
	Conflict              // two Actives heard each other, or a stranger uses a virtual address
	Alarm                 // something the owner should look at: mismatches, foreign VRIDs, forged adverts
)

func (k ReportKind) String() string {
	return [...]string{"none", "transition", "conflict", "alarm"}[k]
}

// Report is news of the engine for people and scripts, numbered so that none is told twice.
type Report struct {
	Number    uint64
	Time      time.Time
	Kind      ReportKind
	Router    string
	ID        uint8
	Family    Family
	Interface string
	From, To  State // of a Transition
	Priority  int
	Reason    string // a clause: "the Active, 192.168.1.2, has been silent for 3.6 s"
	Packet    []byte // the IP packet that caused it, if one did
}

// Past is what an engine after this one needs to know, so that the change is not felt.
func (s *Status) Past() []Past {
	past := make([]Past, 0, len(s.Elections))
	for _, e := range s.Elections {
		past = append(past, Past{Place: Place{e.Interface, e.ID, e.Family}, Active: e.State == Active, Memory: e.Memory})
	}
	return past
}
