package alert

import (
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// moment takes in what has no length.
func (m *Machine) moment(now time.Time, i router.Incident) {
	const bound = 50
	if slices.Contains(m.past, i.ID) || len(m.held) >= bound {
		return
	}
	m.past = append(m.past[max(0, len(m.past)-2*bound):], i.ID)
	if i.Cause == router.CauseVRRP && (m.drained || m.rehearsal || i.Blame == router.BlameOwner || now.Before(m.settled())) {
		return // the owner wants it, or it is what a start looks like
	}
	m.held, m.fresh = append(m.held, held{i, now}), true
}

// moments tells those that have waited for their company.
func (m *Machine) moments(now time.Time) []Letter {
	var others, moves []held
	other, move := false, false
	for _, h := range m.held {
		if h.Incident.Cause == router.CauseVRRP {
			moves, move = append(moves, h), m.due(now, h.At.Add(m.hold)) || move
		} else {
			others, other = append(others, h), m.due(now, h.At.Add(m.gather)) || other
		}
	}
	var letters []Letter
	if other {
		letters = append(letters, m.together(others))
		m.let(others)
	}
	if move {
		m.let(moves)
		letters = append(letters, m.moved(now, moves)...)
	}
	return letters
}

// together is one letter about several moments, the one that explains the most first.
func (m *Machine) together(all []held) Letter {
	threads := make([]*thread, len(all))
	for i, h := range all {
		threads[i] = &thread{Incident: h.Incident}
	}
	return m.letter(Happened, threads)
}

// let drops moments that are done with.
func (m *Machine) let(done []held) {
	m.held = slices.DeleteFunc(m.held, func(h held) bool {
		return slices.ContainsFunc(done, func(d held) bool { return d.Incident.ID == h.Incident.ID })
	})
}

// moved tells of virtual addresses that nothing has explained, and that did not come back meanwhile.
func (m *Machine) moved(now time.Time, moves []held) []Letter {
	for _, t := range m.threads {
		if t.is(router.CausePeer) && t.open() && !t.Told && !t.Absent {
			m.held = append(m.held, moves...) // it is about to say why
			return nil
		}
	}
	moves = slices.DeleteFunc(moves, func(h held) bool { return !m.lineTold.IsZero() && m.lineTold.Sub(h.At).Abs() <= m.hold })
	if len(moves) == 0 || !m.due(now, moves[0].At.Add(m.hold)) {
		m.held = append(m.held, moves...)
		return nil
	}
	if m.stirred() || now.Sub(m.abroad) < 2*digestGap {
		return nil
	}
	var news []held
	for _, name := range names(moves) {
		states := path(moves, name)
		for _, h := range states {
			if h.Incident.State == "active" {
				m.stir(now, virtual(name), &unrest{Name: name, VRRP: true, Since: h.Incident.Start}, 1)
			}
		}
		last := states[len(states)-1]
		if u := m.unrests[virtual(name)]; u != nil && u.On || len(states)%2 == 0 || m.twin(now, last.At, last.Incident) {
			continue
		}
		news = append(news, last)
	}
	if len(news) == 0 {
		return m.stirs(now)
	}
	return append(m.stirs(now), m.together(news))
}

func names(moves []held) []string {
	var all []string
	for _, h := range moves {
		if !slices.Contains(all, h.Incident.VRRP) {
			all = append(all, h.Incident.VRRP)
		}
	}
	return all
}

// path are the states that a virtual router went through, each once: its two families say it twice.
func path(moves []held, name string) []held {
	var all []held
	for _, h := range moves {
		if h.Incident.VRRP == name && (len(all) == 0 || all[len(all)-1].Incident.State != h.Incident.State) {
			all = append(all, h)
		}
	}
	return all
}

// twin is what the other router has told, and what this one may have seen as well.
type twin struct {
	Cause router.Cause `json:"cause"`
	VRRP  string       `json:"vrrp,omitempty"`
	State string       `json:"state,omitempty"`
	At    time.Time    `json:"at"`
}

// shared reports whether both routers of a pair see the same when it happens to one.
func shared(i router.Incident) bool {
	return i.Cause == router.CausePeer || i.Cause == router.CauseTwo || i.Cause == router.CauseVRRP && i.Moment
}

// twin reports whether the other router has told the same as was seen here at a time. Of a move one sees that it became Active, the
// other that it is not any more.
func (m *Machine) twin(now, at time.Time, i router.Incident) bool {
	return shared(i) && slices.ContainsFunc(m.twins, func(t twin) bool {
		if t.Cause != i.Cause || t.VRRP != i.VRRP {
			return false
		}
		if i.Cause == router.CauseVRRP {
			return t.State != i.State && at.Sub(t.At).Abs() <= m.hold
		}
		return now.Sub(t.At) < m.hold+remembered/2
	})
}

// Heed takes note of a letter that the other router has handed over, and reports whether this one has told the same, or will.
func (m *Machine) Heed(now time.Time, l Letter) bool {
	if u := l.Unrest; u != nil && !u.VRRP {
		m.lineTold, m.abroad = now, now
		if l.Stage == Stable {
			m.abroad = time.Time{}
		}
	}
	if len(l.Incidents) == 0 {
		return false
	}
	lead := l.Incidents[0]
	if isLine(lead.Cause) {
		m.lineTold = now
	}
	same := !slices.ContainsFunc(l.Incidents, func(i router.Incident) bool { return !m.mine(now, i) })
	for _, i := range l.Incidents {
		if shared(i) && !same {
			m.twins = append(m.twins[max(0, len(m.twins)-50):], twin{i.Cause, i.VRRP, i.State, now})
		}
	}
	return same || m.answered(now, l)
}

// mine reports whether this router has seen the same for itself.
func (m *Machine) mine(now time.Time, i router.Incident) bool {
	if !shared(i) {
		return false
	}
	if i.Cause == router.CauseVRRP {
		return slices.ContainsFunc(m.held, func(h held) bool { return h.Incident.Cause == i.Cause && h.Incident.VRRP == i.VRRP }) ||
			!m.lineTold.IsZero() && now.Sub(m.lineTold) < m.hold
	}
	return slices.ContainsFunc(m.threads, func(t *thread) bool { return t.Incident.Cause == i.Cause && t.Incident.VRRP == i.VRRP })
}

// answered takes the other router's account of where it was into the message that it is back, if that is still to be written.
func (m *Machine) answered(now time.Time, l Letter) bool {
	if l.Incidents[0].Cause != router.CauseRestart && l.Incidents[0].Cause != router.CauseUpdate {
		return false
	}
	for _, t := range m.threads {
		if t.is(router.CausePeer) && !t.Closed && t.Told {
			t.Note = l.Incidents[0].Sentence
			return true
		}
	}
	return false
}
