package pulse

import (
	"fmt"
	"time"
)

// Times and numbers, chosen here. With 50 ms between two beats the verdict falls between 160 and 210 ms after the other router's death.
const (
	enough    = 5                      // beats in a session before their absence counts
	leastHush = 100 * time.Millisecond // of silence, at least 2.5 beats, before the first question
	rounds    = 5                      // of questions before the verdict, at least
	roundMost = 30
	apart     = 17 * time.Millisecond // of two rounds, and of the last from the verdict
	slowest   = time.Second           // between questions that are answered, or to one that is gone
	deafening = time.Second           // of silence, at least 5 beats, before it has a name
	idle      = 10 * time.Second      // without a beat and without a link, the own beats become rare
	forgetful = time.Hour             // until half of what was learned of a bad network is forgotten
	mistaken  = 3 * time.Second       // after the verdict, a sign of life of the same session says that it was wrong
	late      = 20 * time.Millisecond // behind its time a timer does not fire in a process that runs
)

// Machine is what one router thinks of the other, in one session. It has no clock and no socket: its driver says what was heard and when, and
// does what Tick asks for.
type Machine struct {
	name string // of the other router, for people
	pace time.Duration

	state  State
	since  time.Time
	reason string

	heard    int       // beats in a row, as far as that matters
	last     time.Time // the newest beat
	answered time.Time // the newest answer
	heeds    bool      // the other one hears this one
	heedless time.Time // since when it does not; zero: it does
	unlinked bool      // the session's connection has ended without a word
	risen    bool      // one that is gone has answered since

	beat  time.Time     // the next one of ours
	hush  time.Time     // when silence becomes suspicious; zero: it does not
	pause time.Duration // from an answer to the next question
	ask   time.Time     // the next question, or the verdict; zero: none
	asked int           // rounds of this suspicion

	care Care
}

// Care is what was learned of a network that is silent for moments: how many rounds of questions it takes to be sure there. The zero value is of
// a good one.
type Care struct {
	rounds int
	at     time.Time // of the lesson
}

// needs returns how many rounds a verdict takes now.
func (c *Care) needs(now time.Time) int {
	for c.rounds > rounds && now.Sub(c.at) >= forgetful {
		c.rounds, c.at = c.rounds/2, c.at.Add(forgetful)
	}
	return max(c.rounds, rounds)
}

// learn takes the number of rounds that would have been enough.
func (c *Care) learn(now time.Time, enough int) {
	if enough = min(enough, roundMost); enough >= c.needs(now) && enough > rounds {
		*c = Care{enough, now}
	}
}

// Do is what the driver has to do now.
type Do struct {
	Beat bool // send a beat
	Ask  bool // ask the other router's kernel
}

// NewMachine returns the machine of a session with the named router that begins now, with so much time between two beats, and as careful as an
// earlier one has become.
func NewMachine(now time.Time, name string, pace time.Duration, care Care) *Machine {
	return &Machine{
		name: name, pace: pace, care: care, state: Unknown, since: now, beat: now, heedless: now,
		reason: fmt.Sprintf("waiting for signs of life of %s", name),
	}
}

// quiet is how long silence means nothing.
func (m *Machine) quiet() time.Duration { return max(leastHush, 5*m.pace/2) }

// nameable is how long a direction has to be dead before it is named.
func (m *Machine) nameable() time.Duration { return max(deafening, 5*m.pace) }

// Hear takes an authentic beat: how old the newest one of ours was that its sender had heard when it sent it; below 0: it has heard none.
func (m *Machine) Hear(now time.Time, age time.Duration) {
	m.unsuspect(now)
	m.last, m.heard = now, m.heard+1
	m.trust(now.Add(m.quiet()))
	m.pause = 0
	m.heed(now, age)
	if m.state == Gone {
		if now.Sub(m.since) < mistaken {
			m.care.learn(now, 2*m.care.needs(now))
		}
		m.doubt(now, fmt.Sprintf("%s gives signs of life again", m.name))
		m.heard = 1
	}
	m.judge(now)
}

// heed notes whether the other router hears this one.
func (m *Machine) heed(now time.Time, age time.Duration) {
	switch {
	case age >= 0 && age < m.quiet():
		m.heeds, m.heedless = true, time.Time{}
	case age >= m.nameable():
		m.heeds = false
		m.heedless = earliest(m.heedless, now.Add(-age))
	case age < 0 && m.heedless.IsZero():
		m.heedless = now
	}
}

// Answer takes an answer of the other router's kernel, or another proof that its box lives. One that was gone has forgotten everything if it
// only answers: it stays gone until it gives signs of life, or there is another session.
func (m *Machine) Answer(now time.Time) {
	m.unsuspect(now)
	m.answered = now
	switch m.state {
	case Gone:
		m.risen = true
		m.become(now, Gone, fmt.Sprintf("%s answers again, and gives no sign of life: it has been started anew", m.name))
	case Alive, Deaf:
		if !m.ask.IsZero() {
			m.pause = min(max(2*m.pause, m.quiet()), slowest)
			m.trust(now.Add(m.pause - apart)) // it may be as old
		}
		m.judge(now)
	}
}

// unsuspect is told of each proof of life: what was suspected was wrong.
func (m *Machine) unsuspect(now time.Time) {
	if m.state != Gone && !m.ask.IsZero() {
		m.care.learn(now, 2*m.asked+1)
	}
}

// Care returns how careful it has become.
func (m *Machine) Care() Care { return m.care }

// trust ends a suspicion until a time.
func (m *Machine) trust(until time.Time) { m.hush, m.ask, m.asked = until, time.Time{}, 0 }

// Anew is for a driver that stood still for so long: perhaps its whole box did, and could not hear answers, so that it asks again before the
// verdict, twice at least, and after a longer time everything.
func (m *Machine) Anew(now time.Time, still time.Duration) {
	if m.state == Gone || m.ask.IsZero() {
		return
	}
	if m.ask, m.asked = now, min(m.asked, m.care.needs(now)-2); still >= leastHush {
		m.asked = 0
	}
}

// Blind is for a router whose own link is down, or was: it cannot tell who is dead, and not for a while after, since a switch may learn first.
func (m *Machine) Blind(now time.Time) {
	if m.state != Gone {
		m.doubt(now, "this router's own link to the house is or was down")
	}
}

// Unlink is the end of the session's connection without a word: the other router's program may be dead, its box lives until the opposite is
// proven.
func (m *Machine) Unlink(now time.Time) {
	m.unlinked = true
	m.judge(now)
}

// doubt forgets what was known.
func (m *Machine) doubt(now time.Time, reason string) {
	m.heard, m.heeds = 0, false
	m.trust(time.Time{})
	m.become(now, Unknown, reason)
}

// Asking reports whether answers are looked for.
func (m *Machine) Asking() bool { return !m.ask.IsZero() }

// Due returns when the next Tick is wanted.
func (m *Machine) Due() time.Time {
	if m.suspicious() {
		return earliest(m.beat, m.hush)
	}
	return earliest(m.beat, m.ask)
}

// suspicious reports whether silence will raise questions.
func (m *Machine) suspicious() bool { return m.ask.IsZero() && (m.state == Alive || m.state == Deaf) }

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func due(timer, now time.Time) bool { return !timer.IsZero() && !now.Before(timer) }

// Tick does what is due. A driver has told everything that it could hear before, and that it was late.
func (m *Machine) Tick(now time.Time) (do Do) {
	if due(m.beat, now) {
		do.Beat = true
		if m.beat = m.beat.Add(m.rhythm(now)); !m.beat.After(now) {
			m.beat = now.Add(m.rhythm(now))
		}
	}
	if m.suspicious() && due(m.hush, now) {
		m.ask, m.asked = now, 0
	}
	if due(m.ask, now) {
		do.Ask = m.question(now)
	}
	m.judge(now)
	return do
}

// rhythm is the time between two beats of ours: rare ones where nobody has listened for long.
func (m *Machine) rhythm(now time.Time) time.Duration {
	if m.unlinked && now.Sub(m.last) > idle {
		return max(m.pace, slowest)
	}
	return m.pace
}

// question asks, or passes the verdict.
func (m *Machine) question(now time.Time) (ask bool) {
	switch {
	case m.state == Gone:
		m.ask = now.Add(slowest)
		return true
	case m.asked < m.care.needs(now):
		m.asked++
		m.ask = now.Add(apart)
		return true
	}
	m.heard, m.heeds, m.risen = 0, false, false
	m.become(now, Gone, fmt.Sprintf("%s gives no sign of life and answers nothing", m.name))
	m.ask = now.Add(slowest)
	return false
}

// judge names what is wrong with one that lives.
func (m *Machine) judge(now time.Time) {
	if m.state == Unknown && m.heard >= enough {
		m.become(now, Alive, "")
	}
	if m.state != Alive && m.state != Deaf {
		return
	}
	silent := now.Sub(m.last) >= m.nameable()
	if silent {
		m.heard = 0
	}
	switch {
	case silent && m.unlinked:
		m.become(now, Alive, fmt.Sprintf("%s answers, but Twinpath there does not", m.name))
	case silent && m.answered.After(m.last):
		m.become(now, Deaf, fmt.Sprintf("the signs of life of %s do not reach this router, though it answers", m.name))
	case m.state == Deaf && m.heard < enough:
	case !m.heedless.IsZero() && now.Sub(m.heedless) >= m.nameable():
		m.become(now, Deaf, fmt.Sprintf("what this router sends does not reach %s", m.name))
	case !silent:
		m.become(now, Alive, "")
	}
}

func (m *Machine) become(now time.Time, s State, reason string) {
	m.reason = reason
	if s != m.state {
		m.state, m.since = s, now
	}
}

// Age returns how long ago the newest beat was heard.
func (m *Machine) Age(now time.Time) time.Duration {
	if m.last.IsZero() {
		return 0
	}
	return now.Sub(m.last)
}

// View returns what is thought of the other router.
func (m *Machine) View() View {
	hears := m.state == Alive && m.reason == "" || m.state == Deaf && m.heard >= enough
	return View{State: m.state, Hears: hears, Heard: m.heeds, Risen: m.state == Gone && m.risen, Since: m.since, Reason: m.reason}
}
