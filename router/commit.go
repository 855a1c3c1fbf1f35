package router

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/health"
)

// Commit makes a decision the one in force: it says what changed, counts flaps and schedules the end of
// flows that lost their way out.
func (s *State) Commit(now time.Time, d Decision) []Event {
	s.scheduleSweeps(now, d)
	s.endRehearsals(d)
	s.letGo(now)
	s.letGo6(now)
	s.close6(now, d)
	var events []Event
	for i, l := range s.lines {
		events = append(events, l.tell(now, d.Conditions[i])...)
		events = append(events, l.tell6(now, d.Conditions[i])...)
	}
	if !slices.Equal(s.carrying, d.Carrying) {
		events = append(events, s.move(now, d)...)
	}
	events = append(events, s.bond.due(now)...)
	events = append(events, s.leaving(now)...)
	if v := s.judge(d); v != s.verdict {
		s.verdict, s.since = v, now
	}
	return events
}

// tell turns a changed condition of a line into an event.
func (l *line) tell(now time.Time, c condition) []Event {
	was := l.told
	l.told = c
	if was.State == c.State && was.Held.Equal(c.Held) && (was.Ready == c.Ready || c.State != health.Down) {
		return nil
	}
	if was.State != c.State {
		l.since = now
	}
	return []Event{{
		Time: now, Kind: EventWAN, WAN: l.config.Name, From: was.State.String(), To: c.State.String(), Blame: c.Blame,
		Sentence: fmt.Sprintf("%s is %s: %s%s.", l.config.Name, c.State, c.Reason, fault(c.Blame)),
	}}
}

// move changes who carries the house.
func (s *State) move(now time.Time, d Decision) []Event {
	from := s.carrying
	for _, name := range from {
		if i := s.index(name); !d.Carries(name) && (!d.Conditions[i].usable() || d.Conditions[i].Lost > 0) {
			s.lines[i].hold.Flap(now)
		}
	}
	for _, name := range d.Carrying {
		s.line(name).hold.Waive() // a held line that is needed is not left again for being held
	}
	s.carrying = d.Carrying
	return []Event{{
		Time: now, Kind: EventSwitch, WAN: list(d.Carrying), From: list(from), To: list(d.Carrying),
		Sentence: s.moveSentence(d, from),
	}}
}

func (s *State) moveSentence(d Decision, from []string) string {
	var why []string
	for _, name := range from {
		i := s.index(name)
		c := d.Conditions[i]
		if d.Carries(name) {
			continue
		}
		switch {
		case !c.Rehearsed.IsZero():
			why = append(why, name+" counts as failed, for a rehearsal")
		case s.lines[i].drained:
			why = append(why, name+" is drained")
		case c.Limited == Never:
			why = append(why, name+" has used up its data")
		case !c.usable() || c.Lost > 0:
			why = append(why, name+": "+c.Reason)
		}
	}
	switch {
	case len(from) == 0:
		return fmt.Sprintf("The house uses %s.", list(d.Carrying))
	case len(d.Carrying) == 0:
		return "No WAN is left to use."
	case len(why) > 0:
		return fmt.Sprintf("The house moved from %s to %s (%s).", list(from), list(d.Carrying), strings.Join(why, "; "))
	}
	return fmt.Sprintf("The house moved from %s back to %s; running connections stay where they are until they end.", list(from), list(d.Carrying))
}

// judge says in one word how the house is served.
func (s *State) judge(d Decision) Verdict {
	if len(s.lines) == 0 {
		return s.vrrpVerdict()
	}
	if len(d.Carrying) == 0 {
		if slices.ContainsFunc(d.Conditions, func(c condition) bool { return c.State == health.Unknown }) {
			return VerdictUnknown
		}
		return VerdictOffline
	}
	if d.FailOpen {
		return VerdictOffline
	}
	if !slices.ContainsFunc(d.Carrying, func(name string) bool { return d.Conditions[s.index(name)].Limited != Never }) {
		return VerdictOffline // for the house
	}
	best := slices.MinFunc(s.lines, func(a, b *line) int { return a.config.Cost - b.config.Cost }).config.Cost
	verdict := VerdictOK
	if s.vrrpComplaints() != "" {
		verdict = VerdictDegraded
	}
	for i, l := range s.lines {
		c, carries := d.Conditions[i], d.Carries(l.config.Name)
		switch {
		case carries && l.config.Cost > best:
			return VerdictBackup
		case carries && c.State == health.Unknown:
			return VerdictUnknown
		case carries && c.State == health.Degraded, !carries && l.config.Cost == best:
			verdict = VerdictDegraded
		}
	}
	return verdict
}
