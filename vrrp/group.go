package vrrp

import (
	"fmt"
	"time"
)

// Group is the machine of elections that move together: all of its members are Active or none is, those aside that are
// not ready or have been stopped. An election on its own is a group of one. It takes over when the election of
// one member is won and no member has a live Active to leave alone, or might have one that it cannot hear; it leaves when
// one member has to.
type Group struct {
	members []*Machine
	out     []Action
	truce   truce
	due     time.Time // what Due returns
	stale   bool      // due has to be found out again
}

// NewGroup returns a group without members.
func NewGroup() *Group { return &Group{} }

// Add makes an election a member. It is Waiting until its Start, and then adopts the group's state. A member that is there
// already stays as it is.
func (g *Group) Add(now time.Time, key Key, s Settings) {
	if g.member(key) != nil {
		return
	}
	m := NewMachine(now, key, s)
	m.out = &g.out
	g.members, g.stale = append(g.members, m), true
}

// Remove forgets a member, which the caller has stopped and which holds nothing any more.
func (g *Group) Remove(key Key) {
	g.stale = true
	for i, m := range g.members {
		if m.key == key {
			g.members = append(g.members[:i], g.members[i+1:]...)
			return
		}
	}
}

// Move takes a member over from another group as it is, and returns what to do in this one: an Active one makes the others
// Active, unless one of them is in fault. The old group is owed a Tick.
func (g *Group) Move(now time.Time, key Key, from *Group) []Action {
	g.out = g.out[:0]
	m := from.member(key)
	if m == nil || g.member(key) != nil {
		return nil
	}
	from.Remove(key)
	m.out = &g.out
	g.members, g.stale = append(g.members, m), true
	for _, o := range g.members {
		if o.state == Fault {
			g.leave(now, o, fmt.Sprintf("%s of its group is in fault: %s", o.key, o.reason), 0)
		}
	}
	g.settle(now)
	return g.out
}

func (g *Group) member(key Key) *Machine {
	for _, m := range g.members {
		if m.key == key {
			return m
		}
	}
	return nil
}

// View returns what can be seen of a member, the zero View if there is none.
func (g *Group) View(key Key) View {
	if m := g.member(key); m != nil {
		return m.View()
	}
	return View{}
}

// Step takes one event of one member and returns what to do, in this order. The slice is valid until the next call of Step
// or Tick. Timers run only in Tick, so that a driver that comes late can first tell what was heard meanwhile.
func (g *Group) Step(now time.Time, key Key, e Event) []Action {
	g.out, g.stale = g.out[:0], true
	if m := g.member(key); m != nil {
		g.apply(now, m, e)
		g.settle(now)
	}
	return g.out
}

// Tick runs all timers that are due and returns what to do, as Step does.
func (g *Group) Tick(now time.Time) []Action {
	g.out, g.stale = g.out[:0], true
	for _, m := range g.members {
		g.apply(now, m, Event{Kind: Tick})
	}
	g.settle(now)
	return g.out
}

// Due returns when the next Tick is wanted, zero for never.
func (g *Group) Due() time.Time {
	if g.stale {
		g.due, g.stale = g.next(), false
	}
	return g.due
}

func (g *Group) next() time.Time {
	var due time.Time
	for _, m := range g.members {
		due = earlier(due, m.Due())
	}
	return earlier(due, g.truce.until)
}
