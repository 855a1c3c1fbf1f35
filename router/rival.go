package router

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

const (
	// rivalGone is how long the adverts of a second Active must have been missing for the conflict to be over: three of the
	// slowest interval that homes use, and two of the engine's reports, which come every five seconds.
	rivalGone = 10 * time.Second
	// strangerGone is the same for a host that only uses a virtual address: the engine names it once a minute at most.
	strangerGone = 90 * time.Second
)

// rivals are the elections in which somebody else serves, too.
type rivals map[vrrp.Place]rival

type rival struct {
	router  string    // the section's name
	last    time.Time // when it was noticed the last time
	adverts uint64    // of all others in this election, as counted the last time
	speaks  bool      // it sends adverts
}

// add notes that the engine names a conflict, and reports whether it is a new one.
func (all *rivals) add(now time.Time, r vrrp.Report) bool {
	if *all == nil {
		*all = rivals{}
	}
	place := vrrp.Place{Interface: r.Interface, ID: r.ID, Family: r.Family}
	known, there := (*all)[place]
	known.router, known.last = r.Router, now
	known.speaks = known.speaks || len(r.Packet) > 0 // a stranger's claim is an ARP packet, which the report does not have
	(*all)[place] = known
	return !there
}

// over looks whether conflicts have ended.
func (all rivals) over(now time.Time, status vrrp.Status) []Event {
	var ended []string
	for place, r := range all {
		n := adverts(status, place)
		if n > r.adverts && r.speaks && active(status, place) {
			r.last = now
		}
		r.adverts = n
		all[place] = r
		gone := rivalGone
		if !r.speaks {
			gone = strangerGone
		}
		if now.Sub(r.last) >= gone {
			delete(all, place)
			ended = append(ended, r.router)
		}
	}
	slices.Sort(ended)
	left := slices.Collect(maps.Values(all))
	var events []Event
	for _, name := range slices.Compact(ended) {
		if !slices.ContainsFunc(left, func(r rival) bool { return r.router == name }) {
			events = append(events, Event{Time: now, Kind: EventVRRP, VRRP: name, Cause: CauseTwo, To: "ends",
				Sentence: fmt.Sprintf("Nobody else serves the addresses of %s any more.", name)})
		}
	}
	return events
}

// adverts counts what others have sent in an election.
func adverts(status vrrp.Status, place vrrp.Place) uint64 {
	var n uint64
	for _, s := range status.Speakers {
		if s.Interface == place.Interface && s.ID == place.ID && s.Family == place.Family {
			n += s.Adverts
		}
	}
	return n
}

// active reports whether this router is Active in an election.
func active(status vrrp.Status, place vrrp.Place) bool {
	return slices.ContainsFunc(status.Elections, func(e vrrp.Election) bool {
		return e.State == vrrp.Active && e.Interface == place.Interface && e.ID == place.ID && e.Family == place.Family
	})
}
