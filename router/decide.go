package router

import (
	"slices"
	"time"

	"github.com/twinpath/twinpath/health"
)

// Decision is who carries the house and how well each WAN could.
type Decision struct {
	Carrying   []string // take new flows, by name, in the file's order; several share
	FailOpen   bool     // no WAN is usable: what was there is left as it is
	Conditions []condition
}

// Carries reports whether a WAN takes new flows.
func (d Decision) Carries(name string) bool { return slices.Contains(d.Carrying, name) }

// Decide applies the one rule (design §1): the cheapest usable WAN carries, equal costs share. It changes nothing.
func (s *State) Decide(now time.Time) Decision {
	d := Decision{Conditions: make([]condition, len(s.lines))}
	for i, l := range s.lines {
		d.Conditions[i] = s.rationed(l, l.treated(s.beyond(l, l.condition(now, s.config.LAN))))
	}
	d.Carrying, d.FailOpen = s.choose(d.Conditions)
	return d
}

// choose tries one pool of WANs after the other and takes the cheapest of the first that is not empty.
func (s *State) choose(conditions []condition) (carrying []string, failOpen bool) {
	was := func(i int) bool { return slices.Contains(s.carrying, s.lines[i].config.Name) }
	// A line that everybody is kept off serves nobody but this router.
	works := func(i int) bool { return conditions[i].usable() && conditions[i].Limited != Never }
	pools := []func(int) bool{
		// An unknown WAN is never a reason to move, so it only stays in.
		func(i int) bool {
			return works(i) && !s.left(i, conditions[i]) && (conditions[i].State != health.Unknown || was(i))
		},
		func(i int) bool { return works(i) && !s.left(i, conditions[i]) },
		works, // one that is to be left beats none
		func(i int) bool { return conditions[i].usable() },
	}
	for _, in := range pools {
		if chosen := s.cheapest(conditions, in); len(chosen) > 0 {
			return chosen, false
		}
	}
	// Fail open: stay, unless the line in use has nothing to send with and another has.
	ready := func(i int) bool { return conditions[i].Ready }
	if stay := s.cheapest(conditions, func(i int) bool { return ready(i) && was(i) }); len(stay) > 0 {
		return stay, true
	}
	if other := s.cheapest(conditions, ready); len(other) > 0 {
		return other, true
	}
	return s.carrying, true
}

// left reports whether new flows are to leave a line that works: its owner wants it, or rehearses its failure.
func (s *State) left(i int, c condition) bool { return s.lines[i].drained || !c.Rehearsed.IsZero() }

// cheapest returns the names of the WANs with the least cost + lost among those in the pool.
func (s *State) cheapest(conditions []condition, in func(int) bool) []string {
	var names []string
	best := 0
	for i, l := range s.lines {
		cost := l.config.Cost + conditions[i].Lost
		if !in(i) || len(names) > 0 && cost > best {
			continue
		}
		if len(names) > 0 && cost < best {
			names = nil
		}
		names, best = append(names, l.config.Name), cost
	}
	return names
}
