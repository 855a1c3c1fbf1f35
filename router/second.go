package router

import (
	"fmt"
	"slices"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

// PartnerWAN is a line of the other router, as its own page shows it.
type PartnerWAN struct {
	Name    string      `json:"name"`
	Kind    string      `json:"kind,omitempty"`
	State   string      `json:"state"`
	Active  bool        `json:"active"`
	Cost    int         `json:"cost"`
	Lost    int         `json:"lost"`
	Metered bool        `json:"metered"`
	Drained bool        `json:"drained,omitempty"`
	Address string      `json:"address,omitempty"`
	Since   time.Time   `json:"since"` // of the state, by its clock
	Reason  string      `json:"reason"`
	Budget  *BudgetView `json:"budget,omitempty"`
	IPv6    *IPv6View   `json:"ipv6,omitempty"`
}

// SecondView is what the two routers know of each other over their lines to the Internet, while the LAN between them is silent.
type SecondView struct {
	Answers  bool      `json:"answers"`            // the other router does, there
	Split    bool      `json:"split,omitempty"`    // both serve the house's address
	Line     string    `json:"line,omitempty"`     // the other router's, where it answers
	State    string    `json:"state,omitempty"`    // of its election for the house's address
	HearsUs  bool      `json:"hears_us,omitempty"` // something of ours reaches it over the LAN
	Tells    bool      `json:"tells,omitempty"`    // it has somebody to tell of trouble
	Sentence string    `json:"sentence"`
	Since    time.Time `json:"since"`
}

// DifferencesSeen is what of the two routers' configurations does not fit together, a sentence each.
type DifferencesSeen struct{ Sentences []string }

// SecondSeen is what is known of the other router over the lines to the Internet; nil: it is not asked there, for the LAN is enough.
type SecondSeen struct{ View *SecondView }

func (DifferencesSeen) fact() {}
func (SecondSeen) fact()      {}

// foldDifferences says each difference once, and once that it is settled.
func (e *evidence) foldDifferences(now time.Time, f DifferencesSeen) []Event {
	var events []Event
	say := func(format string, of, beside []string) {
		for _, sentence := range of {
			if !slices.Contains(beside, sentence) {
				events = append(events, Event{Time: now, Kind: EventPair, Blame: BlameOwner, Sentence: fmt.Sprintf(format, sentence)})
			}
		}
	}
	say("%s", f.Sentences, e.differences)
	say("Settled: %s", e.differences, f.Sentences)
	e.differences = f.Sentences
	return events
}

// foldSecond books two routers that both serve the house, which only a second path between them can tell, and says what else it finds. One that
// falls silent may go on serving.
func (e *evidence) foldSecond(now time.Time, f SecondSeen) []Event {
	was, before := e.second, e.divided
	e.second = f.View
	begins := ""
	switch {
	case f.View == nil:
		e.divided = false
	case f.View.Answers:
		e.divided, begins = f.View.Split, f.View.Sentence
	}
	if before && !e.divided {
		e.healed = now
	}
	switch {
	case e.divided != before:
		return turn(now, EventPair, CauseTwo, before, e.divided, begins, "The two routers no longer both serve the house.")
	case f.View != nil && (was == nil || was.Sentence != f.View.Sentence):
		return []Event{{Time: now, Kind: EventPair, Sentence: f.View.Sentence}}
	}
	return nil
}

// healing reports whether two Actives that hear each other are only about to end what is known already.
func (e *evidence) healing(now time.Time) bool {
	const settles = 10 * time.Second
	return e.divided || !e.healed.IsZero() && now.Sub(e.healed) < settles
}

// split is what there is to complain of when both routers serve the house; empty: nothing.
func (e *evidence) split() string {
	if e.second == nil || !e.second.Split {
		return ""
	}
	return e.second.Sentence
}

// showPair adds it to the other router's view, which is this snapshot's alone.
func (e *evidence) showPair(view *PairView, breaks bool) {
	if view != nil {
		view.Differences, view.Second, view.Breaks = e.differences, e.second, breaks
	}
}

// Standing is how this router stands in the elections for the house in one word, as VRRPSnapshot.State has it; empty: nobody knows yet.
func (s Side) Standing() string {
	switch {
	case s.Serves > 0:
		return vrrp.Active.String()
	case s.Follows > 0:
		return vrrp.Backup.String()
	}
	return ""
}
