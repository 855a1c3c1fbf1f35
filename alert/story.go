package alert

import (
	"fmt"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// muted reports whether something else explains an incident, so that it is not told for itself.
func (m *Machine) muted(t *thread) bool {
	cause := t.Incident.Cause
	switch {
	case m.rehearsal && (isLine(cause) || cause == router.CauseVRRP):
		return true
	case cause == router.CauseOffline:
		return false
	case cause == router.CauseMetered:
		return m.drained || m.stirred() || m.any(router.CauseOffline, router.CauseWAN, router.CausePortal, router.CauseUnsure)
	case cause == router.CauseClock:
		return m.any(router.CauseOffline) // there is nobody to ask what time it is
	case isLine(cause):
		u := m.unrests[t.Incident.WAN]
		return u != nil && u.On || m.any(router.CauseOffline)
	}
	return false
}

// begins tells what has gone on for long enough.
func (m *Machine) begins(now time.Time) []Letter {
	var letters []Letter
	var lines []*thread
	line := false
	for _, t := range m.threads {
		if !t.open() || t.Told || t.Planned {
			continue
		}
		if m.muted(t) {
			t.Free = time.Time{}
			continue
		}
		if t.Free.IsZero() {
			t.Free = now
		}
		due := m.due(now, later(t.Free.Add(m.enough(t.Incident.Cause)), m.settled()))
		switch {
		case isLine(t.Incident.Cause):
			lines, line = append(lines, t), line || due
		case due:
			letters = append(letters, m.begin(now, []*thread{t})...)
		}
	}
	if line {
		// Another line that fails in the same minute is the same story.
		lines = slices.DeleteFunc(lines, func(t *thread) bool { return now.Sub(t.Free) < m.wait/2 })
		letters = append(letters, m.begin(now, lines)...)
	}
	return letters
}

// enough is how long an incident has to go on now. While a line is unstable the other may fail for a moment again and again, too.
func (m *Machine) enough(c router.Cause) time.Duration {
	if c == router.CauseOffline && m.stirred() {
		return 5 * m.wait
	}
	return m.patience(c)
}

// begin tells these, with what came of them.
func (m *Machine) begin(now time.Time, threads []*thread) []Letter {
	lead := slices.MinFunc(threads, func(a, b *thread) int { return rank(a.Incident.Cause) - rank(b.Incident.Cause) })
	if m.twin(now, lead.Heard, lead.Incident) {
		lead.Told, lead.Owed = true, false
		return nil
	}
	for _, t := range threads {
		t.Told, t.Owed = true, true
	}
	if isLine(lead.Incident.Cause) {
		threads = append(threads, m.consequences(lead)...)
	}
	l := m.letter(Began, threads)
	for _, t := range threads {
		t.Letter, t.Leads = l.ID, t == lead
	}
	m.explain(now, &l)
	return []Letter{l}
}

// consequences are the metered lines that carry the house because of what a letter tells, and the lines that are down, too, where no line works.
func (m *Machine) consequences(lead *thread) []*thread {
	var all []*thread
	for _, t := range m.threads {
		if t == lead || !t.open() || t.Told || t.Planned {
			continue
		}
		switch {
		case t.is(router.CauseMetered) && !lead.is(router.CauseIdle, router.CauseMetered):
			t.Told = true // and its end is no news
			all = append(all, t)
		case isLine(t.Incident.Cause) && lead.is(router.CauseOffline):
			t.Told, t.Owed = true, true
			all = append(all, t)
		}
	}
	return all
}

// explain takes the moves of virtual addresses into a letter about lines or about the two routers, and mutes those to come.
func (m *Machine) explain(now time.Time, l *Letter) {
	lead := l.lead()
	if !isLine(lead.Cause) && lead.Cause != router.CausePeer && lead.Cause != router.CauseTwo {
		return
	}
	m.lineTold = now
	m.held = slices.DeleteFunc(m.held, func(h held) bool {
		mine := h.Incident.Cause == router.CauseVRRP
		if mine && len(l.Incidents) < most {
			l.Incidents = append(l.Incidents, h.Incident)
		}
		return mine
	})
}

// ends tells what is over, of which the beginning was told.
func (m *Machine) ends(now time.Time) []Letter {
	var letters []Letter
	var lines []*thread
	for _, t := range m.threads {
		switch {
		case t.open() || t.Closed:
		case isLine(t.Incident.Cause):
			lines = append(lines, t)
		case m.due(now, t.Over.Add(m.rest(t))):
			letters = append(letters, m.end(now, []*thread{t})...)
		}
	}
	if len(lines) == 0 {
		return letters
	}
	// What explains the others says when they are told.
	lead := slices.MinFunc(lines, func(a, b *thread) int { return rank(a.Incident.Cause) - rank(b.Incident.Cause) })
	if m.due(now, lead.Over.Add(m.rest(lead))) {
		letters = append(letters, m.end(now, lines)...)
	}
	return letters
}

// rest is how long an end waits for others that belong to it.
func (m *Machine) rest(t *thread) time.Duration {
	switch {
	case t.is(router.CauseMetered):
		return 3 * m.gather // that of the line which is back says it
	case t.is(router.CausePeer):
		return 2 * m.gather // the other router will say why
	case t.is(router.CauseOffline) && m.any(router.CauseWAN, router.CausePortal, router.CauseIdle):
		return m.wait // the lines come back one by one
	}
	return m.tail
}

// end tells these, and in a letter about lines also which are still down.
func (m *Machine) end(now time.Time, threads []*thread) []Letter {
	for _, t := range threads {
		t.Closed = true
	}
	if slices.IndexFunc(threads, func(t *thread) bool { return !t.is(router.CauseMetered) }) < 0 && m.endTold.After(threads[0].Over.Add(-m.hold)) {
		return nil
	}
	l := m.letter(Ended, threads)
	if isLine(l.lead().Cause) {
		m.endTold = now
		for _, t := range m.threads {
			if t.open() && !t.Planned && t.is(router.CauseWAN, router.CausePortal, router.CauseIdle, router.CauseUnsure) && len(l.Incidents) < most {
				l.Incidents = append(l.Incidents, t.Incident)
				t.Told, t.Owed = true, !t.is(router.CauseUnsure) // that a line is used again after some minutes is no news
			}
		}
	}
	m.explain(now, &l)
	return []Letter{l}
}

// reminders tell once a day that the house is still on a metered line, or has no second way.
func (m *Machine) reminders(now time.Time) []Letter {
	if m.remind <= 0 {
		return nil
	}
	var all []*thread
	due := false
	for _, t := range m.threads {
		metered := t.is(router.CauseMetered)
		if !t.open() || t.Absent || !t.Told && !(metered && m.drained) || !metered && !t.is(router.CauseIdle, router.CauseWAN, router.CausePortal, router.CausePeer) {
			continue
		}
		all = append(all, t)
		due = m.due(now, later(t.Heard, m.reminded).Add(m.remind)) || due
	}
	if !due {
		return nil
	}
	m.reminded = now
	l := m.letter(Still, all)
	l.ID = fmt.Sprintf("%s/%s", l.ID, now.UTC().Format("20060102T1504"))
	l.Note = ""
	for _, t := range all {
		if t.is(router.CauseMetered) {
			t.Told, t.Owed, l.Note = true, true, m.used[t.Incident.WAN]
		}
	}
	return []Letter{l}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
