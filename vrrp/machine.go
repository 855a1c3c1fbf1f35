package vrrp

import (
	"net/netip"
	"slices"
	"time"
)

// Machine is one election (RFC 9568 §6.4; RFC 3768 §6.4 for version 2). It has no clock, no socket and no goroutine: Step
// is told the time and returns what to do.
type Machine struct {
	key      Key
	settings Settings
	out      *[]Action // what the current step wants done; a Group's machines share its own

	state  State
	since  time.Time
	reason string

	ready   bool      // started, not stopped, not blocked
	binding bool      // blocked so that its group may not take over either, though it is not in fault
	started time.Time // first ready since the last stop
	resumed bool
	met     bool // anybody was heard since the last stop

	// Of everyone but the Active.
	standing standing
	peer     peer
	interval time.Duration // RFC: Active_Adver_Interval; zero: not learned
	lowSince time.Time     // the first lower Active in a row, for PreemptDelay
	armed    time.Time     // when down was set
	down     time.Time     // RFC: Active_Down_Timer; zero in a ready Backup: the election is won
	won      string        // why it was
	grace    time.Time     // until then a won election waits all the same; zero: it does not

	holding bool
	keep    time.Time // end of holding without being Active; zero: none

	// Of the Active.
	advert    time.Time // RFC: Adver_Timer
	sent      time.Time // the last advert
	hurry     time.Time // until then adverts come at haste
	lonely    bool      // took over so early after its start that it may have been deaf
	announced time.Time
	repeat    time.Time // the next announcement after a conflict
}

// peer is the Active as a Backup knows it.
type peer struct {
	Heard
	at   time.Time
	peak uint8 // its highest priority since it became Active
}

// standing says what a router that is not Active thinks of the Active.
type standing uint8

const (
	alone    standing = iota // nobody was heard
	deaf                     // nobody, but it was in fault until now and may not have been able to
	followed                 // its adverts hold us back
	beaten                   // we are about to take over from it
	departed                 // it said priority 0
)

func (s standing) String() string {
	return [...]string{"alone", "deaf", "followed", "beaten", "departed"}[s]
}

// NewMachine returns the machine of one election. It waits until it is started.
func NewMachine(now time.Time, key Key, s Settings) *Machine {
	return &Machine{
		key: key, settings: s, out: new([]Action),
		state: Waiting, since: now, reason: "not started yet",
	}
}

// Step takes one event and returns what to do, in this order. The slice is valid until the next call. Timers run only in a
// Tick, so that a driver that comes late can first tell what was heard meanwhile.
func (m *Machine) Step(now time.Time, e Event) []Action {
	*m.out = (*m.out)[:0]
	m.apply(now, e)
	if m.wins() {
		m.becomeActive(now, m.won, !m.met)
	}
	return *m.out
}

// apply is Step without taking over, which a group decides.
func (m *Machine) apply(now time.Time, e Event) {
	switch e.Kind {
	case Start, Unblock:
		m.begin(now, e.Resume)
	case Stop:
		m.end(now, e)
	case Block:
		m.block(now, e)
	case Hear:
		m.hear(now, e.Heard)
	case Configure:
		m.configure(now, e.Settings)
	case Tick:
		m.tick(now)
	}
}

// wins reports whether nothing in this election stands in the way of being Active.
func (m *Machine) wins() bool {
	return m.ready && m.state == Backup && m.down.IsZero() && m.grace.IsZero()
}

// held reports whether a live Active is to be left alone, for a while at least, or has to be looked for first.
func (m *Machine) held() bool {
	if !m.ready || m.state != Backup {
		return false
	}
	return !m.grace.IsZero() || !m.down.IsZero() && (m.standing == followed || m.standing == deaf)
}

// Due returns when the next Tick is wanted, zero for never.
func (m *Machine) Due() time.Time {
	due := earlier(earlier(m.down, m.grace), m.keep)
	return earlier(due, earlier(m.advert, m.repeat))
}

// earlier returns the earlier of two times of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// due reports whether a timer has run out.
func due(timer, now time.Time) bool { return !timer.IsZero() && !now.Before(timer) }

func (m *Machine) tick(now time.Time) {
	if due(m.keep, now) {
		m.release()
	}
	if due(m.down, now) {
		m.expire(now)
	}
	if due(m.grace, now) {
		m.grace = time.Time{}
	}
	if due(m.advert, now) {
		m.advertise(now, m.settings.Priority)
	}
	if due(m.repeat, now) {
		m.announce(now, "another router was Active too")
	}
}

// View is what can be seen of one election.
type View struct {
	State          State
	Since          time.Time
	Reason         string
	Holding        bool       // the virtual addresses are to be here
	Active         netip.Addr // who is Active as far as we know, ourselves included; invalid: nobody heard
	ActivePriority uint8
	Priority       uint8
	Settings       Settings
	Due            time.Time // when this election's next timer runs out; zero: never
}

// View returns what can be seen of the election.
func (m *Machine) View() View {
	v := View{
		State: m.state, Since: m.since, Reason: m.reason, Holding: m.holding,
		Active: m.peer.Source, ActivePriority: m.peer.Priority,
		Priority: m.settings.Priority, Settings: m.settings, Due: m.Due(),
	}
	switch {
	case m.state == Active:
		v.Active, v.ActivePriority = m.settings.Source, m.settings.Priority
	case m.standing == departed:
		v.Active, v.ActivePriority = netip.Addr{}, 0
	}
	return v
}

func (m *Machine) do(a Action) {
	a.Member = m.key
	*m.out = append(*m.out, a)
}

// become tells of a transition. It comes after everything the transition does. Two in one step are told as one.
func (m *Machine) become(now time.Time, to State, reason string) {
	from := m.state
	m.reason = reason
	if from == to {
		return
	}
	m.state, m.since = to, now
	for i, a := range *m.out {
		if a.Kind == Tell && a.Member == m.key {
			from = a.From
			*m.out = slices.Delete(*m.out, i, i+1)
			break
		}
	}
	m.do(Action{Kind: Tell, From: from, To: to, Reason: reason})
}
