package alert

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// unrest is how often a line, or a virtual address, has failed lately, and what was told of that.
type unrest struct {
	Name   string      `json:"name"`
	VRRP   bool        `json:"vrrp,omitempty"`
	Drops  []time.Time `json:"drops"` // the newest, within flapWindow
	Since  time.Time   `json:"since"` // by the clock: when the first of the counted ones began
	Last   time.Time   `json:"last"`
	Quiet  time.Time   `json:"quiet"`            // since when nothing has changed
	On     bool        `json:"on,omitempty"`     // it counts as unstable
	From   time.Time   `json:"from,omitzero"`    // since when it does
	Told   time.Time   `json:"told,omitzero"`    // the last message
	Total  int         `json:"total"`            // since Since
	Recent int         `json:"recent,omitempty"` // since Told
	Number int         `json:"number,omitempty"` // of messages
}

// virtual is the key of a virtual router, which no line can have.
func virtual(name string) string { return "vrrp/" + name }

// count takes note that a line has failed, n times.
func (m *Machine) count(now time.Time, i router.Incident, n int) {
	switch i.Cause {
	case router.CauseWAN, router.CausePortal, router.CauseIdle:
		if i.WAN != "" && i.Blame != router.BlameOwner && n > 0 {
			m.stir(now, i.WAN, &unrest{Name: i.WAN, Since: i.Start}, n)
		}
	}
}

// stir counts n failures of what has the key; fresh is its unrest if this is the first.
func (m *Machine) stir(now time.Time, key string, fresh *unrest, n int) {
	const many, few = 64, 8 // things that fail, and times of each that are known: of the others the number is enough
	u := m.unrests[key]
	if u != nil && !u.On {
		u.Drops = slices.DeleteFunc(u.Drops, func(at time.Time) bool { return now.Sub(at) >= flapWindow })
		u.Total = len(u.Drops)
	}
	if u == nil || !u.On && len(u.Drops) == 0 {
		if u == nil && len(m.unrests) >= many {
			return
		}
		u = fresh
		m.unrests[key] = u
	}
	for range min(n, few) {
		u.Drops = append(u.Drops, now)
	}
	u.Drops = u.Drops[max(0, len(u.Drops)-few):]
	u.Last, u.Quiet = now, now
	u.Total += n
	u.Recent += n
	if !u.On && len(u.Drops) >= flaps {
		u.On, u.From, u.Told, u.Recent, u.Number = true, now, time.Time{}, 0, 0
	}
}

// stirred reports whether a line counts as unstable.
func (m *Machine) stirred() bool {
	for _, u := range m.unrests {
		if u.On && !u.VRRP {
			return true
		}
	}
	return false
}

// stirs tells what has become unstable, how that goes on, and that it is over.
func (m *Machine) stirs(now time.Time) []Letter {
	var letters []Letter
	for _, key := range slices.Sorted(maps.Keys(m.unrests)) {
		u := m.unrests[key]
		if !u.On {
			continue
		}
		m.hush(u)
		switch {
		case u.Told.IsZero():
			if m.due(now, later(u.From.Add(m.gather), m.settled())) {
				letters = append(letters, m.report(now, u, Unstable))
			}
		case m.calm(now, u):
			letters = append(letters, m.quieten(now, u)...)
		case u.Recent > 0 && m.due(now, u.Told.Add(digestGap)):
			letters = append(letters, m.report(now, u, Digest))
		}
	}
	return letters
}

// quieten tells that something is no longer unstable, or that it is plainly down.
func (m *Machine) quieten(now time.Time, u *unrest) []Letter {
	t := m.down(u)
	if t == nil {
		u.On = false
		l := m.report(now, u, Stable)
		u.Drops, u.Total = nil, 0
		return []Letter{l}
	}
	if m.any(router.CauseOffline) {
		return nil // which says it
	}
	u.On = false
	t.Note = fmt.Sprintf("Before that it had failed %d times since %s.", u.Total, clock(u.Since, now))
	return m.begin(now, []*thread{t})
}

// hush has nobody be told of a single failure of what is unstable.
func (m *Machine) hush(u *unrest) {
	for _, t := range m.threads {
		if u.VRRP || t.Incident.WAN != u.Name || !isLine(t.Incident.Cause) || t.is(router.CauseMetered) {
			continue
		}
		if t.Leads && t.Owed {
			m.withdrawn = append(m.withdrawn, t.Letter)
		}
		if t.Told {
			t.Turn++ // if it is told again, that is another letter
		}
		t.Told, t.Owed, t.Leads, t.Free = false, false, false, time.Time{}
		t.Closed = !t.open()
	}
}

// down is the incident of an unstable line that goes on.
func (m *Machine) down(u *unrest) *thread {
	for _, t := range m.threads {
		if !u.VRRP && t.open() && !t.Absent && t.Incident.WAN == u.Name && t.is(router.CauseWAN, router.CausePortal, router.CauseIdle) {
			return t
		}
	}
	return nil
}

// calm reports whether it has done nothing new for long enough. A line that is held back for its own good is not calm.
func (m *Machine) calm(now time.Time, u *unrest) bool {
	for _, t := range m.threads {
		if !u.VRRP && t.open() && !t.Absent && t.Incident.WAN == u.Name && t.is(router.CauseUnsure) && m.down(u) == nil {
			return false
		}
	}
	return m.due(now, u.Quiet.Add(calm))
}

func (m *Machine) report(now time.Time, u *unrest, stage Stage) Letter {
	u.Number++
	l := Letter{
		ID: fmt.Sprintf("%s/%s/%s/%s/%d", m.router, u.Name, stage, u.Since.UTC().Format("20060102T150405"), u.Number), Stage: stage,
		Unrest: &Unrest{Name: u.Name, VRRP: u.VRRP, Since: u.Since.UTC(), Last: u.Last.UTC(), Total: u.Total, Recent: u.Recent},
	}
	u.Told, u.Recent, m.lineTold = now, 0, now
	return l
}
