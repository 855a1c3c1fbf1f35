package router

import (
	"slices"
	"time"

	"github.com/twinpath/twinpath/health"
)

// rehearsalLimit is how long a line may count as failed at most, whatever was wished: nobody may be there to end it.
const rehearsalLimit = 2 * time.Minute

// foldRehearsal has a line count as failed, or ends that.
func (s *State) foldRehearsal(now time.Time, f Rehearsed) {
	l := s.line(f.WAN)
	if l == nil {
		return
	}
	l.rehearsed = f.Until
	if limit := now.Add(rehearsalLimit); l.rehearsed.After(limit) {
		l.rehearsed = limit
	}
}

// endRehearsals takes a line back into use that is needed after all.
func (s *State) endRehearsals(d Decision) {
	for i, l := range s.lines {
		if d.Carries(l.config.Name) && !d.Conditions[i].Rehearsed.IsZero() {
			l.rehearsed = time.Time{}
		}
	}
}

// endAllRehearsals gives way to a wish of the owner.
func (s *State) endAllRehearsals() {
	for _, l := range s.lines {
		l.rehearsed = time.Time{}
	}
}

// heirs names who would carry if the i-th line, which carries, failed now: by the very rule that will decide then.
func (s *State) heirs(d Decision, i int) []string {
	if !d.Carries(s.lines[i].config.Name) || d.FailOpen {
		return nil
	}
	without := slices.Clone(d.Conditions)
	without[i] = condition{State: health.Down, Lost: lostAll}
	heirs, failOpen := s.choose(without)
	if failOpen {
		return nil
	}
	return heirs
}
