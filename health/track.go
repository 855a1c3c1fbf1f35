package health

import "time"

// track is what a Machine knows of one check.
type track struct {
	check  Check
	window window
	next   time.Time // its next probe

	known   bool // it has a verdict
	ok      bool // the verdict
	rising  bool // failing, but answering again for a while
	captive bool // a login page answers in its place
	watched bool // its run began while it, or nothing at all, passed
	flaky   bool
	lossy   bool // it loses a good part of its probes, see lossyFrom

	lost, decided int // in the window

	run       int       // misses in a row, in the order of sending
	first     uint64    // the probe that began the run
	since     time.Time // when that one was sent
	streak    int       // answers in a row
	latest    Outcome
	alike     int           // outcomes in a row that equal latest
	longest   time.Duration // recent round trip
	heardLast uint64        // the newest answered probe
	heard     time.Time     // when that one was sent
	fell      uint64        // the probe that began the run that made it fail
	reason    string        // of the latest miss; empty: no answer
}

func (t *track) outcome(o Outcome) {
	if t.latest != o {
		t.latest, t.alike = o, 0
	}
	t.alike++
}

// answer takes an answer, be it later than patience or out of order.
func (m *Machine) answer(t *track, s *shot, rtt time.Duration) {
	repairs := s.fate == missed
	s.fate, s.late, s.rtt = answered, true, rtt
	t.longest = t.window.recent()
	if s.seq > t.heardLast {
		t.heardLast, t.heard = s.seq, s.sent
		m.rerun(t, s, repairs)
	}
	t.streak++
	t.outcome(Answered)
	switch {
	case !t.known, !t.ok && t.streak >= m.config.Rise:
		t.pass()
	case !t.ok && t.streak >= m.config.Fall:
		t.rising = true
	}
	t.weigh()
	if !m.restless(t) && t.next.After(m.now) && t.next.Sub(t.window.get(t.window.last).sent) <= m.config.Interval/2 {
		t.next = m.slot(t) // it was planned by a burst that is over
	}
}

// rerun counts the run of misses again after the answer to s: only probes sent after s are in it.
func (m *Machine) rerun(t *track, s *shot, repairs bool) {
	n, shot := t.window.misses(s.seq + 1)
	t.run = n
	if n > 0 {
		t.first, t.since = shot.seq, shot.sent
	}
	// The misses that made the check fail were no misses: a sudden delay, not a silence.
	if repairs && !t.ok && t.fell > 0 && s.seq >= t.fell && s.seq < t.fell+uint64(m.config.Fall) && n < m.config.Fall {
		t.pass()
	}
}

func (t *track) pass() { t.known, t.ok, t.rising, t.captive, t.fell = true, true, false, false, 0 }

// miss takes a probe without a good answer.
func (m *Machine) miss(i int, s *shot, o Outcome, reason string) {
	t := &m.tracks[i]
	s.fate, s.late = missed, true
	t.streak = 0
	t.reason = reason
	t.outcome(o)
	if t.alike >= m.config.Fall {
		t.captive = o == Redirected
	}
	t.weigh()
	if s.seq < t.heardLast {
		return // a later one was answered
	}
	if t.run == 0 {
		t.first, t.since, t.watched = s.seq, s.sent, m.alarming(t)
	}
	t.run++
	if t.run >= m.config.Fall {
		if t.ok || !t.known {
			t.fell = t.first
		}
		t.known, t.ok, t.rising = true, false, false
	}
	if t.watched && t.run < m.steady() {
		m.suspect(i)
	}
}

// alarming reports whether a miss of this check says something new of the WAN: it passed so far, or none does.
func (m *Machine) alarming(t *track) bool {
	if t.run > 0 {
		return t.watched && t.run < m.steady()
	}
	if !t.known || t.ok {
		return true
	}
	for i := range m.tracks {
		if m.tracks[i].ok {
			return false
		}
	}
	return true
}

// A check that loses a quarter of its probes while each other one loses less than a twentieth is flaky, though it
// may never miss fall in a row; it stays so until it is down to a tenth (chosen here).
const (
	lossyFrom  = 0.25
	lossyUntil = 0.10
	wellBelow  = 0.05
	lossyLeast = 20 // probes, before shares mean something
)

// weigh brings the loss up to date.
func (t *track) weigh() {
	t.lost, t.decided = 0, 0
	for i := range t.window.shots {
		switch t.window.shots[i].fate {
		case answered:
			t.decided++
		case missed:
			t.lost++
			t.decided++
		}
	}
	loss := share(t.lost, t.decided)
	t.lossy = t.decided >= lossyLeast && (loss >= lossyFrom || t.lossy && loss >= lossyUntil)
}
