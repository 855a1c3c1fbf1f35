package vrrp

import (
	"fmt"
	"time"
)

// apply steps one member and makes the others follow it out of being Active.
func (g *Group) apply(now time.Time, m *Machine, e Event) {
	was, since, stood := m.state, m.since, m.standing
	m.apply(now, e)
	switch {
	case e.Kind == Configure && stood != m.standing && m.standing == alone:
		g.truce = truce{} // its rival is dead
	case m.state == Fault && was != Fault:
		g.leave(now, m, fmt.Sprintf("%s of its group is in fault: %s", m.key, m.reason), e.Keep)
	case was == Active && m.state == Backup:
		if g.leave(now, m, fmt.Sprintf("%s of its group has to leave: %s", m.key, m.reason), 0) && fought(now.Sub(since), m) {
			g.truce.call(now, m)
		}
	}
}

// fought reports whether a reign was so short that its end may be one of many in a row. One who has served for longer leaves to somebody better,
// and may be needed again at any moment; should it be a fight all the same, the next round is short.
func fought(reign time.Duration, m *Machine) bool {
	return reign < m.settings.downInterval(m.settings.Interval)
}

// leave makes every other member that is Active say priority 0 and keep its addresses until it hears the successor: a
// down-interval at most, by when a successor would have spoken. It reports whether there was one.
func (g *Group) leave(now time.Time, cause *Machine, reason string, keep time.Duration) (left bool) {
	for _, m := range g.members {
		if m == cause || m.state != Active {
			continue
		}
		left = true
		least := m.settings.downInterval(m.settings.Interval)
		if keep >= 0 {
			m.yield(now, Backup, max(keep, least), reason)
		} else {
			m.yield(now, Backup, keep, reason)
		}
	}
	return left
}

// settle makes all members Active if one of them is or may be.
func (g *Group) settle(now time.Time) {
	reason := g.verdict(now)
	if reason == "" {
		return
	}
	unheard := true
	for _, m := range g.members {
		unheard = unheard && !m.met
	}
	for _, m := range g.members {
		if m.ready && m.state == Backup {
			why := reason
			if m.wins() {
				why = m.won
			}
			m.becomeActive(now, why, unheard)
		}
	}
}

// verdict returns why members that are not Active have to become it now; empty: they have not.
func (g *Group) verdict(now time.Time) string {
	var active, winner *Machine
	backups, free := 0, true
	for _, m := range g.members {
		switch {
		case m.state == Fault || m.held() || m.binding:
			free = false
		case m.state == Active && active == nil:
			active = m
		case m.wins() && winner == nil:
			winner = m
		}
		if m.ready && m.state == Backup {
			backups++
		}
	}
	switch {
	case backups == 0:
		g.truce.pause()
	case active != nil:
		return fmt.Sprintf("its group is Active, as %s is", active.key)
	case !free || winner == nil:
		g.truce.pause()
	case g.truce.over(now):
		return fmt.Sprintf("%s of its group takes over: %s", winner.key, winner.won)
	}
	return ""
}
