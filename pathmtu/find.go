// Package pathmtu finds the largest packet that passes a line to the Internet and back in one piece, by pings.
//
// Find says which size is tried next and what came of it all; it is pure. Measure drives it over a raw socket, which lives as long
// as the search does. What a host finds out for itself (RFC 8201, RFC 8899) a router has to know before: it is the router that tells
// the house's TCP how large a segment may be.
package pathmtu

import "errors"

const (
	// Internet is the largest packet that there is any use to look for: more than an Ethernet frame is nowhere promised end to end.
	Internet = 1500
	// Sound is what IPv6 asks of any link (RFC 8200 §5). IPv4 paths carry it, but for a few.
	Sound = 1280
	// least is what every IPv4 host takes (RFC 791 §3.1).
	least = 576
	// most is how many packets a search may take: 40 kB, which hurts no metered line. Chosen here.
	most = 40
)

// The tries of a size: the first one decides whether there is anything to search for at all; the others are looked at again in
// the end. Chosen here.
const (
	firstTries = 3
	tries      = 2
	rounds     = 3
)

// Wish is what is to be found.
type Wish struct {
	Six     bool // IPv6
	Targets int  // how many there are, of that family, the best first
	Most    int  // the largest packet that the interface sends, in bytes with the IP header
	Guess   int  // what was found the last time; 0: nothing
}

// Found is what a search has found.
type Found struct {
	MTU  int  // the largest packet that passes there and back, in bytes with its IP header
	Hole bool // larger ones vanish without the ICMP error that would tell the sender (RFC 2923 §2.1)
	Sent int  // packets
}

// Fate is what became of a packet.
type Fate uint8

const (
	Unsent  Fate = iota // nothing can be said: the time is up
	Lost                // no answer
	Whole               // it was answered, by as large a packet
	Short               // it was answered, by a smaller packet: what comes back cannot be judged
	Refused             // somebody says that it is too large (RFC 1191 §4, RFC 4443 §3.2)
)

func (f Fate) String() string {
	return [...]string{"unsent", "lost", "whole", "short", "refused"}[f]
}

// Answer is what became of a size.
type Answer struct {
	Fate Fate
	MTU  int // of Refused: what would pass; 0: he does not say
	Sent int // packets
}

// Ask sends up to so many packets of a size to the n-th target, until one is answered or refused.
type Ask func(target, size, tries int) Answer

var (
	// ErrSilent is returned when no target answers large packets: that says nothing of the line.
	ErrSilent = errors.New("large pings are not answered at all")
	// ErrUnclear is returned when a size passes now and then.
	ErrUnclear = errors.New("large pings are answered now and then: too much is lost to tell the largest")
	// ErrLate is returned when the time was up before the end.
	ErrLate = errors.New("no time was left to find the largest packet")
)

// Find finds the largest packet by asking. What vanishes is believed only when another target agrees, or the same one when there
// is no other.
func Find(w Wish, ask Ask) (Found, error) {
	s := &search{Wish: w, ask: ask}
	found, err := s.find()
	found.Sent = s.sent
	return found, err
}

func (s *search) find() (Found, error) {
	if s.Most <= s.floor() {
		return Found{MTU: s.Most}, nil
	}
	for t := 0; t < s.Targets; {
		if silent := s.narrow(t); s.err != nil {
			return Found{}, s.err
		} else if silent {
			t++
			continue
		}
		found := Found{MTU: s.good, Hole: s.good < s.Most && !s.told && !s.vague}
		if !found.Hole {
			return found, nil
		}
		verdict, wider := s.confirm(t)
		switch verdict {
		case told:
			found.Hole = false
			return found, nil
		case agreed:
			return found, nil
		case passes:
			t = wider
		default:
			return Found{}, errors.Join(s.err, ErrUnclear)
		}
	}
	return Found{}, ErrSilent
}
