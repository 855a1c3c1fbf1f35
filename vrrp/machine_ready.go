package vrrp

import (
	"fmt"
	"time"
)

// begin makes the election run. It is over at once for the owner (RFC 9568 §6.4.1), for an engine that resumes, and for a
// router whose addresses nobody has taken over since it said priority 0.
func (m *Machine) begin(now time.Time, resume bool) {
	if m.ready {
		return
	}
	m.ready, m.binding = true, false
	if m.started.IsZero() {
		m.started, m.resumed = now, resume
	}
	learned := m.settings.Interval
	if m.standing == followed && !m.down.IsZero() {
		learned = m.learned()
	} else {
		m.forget()
		if m.state == Fault {
			m.standing = deaf
		}
	}
	m.arm(now, m.settings.downInterval(learned))
	reason := fmt.Sprintf("listening for %s", seconds(m.down.Sub(now)))
	switch {
	case m.holding:
		m.win("nobody has taken over")
	case resume:
		m.win("it was Active before the engine was started again")
	case m.settings.Priority == Owner:
		m.win("it owns the addresses (priority 255)")
	}
	m.become(now, Backup, reason)
}

// win ends the election without waiting.
func (m *Machine) win(reason string) { m.down, m.won = time.Time{}, reason }

func (m *Machine) end(now time.Time, e Event) {
	if e.Reason == "" {
		e.Reason = "stopped"
	}
	m.leave(now, Waiting, e)
	m.started, m.met, m.binding = time.Time{}, false, false
}

func (m *Machine) block(now time.Time, e Event) {
	state := e.State
	if state != Fault {
		state = Waiting
	}
	m.binding = e.Binding
	m.leave(now, state, e)
}

// leave takes the router out of the election.
func (m *Machine) leave(now time.Time, to State, e Event) {
	wasReady := m.ready
	m.ready = false
	switch {
	case m.state == Active:
		m.yield(now, to, e.Keep, e.Reason)
	case m.holding && e.Keep == 0:
		m.release()
	case m.holding && e.Keep > 0:
		m.keep = earlier(m.keep, now.Add(e.Keep))
	}
	if wasReady && !m.peer.Source.IsValid() {
		m.down = time.Time{}
	}
	m.become(now, to, e.Reason)
}

func (m *Machine) configure(now time.Time, s Settings) {
	old := m.settings
	m.settings = s
	if m.state == Active {
		m.reconfigured(now, old)
		return
	}
	// An advert that was lower a moment ago may be no longer.
	if m.standing == beaten && m.peer.Priority >= s.Priority {
		m.follow(now)
	}
	if m.standing == beaten && s.Grace != old.Grace {
		m.wait(now)
	}
	if s.Gone.IsValid() && s.Gone != old.Gone {
		m.bury()
	}
	// Nobody was heard yet, and the better of two that boot together must not come second for having been worse.
	if (m.standing == alone || m.standing == deaf) && !m.down.IsZero() && s.Priority != old.Priority {
		m.down = m.armed.Add(s.downInterval(s.Interval))
		if m.down.Before(now) {
			m.down = now
		}
	}
}

// release takes the addresses off.
func (m *Machine) release() {
	m.keep = time.Time{}
	if m.holding {
		m.holding = false
		m.do(Action{Kind: Release})
	}
}

// seconds renders a duration as people read it, with three digits.
func seconds(d time.Duration) string {
	if d >= 100*time.Second {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.3g s", d.Seconds())
}
