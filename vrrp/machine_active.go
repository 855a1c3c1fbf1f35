package vrrp

import (
	"fmt"
	"time"
)

// What an Active does beyond its regular adverts.
const (
	// haste is the interval of an Active whose priority has fallen, for hasteFor: Backups that learn it need a tenth of
	// the time to find out that they are better. The last few adverts of it announce the regular interval again,
	// several because a Backup that missed it would take over.
	haste      = 100 * time.Millisecond
	hasteFor   = 2 * time.Second
	hasteTaper = 3 * haste

	// provoked is the shortest time between two adverts that others provoke, a quarter of the interval if that is less: a
	// flood of forged adverts must not become one of ours.
	provoked = 100 * time.Millisecond

	// reannounce is the shortest time between announcements after conflicts.
	reannounce = time.Second

	// newborn is how long after its start a router may have become Active only because it could not hear yet: a switch port
	// that learns takes 30 s.
	newborn = 60 * time.Second
)

// becomeActive takes over (RFC 9568 §6.4.2): advert, addresses, announcement. Unheard says that nobody was ever heard.
func (m *Machine) becomeActive(now time.Time, reason string, unheard bool) {
	m.forget()
	m.hurry, m.repeat, m.keep = time.Time{}, time.Time{}, time.Time{}
	m.lonely = unheard && !m.resumed && !m.settings.Preempt && m.settings.Priority != Owner && now.Sub(m.started) < newborn
	m.advertise(now, m.settings.Priority)
	if !m.holding {
		m.holding = true
		m.do(Action{Kind: Hold})
	}
	m.announce(now, "")
	m.become(now, Active, reason)
}

// advertise sends an advert and sets the time of the next. A late one is not made up for.
func (m *Machine) advertise(now time.Time, priority uint8) {
	pace, announced := m.settings.Interval, m.settings.Interval
	if now.Before(m.hurry) {
		pace = haste
		if now.Before(m.hurry.Add(-hasteTaper)) {
			announced = haste
		}
	}
	m.do(Action{Kind: Send, Priority: priority, Interval: announced})
	next := m.advert.Add(pace)
	if m.advert.IsZero() || m.advert.After(now) || !next.After(now) {
		next = now.Add(pace)
	}
	m.sent, m.advert = now, next
}

// readvertise sends an advert because of somebody else's: now, or as soon as it may be.
func (m *Machine) readvertise(now time.Time) {
	soonest := m.sent.Add(min(provoked, m.settings.Interval/4))
	if now.Before(soonest) {
		m.advert = earlier(m.advert, soonest)
		return
	}
	m.advertise(now, m.settings.Priority)
}

func (m *Machine) announce(now time.Time, reason string) {
	m.announced, m.repeat = now, time.Time{}
	m.do(Action{Kind: Announce, Reason: reason})
}

// contend is what an Active does about another's advert (RFC 9568 §6.4.3).
func (m *Machine) contend(now time.Time, h Heard) {
	if h.Priority == 0 {
		m.readvertise(now)
		return
	}
	m.met = true
	switch {
	case m.settings.outranked(h):
		m.concede(now, h)
	case m.lonely:
		m.retreat(now, h)
	default:
		m.readvertise(now)
		m.insist(now, h)
	}
}

// insist announces the addresses again, since the other's announcement may have been the last one heard.
func (m *Machine) insist(now time.Time, h Heard) {
	if soonest := m.announced.Add(reannounce); now.Before(soonest) {
		m.repeat = soonest
		return
	}
	m.announce(now, fmt.Sprintf("%s is Active too, with priority %d, ours is %d", h.Source, h.Priority, m.settings.Priority))
}

// concede yields to a better Active. It gets one last advert, so that it knows of the conflict and announces itself again (not
// with a virtual MAC: Engine.act).
func (m *Machine) concede(now time.Time, h Heard) {
	m.do(Action{Kind: Send, Priority: m.settings.Priority, Interval: m.settings.Interval})
	reason := fmt.Sprintf("%s announces priority %d, ours is %d", h.Source, h.Priority, m.settings.Priority)
	if h.Priority == m.settings.Priority {
		reason = fmt.Sprintf("%s announces priority %d as we do, and has the higher address", h.Source, h.Priority)
	}
	m.quiet()
	m.release()
	m.peer = peer{Heard: h, at: now, peak: h.Priority}
	m.follow(now)
	m.become(now, Backup, reason)
}

// retreat is what a router that must not preempt does when it finds out that it took over only because it was deaf.
func (m *Machine) retreat(now time.Time, h Heard) {
	m.yield(now, Backup, m.settings.downInterval(m.settings.Interval),
		fmt.Sprintf("%s was Active before we could hear it", h.Source))
}

// yield leaves with priority 0 and keeps the addresses until the successor is heard, for keep at most.
func (m *Machine) yield(now time.Time, to State, keep time.Duration, reason string) {
	m.do(Action{Kind: Send, Priority: 0, Interval: m.settings.Interval})
	m.quiet()
	switch {
	case keep == 0:
		m.release()
	case keep > 0:
		m.keep = now.Add(keep)
	}
	if to == Backup {
		m.arm(now, m.settings.downInterval(m.settings.Interval))
	}
	m.become(now, to, reason)
}

// quiet stops what only an Active does.
func (m *Machine) quiet() {
	m.advert, m.hurry, m.repeat, m.lonely = time.Time{}, time.Time{}, time.Time{}, false
}

// reconfigured makes a change known to the Backups at once. When the priority falls, they are made to hurry: by one last
// advert with the old priority, since RFC 9568 §6.4.2 learns the interval from adverts that are not lower, and then by
// short intervals.
func (m *Machine) reconfigured(now time.Time, old Settings) {
	s := m.settings
	if s.Priority == old.Priority && s.Interval == old.Interval && s.Version == old.Version {
		return
	}
	hurrying := now.Before(m.hurry)
	switch {
	case s.Version == 2 || s.Interval <= haste:
		m.hurry = time.Time{}
	case s.Priority < old.Priority:
		m.hurry = now.Add(hasteFor)
		if !hurrying {
			m.do(Action{Kind: Send, Priority: old.Priority, Interval: haste})
		}
	case hurrying:
		m.hurry = earlier(m.hurry, now.Add(hasteTaper))
	}
	m.advertise(now, s.Priority)
}
