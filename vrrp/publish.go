package vrrp

import (
	"maps"
	"slices"
	"time"
)

const (
	// soon is the least time between two statuses, often how old counters in it may get.
	soon  = 20 * time.Millisecond
	often = 5 * time.Second
)

// publish makes a new status visible when there is one to show.
func (e *Engine) publish(now time.Time) {
	if now.Before(e.nextPublish()) {
		return
	}
	e.published, e.fresh = now, false
	status := &Status{Time: now.Round(0), Speakers: e.speakers.all(), Rejected: maps.Clone(e.rejected)}
	for _, in := range e.order {
		status.Elections = append(status.Elections, in.election())
	}
	e.status.Store(status)
	next := make(chan struct{})
	close(*e.changed.Swap(&next))
}

func (e *Engine) nextPublish() time.Time {
	if e.fresh {
		return e.published.Add(soon)
	}
	return e.published.Add(often)
}

func (in *instance) election() Election {
	v := in.group.View(in.key)
	out := Election{
		Router: in.wish.Name, ID: in.place.ID, Family: in.place.Family, Interface: in.place.Interface,
		State: v.State, Priority: in.wish.Priority, Base: in.wish.Base, Active: v.Active,
		Addresses: slices.Clone(in.prefixes), Since: v.Since.Round(0), Reason: v.Reason, Holding: v.Holding,
		Changes: in.changes, Sent: in.sent, Received: in.received, Restored: in.restored, Rejected: maps.Clone(in.rejected),
	}
	if !in.running {
		out.Reason = in.blocked.Reason // it may have changed since the state did
	}
	if in.auth != nil {
		out.Memory = in.auth.State()
	}
	return out
}
