package router

import (
	"slices"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
)

const (
	// blip is the age of an outage before idle flows are given up on a line that still has its carrier:
	// shorter ones heal by themselves and nothing need be cut (multi-WAN notes §4).
	blip = 3 * time.Second
	// resweep is how long stragglers are looked for after a switch: flows created while it was under way.
	resweep = 10 * time.Second
	// proving is how long after the beginning of an outage idle flows are spared on a line that answers again but
	// has not proved itself. By default it needs 10 s for that.
	proving = 30 * time.Second
)

// sweep ends the flows of one vacated WAN: at once, and again each second while new ones may slip in.
type sweep struct {
	wan   string
	mark  firewall.Mark
	gone  bool      // the WAN is not configured any more
	six   bool      // of IPv6 alone
	quiet bool      // nobody is told: they go on at once
	began time.Time // of the outage
	full  time.Time // from here on idle flows are ended too
	ended bool      // they have been
	next  time.Time
	until time.Time
}

// scheduleSweeps starts a sweep for each WAN that lost its flows in this decision, and stops those that make no sense any more.
func (s *State) scheduleSweeps(now time.Time, d Decision) {
	was, was6 := s.alives, s.alives6
	s.alives, s.alives6 = map[string]bool{}, map[string]bool{}
	for i, l := range s.lines {
		s.alives[l.config.Name], s.alives6[l.config.Name] = s.alive(d, i), s.alive6(d, i)
	}
	s.sweeps = slices.DeleteFunc(s.sweeps, func(w sweep) bool {
		i := s.index(w.wan)
		return !w.quiet && (d.FailOpen || i < 0 && !w.gone || i >= 0 && s.alives[w.wan] && !s.moving(d, i) && (!w.six || s.alives6[w.wan]))
	})
	s.sweepCrossed(now)
	if d.FailOpen {
		return
	}
	for _, l := range s.removed {
		w := sweepAll(now, l)
		w.gone = true
		s.sweeps = append(s.sweeps, w)
	}
	s.removed = nil
	for i, l := range s.lines {
		switch {
		case was[l.config.Name] && !s.alives[l.config.Name]:
			s.sweeps = append(s.sweeps, newSweep(now, l, d.Conditions[i]))
		case was6[l.config.Name] && !s.alives6[l.config.Name]:
			s.sweeps = append(s.sweeps, newSweep6(now, l))
		case slices.Contains(s.carrying, l.config.Name) && s.moving(d, i):
			s.sweeps = append(s.sweeps, sweepAll(now, l))
		}
	}
}

// moving reports whether a working WAN that carries nothing new is to give up its running flows as well.
func (s *State) moving(d Decision, i int) bool {
	l := s.lines[i]
	return l.config.Failback == Move && !s.left(i, d.Conditions[i]) && !d.Carries(l.config.Name)
}

// sweepAll ends every flow of a line from now on.
func sweepAll(now time.Time, l *line) sweep {
	return sweep{wan: l.config.Name, mark: l.mark(), began: now, full: now, next: now, until: now.Add(resweep)}
}

func newSweep(now time.Time, l *line, c condition) sweep {
	w := sweepAll(now, l)
	if c.Ready && l.verdict.State == health.Down && !l.verdict.Silent.IsZero() {
		w.began = l.verdict.Silent
		w.full = w.began.Add(blip)
	}
	return w
}

// newSweep6 is newSweep for a line whose IPv6 alone has failed.
func newSweep6(now time.Time, l *line) sweep {
	w := sweepAll(now, l)
	w.six = true
	if v := l.six.verdict; l.leads6() && v.State == health.Down && !v.Silent.IsZero() {
		w.began = v.Silent
		w.full = w.began.Add(blip)
	}
	return w
}

// DueSweeps returns the flows to be ended now.
func (s *State) DueSweeps(now time.Time) []Vacate {
	var due []Vacate
	for i := range s.sweeps {
		w := &s.sweeps[i]
		if w.next.After(now) {
			continue
		}
		if l := s.line(w.wan); l != nil && !w.gone {
			w.spare(now, l)
		}
		v := Vacate{WAN: w.wan, Mark: w.mark, OnlyIPv6: w.six, Tell: !w.quiet}
		w.next = now.Add(time.Second)
		if now.Before(w.full) {
			// Whoever spoke since the outage began has lost packets already; the others need not notice.
			v.Idle = now.Sub(w.began) + time.Second
			w.next = w.full
		}
		w.ended = v.Idle == 0
		due = append(due, v)
	}
	s.sweeps = slices.DeleteFunc(s.sweeps, func(w sweep) bool { return w.next.After(w.until) })
	return due
}

// spare puts off the end of idle flows while their line answers again: the outage was a blip, and the line
// will be theirs as soon as it has proved itself.
func (w *sweep) spare(now time.Time, l *line) {
	checked, v := l.checked, l.verdict
	if w.six {
		checked, v = l.six.checked, l.six.verdict
	}
	again := checked && v.State == health.Down && v.Silent.IsZero()
	if again && !w.ended && w.full.After(w.began) && !now.Before(w.full) && now.Before(w.began.Add(proving)) {
		w.full = now.Add(time.Second)
		w.until = w.full.Add(resweep)
	}
}

// ending reports whether IPv6 flows of a line that the house has left are still there: they go on where the line works, as while it is
// drained or its failure rehearsed; else they are being ended, or may be about to. The devices hear of that within a second of the sweep that
// spares none.
func (s *State) ending(now time.Time, d Decision, i int) bool {
	l := s.lines[i]
	if !s.open(d, l) && s.alive6(d, i) && !s.moving(d, i) && now.Before(l.six.left.Add(lingering)) {
		return true
	}
	return now.Before(l.six.left.Add(parting)) || slices.ContainsFunc(s.sweeps, func(w sweep) bool { return w.wan == l.config.Name && !w.gone && now.Before(w.full.Add(parting)) })
}

func (s *State) index(name string) int {
	return slices.IndexFunc(s.lines, func(l *line) bool { return l.config.Name == name })
}
