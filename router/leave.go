package router

import (
	"fmt"
	"slices"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

// vacancy is how long a drained router must be out of use until it is said to be: connections that are just being counted, or devices that have
// not heard of the move yet, come within a second.
const vacancy = 2 * time.Second

// StandAside asks for the house to be left to another router until then, whatever this one is worth; a zero Until ends that. Unlike a drain it is
// nobody's wish, and ends by itself.
type StandAside struct {
	Until  time.Time
	Reason string // a sentence
}

func (StandAside) fact() {}

// leave is how far the house is leaving this router.
type leave struct {
	drained time.Time // since when its owner wants it to; zero: he does not
	quiet   time.Time // since when nothing uses this router; zero: something does, or nobody knows
	said    bool      // that nothing does
	aside   time.Time // until when another one is to serve the house; zero: no
}

// drain takes this router out of use, or back in.
func (l *leave) drain(now time.Time, drained bool) {
	*l = leave{aside: l.aside}
	if drained {
		l.drained = now
	}
}

// stand takes in that another router is to serve the house for a while, or no longer.
func (l *leave) stand(now time.Time, f StandAside) []Event {
	was := l.away(now)
	l.aside = f.Until
	switch {
	case !was && l.away(now):
		return []Event{{Time: now, Kind: EventVRRP, Blame: BlameOwner, Sentence: f.Reason}}
	case was && !l.away(now):
		return []Event{l.back(now)}
	}
	return nil
}

func (l *leave) back(now time.Time) Event {
	l.aside = time.Time{}
	return Event{Time: now, Kind: EventVRRP, Blame: BlameOwner, Sentence: "The new configuration works: this router may serve the house again."}
}

// away reports whether another router is to serve the house for a while.
func (l *leave) away(now time.Time) bool { return now.Before(l.aside) }

// leaving says when nothing uses a drained router any more. Whether that is so only the link of the pair knows: without it nothing is said.
func (s *State) leaving(now time.Time) []Event {
	var events []Event
	l := &s.leave
	if !l.aside.IsZero() && !l.away(now) {
		events = append(events, l.back(now))
	}
	switch used := s.bond.Left > 0 || !s.bond.Linked || s.holds(); {
	case l.drained.IsZero() || used:
		l.quiet = time.Time{}
	case l.quiet.IsZero():
		l.quiet = now
	}
	if l.quiet.IsZero() || l.said || now.Sub(l.quiet) < vacancy {
		return events
	}
	l.said = true
	sentence := fmt.Sprintf("%s is drained: nothing uses it any more, it may be switched off.", s.config.Name)
	return append(events, Event{Time: now, Kind: EventVRRP, Blame: BlameOwner, Sentence: sentence})
}

// leavingWake is when leaving has something to say, or next when that comes sooner.
func (s *State) leavingWake(now, next time.Time) time.Time {
	if !s.leave.quiet.IsZero() && !s.leave.said {
		next = earliest(next, s.leave.quiet.Add(vacancy), now)
	}
	return earliest(next, s.leave.aside, now)
}

// holds reports whether any virtual address is on this router.
func (s *State) holds() bool {
	return slices.ContainsFunc(s.status.Elections, func(e vrrp.Election) bool { return e.State == vrrp.Active || e.Holding })
}

// show adds it to a snapshot.
func (l *leave) show(s *Snapshot) {
	if !l.drained.IsZero() {
		since := l.drained.UTC()
		s.DrainedSince, s.Vacant = &since, l.said && !l.quiet.IsZero()
	}
	if l.away(s.Time) {
		until := l.aside.UTC()
		s.AsideUntil = &until
	}
}

// Breaks says which connections of the house a change of configuration cuts off, while these WANs carry it, as a clause; empty: none.
func Breaks(old, next Config, carrying []string) string {
	if o, n := old.LAN, next.LAN; o.Interface != n.Interface || !slices.Equal(o.Ports, n.Ports) || o.Address != n.Address {
		return "the house's side of this router is made anew"
	}
	for _, name := range carrying {
		was := slices.IndexFunc(old.WANs, func(w WANConfig) bool { return w.Name == name })
		is := slices.IndexFunc(next.WANs, func(w WANConfig) bool { return w.Name == name })
		switch {
		case was < 0:
		case is < 0:
			return name + " is taken away"
		case !sameAttachment(old.WANs[was], next.WANs[is]):
			return name + " is made anew"
		}
	}
	return ""
}
