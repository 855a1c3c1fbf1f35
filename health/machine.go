package health

import "time"

// Outcome is what became of a probe.
type Outcome uint8

const (
	NoOutcome  Outcome = iota
	Answered           // the target said what it should
	Missed             // no answer, or one that counts as none
	Redirected         // a login page answered in the target's place
)

func (o Outcome) String() string {
	return [...]string{"none", "answered", "missed", "redirected"}[min(o, Redirected)]
}

// Probe asks for one probe to be sent now.
type Probe struct {
	Check int    // index into Config.Checks
	Seq   uint64 // counts this check's probes, from 1
	// Patience is when the Machine counts it as missed by itself. The prober waits until Config.Timeout
	// all the same: an answer that comes between the two takes the miss back.
	Patience time.Duration
}

// Sample is what became of one Probe.
type Sample struct {
	Check   int
	Seq     uint64
	Outcome Outcome
	RTT     time.Duration // of an answer
	Reason  string        // of anything else: "connection refused"
}

const (
	// leastPatience and patienceFactor: three times the longest recent round trip leaves room for a full
	// queue; 250 ms is a retransmission on a radio link (chosen here, so that three misses 200 ms apart
	// and the first one's wait fit into the two seconds of the issue).
	leastPatience  = 250 * time.Millisecond
	patienceFactor = 3

	// leastLateness and latenessFactor say when an answer is late enough to look at the other checks too;
	// a false alarm costs one probe each.
	leastLateness  = 100 * time.Millisecond
	latenessFactor = 2
)

// Machine decides whether one WAN works. It is pure: every method takes the time, which must not run
// backwards (time.Now's monotonic reading does not). It is for one goroutine.
type Machine struct {
	config Config
	tracks []track
	state  State
	now    time.Time
	began  time.Time // of the latest suspicion
	epoch  time.Time // of the grid of regular probe times
	probes []Probe   // of the latest Due
	shown  face
	faces  uint64 // counts changes of shown
	tally  *Tally // nil: nobody counts
}

// NewMachine returns a Machine whose first probes are due at now. With suspect (after a carrier or lease loss) every check
// starts as failing and the WAN is down until they pass; otherwise a check passes with its first answer.
// Zero fields of config take their defaults.
func NewMachine(config Config, now time.Time, suspect bool) *Machine {
	m := &Machine{config: config.WithDefaults(), now: now}
	m.tracks = make([]track, len(m.config.Checks))
	n := time.Duration(len(m.tracks))
	for i := range m.tracks {
		t := &m.tracks[i]
		t.check = m.config.Checks[i]
		t.next = now.Add(m.config.Confirm / n * time.Duration(i))
		t.known = suspect
		t.rising = suspect
	}
	m.Align(now)
	if suspect {
		m.state = Down
	}
	return m
}

// beats is how often in an interval some of the checks are probed. Waking costs more than probing: with one beat for each
// of four checks, two WANs took 2.4 ms of processor time a second, with two beats 1.5. A blackout waits half an interval
// at most for its first lost probe.
const beats = 2

// Align moves the regular probe times onto a grid that starts at epoch. Machines with the same grid and interval
// want to be woken at the same moments: what waking costs is paid once.
func (m *Machine) Align(epoch time.Time) { m.epoch = epoch }

// Due returns the probes to send now. The slice is good until the next call.
func (m *Machine) Due(now time.Time) []Probe {
	m.now = now
	m.expire()
	m.settle()
	m.probes = m.probes[:0]
	for i := range m.tracks {
		t := &m.tracks[i]
		if t.next.After(now) {
			continue
		}
		if t.window.full() {
			t.next = now.Add(m.config.Confirm)
			continue
		}
		patience := m.patience(t)
		seq := t.window.add(now, patience)
		t.next = m.following(t)
		m.probes = append(m.probes, Probe{Check: i, Seq: seq, Patience: patience})
	}
	return m.probes
}

// Wake returns when Due must be called next.
func (m *Machine) Wake() time.Time {
	wake := m.tracks[0].next
	for i := range m.tracks {
		t := &m.tracks[i]
		wake = earlier(wake, t.next)
		t.window.pendings(func(s *shot) {
			wake = earlier(wake, s.sent.Add(s.patience))
			if !s.late {
				wake = earlier(wake, s.sent.Add(m.lateness(t, s)))
			}
		})
	}
	return wake
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Observe takes what became of a probe. What it does not remember, or hears twice, it ignores.
func (m *Machine) Observe(now time.Time, s Sample) {
	m.now = now
	if s.Check < 0 || s.Check >= len(m.tracks) {
		return
	}
	t := &m.tracks[s.Check]
	shot := t.window.get(s.Seq)
	if shot == nil || shot.fate == answered || shot.fate == forgotten {
		return
	}
	m.tally.Count(s)
	switch {
	case s.Outcome == Answered:
		m.answer(t, shot, s.RTT)
	case shot.fate == missed:
		t.reason = s.Reason // counted already; now there is a cause
	case s.Outcome == Missed || s.Outcome == Redirected:
		m.miss(s.Check, shot, s.Outcome, s.Reason)
	}
	m.settle()
}

// Suspect takes a hint of trouble from elsewhere: every check is probed at once, then every confirm until it answers.
func (m *Machine) Suspect(now time.Time) {
	m.now = now
	m.suspect(0)
}

// Forget drops the probes that are still out: nobody looked for their answers, because the process was stopped.
func (m *Machine) Forget(now time.Time) {
	m.now = now
	for i := range m.tracks {
		m.tracks[i].window.pendings(func(s *shot) { s.fate = forgotten })
	}
}

// expire counts probes as missed that ran out of patience, and looks closer at late ones.
func (m *Machine) expire() {
	for i := range m.tracks {
		t := &m.tracks[i]
		t.window.pendings(func(s *shot) {
			waited := m.now.Sub(s.sent)
			if !s.late && waited >= m.lateness(t, s) {
				s.late = true
				if m.alarming(t) {
					m.suspect(i)
				}
			}
			if waited >= s.patience {
				m.miss(i, s, Missed, "")
			}
		})
	}
}

// suspect probes every check at confirm, the i-th first, until each has answered or is steadily silent.
func (m *Machine) suspect(i int) {
	m.began = m.now
	n := len(m.tracks)
	for j := range m.tracks {
		t := &m.tracks[j]
		// Spread over one confirm, so that one full queue does not swallow all of them together.
		soon := m.now.Add(m.config.Confirm / time.Duration(n) * time.Duration((j-i+n)%n))
		if s := t.window.get(t.window.last); s != nil && s.sent.Add(m.config.Confirm).After(soon) {
			soon = s.sent.Add(m.config.Confirm)
		}
		t.next = earlier(t.next, soon)
	}
}

// following returns when the probe after the one just sent is due.
func (m *Machine) following(t *track) time.Time {
	if m.restless(t) {
		return m.now.Add(min(m.config.Confirm, m.config.Interval))
	}
	return m.slot(t)
}

// slot returns the next regular probe time of a check: that of its beat.
func (m *Machine) slot(t *track) time.Time {
	from := m.now.Add(m.config.Confirm / 2) // not right after one of a burst
	first := m.epoch.Add(m.config.Interval / beats * time.Duration(m.beat(t)))
	if from.Before(first) {
		return first
	}
	steps := from.Sub(first)/m.config.Interval + 1
	return first.Add(steps * m.config.Interval)
}

// beat deals the checks out to the beats in turn. Dead targets are left out: one that has a beat to itself would
// leave the line unwatched for it.
func (m *Machine) beat(t *track) int {
	before := 0
	for i := range m.tracks {
		if &m.tracks[i] == t {
			break
		}
		if m.tracks[i].run < m.steady() {
			before++
		}
	}
	return before % beats
}

// restless reports whether the check is probed at confirm: it misses, for how long is still open, or the WAN is under
// suspicion and the check has not answered since. A steadily dead target is not worth a burst.
func (m *Machine) restless(t *track) bool {
	switch {
	case t.run >= m.steady():
		return false
	case t.run > 0:
		return t.watched
	}
	return !m.began.IsZero() && t.heard.Before(m.began)
}

func (m *Machine) patience(t *track) time.Duration {
	if t.longest == 0 {
		return m.config.Timeout
	}
	return min(m.config.Timeout, max(leastPatience, patienceFactor*t.longest))
}

func (m *Machine) lateness(t *track, s *shot) time.Duration {
	if t.longest == 0 {
		return min(s.patience, leastPatience)
	}
	return min(s.patience, max(leastLateness, latenessFactor*t.longest))
}
