package vrrp

import (
	"fmt"
	"time"
)

// hear takes an accepted advert.
func (m *Machine) hear(now time.Time, h Heard) {
	if m.state == Active {
		m.contend(now, h)
		return
	}
	if h.Interval <= 0 {
		h.Interval = m.settings.Interval
	}
	if h.Priority == 0 {
		m.farewell(now, h)
		return
	}
	m.met = true
	m.release() // whoever it is: the successor
	m.meet(now, h)
	if m.ready && m.challenges(now) {
		m.challenge(now)
		return
	}
	m.follow(now)
}

// farewell is an advert of priority 0 (RFC 9568 §6.4.2): a Backup is next after its skew time. A flood of them must not
// put that off, so the earlier deadline stands.
func (m *Machine) farewell(now time.Time, h Heard) {
	if !m.ready {
		if h.Source == m.peer.Source {
			m.forget()
		}
		return
	}
	m.grace = time.Time{}
	if m.down.IsZero() {
		return
	}
	if skew := m.settings.skew(m.learned()); now.Add(skew).Before(m.down) {
		m.arm(now, skew)
	}
	m.standing, m.lowSince = departed, time.Time{}
	m.peer = peer{Heard: h, at: now}
}

// meet records who is Active.
func (m *Machine) meet(now time.Time, h Heard) {
	peak := h.Priority
	if m.peer.Source == h.Source && m.standing != departed {
		peak = max(peak, m.peer.peak)
	}
	m.peer = peer{Heard: h, at: now, peak: peak}
	switch {
	case h.Priority >= m.settings.Priority:
		m.lowSince = time.Time{}
	case m.lowSince.IsZero():
		m.lowSince = now
	}
}

// challenges reports whether the Active that was just heard is to be replaced. Without preempt a lower one is left alone unless
// it is broken: its own priority fell during its reign, or it announces 1, the last word before giving up. PreemptDelay is
// about coming back, so it does not protect a broken one either.
func (m *Machine) challenges(now time.Time) bool {
	if m.peer.Priority >= m.settings.Priority {
		return false
	}
	if m.peer.broken() {
		return true
	}
	return m.settings.Preempt && now.Sub(m.lowSince) >= m.settings.PreemptDelay
}

// broken reports whether the Active has lost some of its priority in its reign, or says its last word.
func (p peer) broken() bool { return p.peak > p.Priority || p.Priority == 1 }

// challenge starts the take-over from a lower Active. RFC 9568 §6.4.2 ignores its adverts, so that the down-interval that its last
// higher one started runs out; with FastPreempt our skew time does, by which the best Backup is first. Later lower adverts
// do not put it off.
func (m *Machine) challenge(now time.Time) {
	m.standing = beaten
	m.wait(now)
	if !m.settings.FastPreempt {
		return
	}
	m.interval = m.peer.Interval
	if skew := m.settings.skew(m.learned()); !m.down.IsZero() && now.Add(skew).Before(m.down) {
		m.arm(now, skew)
	}
}

// wait sets until when a won election waits, so that what is due by then anyway runs meanwhile. An Active that is broken or falls silent is not
// waited for.
func (m *Machine) wait(now time.Time) {
	m.grace = time.Time{}
	s := m.settings
	if m.standing != beaten || m.peer.broken() || s.Grace <= 0 {
		return
	}
	until := earlier(m.lowSince.Add(s.PreemptDelay+min(s.Grace, GraceMost)), m.peer.at.Add(s.downInterval(m.peer.Interval)))
	if until.After(now) {
		m.grace = until
	}
}

// bury is what a Backup does when it is told that the Active it follows is dead.
func (m *Machine) bury() {
	if !m.ready || m.standing != followed && m.standing != beaten || m.peer.Source != m.settings.Gone {
		return
	}
	reason := fmt.Sprintf("%s is gone: it gives no sign of life and answers nothing", m.peer.Source)
	m.forget()
	m.win(reason)
}

// follow leaves the Active alone for another down-interval, of its interval.
func (m *Machine) follow(now time.Time) {
	m.grace = time.Time{}
	m.standing, m.interval = followed, m.peer.Interval
	m.arm(now, m.settings.downInterval(m.learned()))
}

// learned returns the Active's interval (RFC 9568 §6.1, Active_Adver_Interval), ours if none is known.
func (m *Machine) learned() time.Duration {
	if m.interval == 0 {
		return m.settings.Interval
	}
	return m.interval
}

func (m *Machine) arm(now time.Time, d time.Duration) { m.armed, m.down = now, now.Add(d) }

// forget is what silence does: the Active is no more.
func (m *Machine) forget() {
	m.standing, m.peer, m.interval = alone, peer{}, 0
	m.lowSince, m.down, m.grace = time.Time{}, time.Time{}, time.Time{}
}

// expire is the end of the down-interval. An Active that is there, but beaten, is not forgotten: should the group not take over
// yet, its next advert must not start PreemptDelay again.
func (m *Machine) expire(now time.Time) {
	m.won = m.why(now)
	if m.standing == beaten {
		m.down = time.Time{}
		return
	}
	m.forget()
}

// why returns the clause that explains the end of the down-interval.
func (m *Machine) why(now time.Time) string {
	switch m.standing {
	case followed:
		return fmt.Sprintf("%s has been silent for %s (limit %s)", m.peer.Source,
			seconds(now.Sub(m.peer.at)), seconds(m.down.Sub(m.armed)))
	case beaten:
		return fmt.Sprintf("%s announces priority %d, ours is %d", m.peer.Source, m.peer.Priority, m.settings.Priority)
	case departed:
		return fmt.Sprintf("%s has stopped (priority 0)", m.peer.Source)
	}
	return fmt.Sprintf("nobody was heard for %s", seconds(now.Sub(m.armed)))
}
