package main

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/pair/handover"
	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/pair/pulse"
	"github.com/twinpath/twinpath/router"
)

// up hears from the link that there is a session.
func (d *duet) up(s link.Session) {
	d.do(func(now time.Time) {
		d.session, d.partner, d.since, d.anew, d.listed = &s, s.Partner, now, false, false
		d.direct()
		d.pulse.Begin(pulse.Session{ID: s.ID, Router: s.Partner.Router, Beat: pulse.Agree(d.config.Pair.Beat, s.Partner.Beat), Key: s.Key})
		d.own = flow.Book{}
		d.watchFlows()
		for _, t := range d.topics {
			t.Up(s, d.send)
			t.Look(now, d.snap)
		}
		d.acquaint()
	})
}

// down hears from the link that the session has ended.
func (d *duet) down(error, bool) {
	d.do(func(now time.Time) {
		d.unlink()
		d.session, d.since = nil, now
		d.pulse.End(false) // who says good-bye may be restarting Twinpath, and its kernel goes on: whether its box lives is asked
		for _, t := range d.topics {
			t.Down()
		}
	})
}

// message hears what the other router says.
func (d *duet) message(kind link.Kind, body []byte) {
	d.do(func(now time.Time) {
		switch kind {
		case link.Flows:
			d.hearFlows(body)
		case link.Neighbours:
			d.hearNeighbours(body)
		case link.Release:
			d.released(now, body)
		}
		for _, t := range d.topics {
			t.Hear(now, kind, body)
		}
	})
}

// send sends a message; that there is no link any more is heard elsewhere.
func (d *duet) send(kind link.Kind, body []byte) { _ = d.link.Send(kind, body) }

// watchFlows tells the other router of this one's connections for as long as the session lasts.
func (d *duet) watchFlows() {
	ctx, cancel := context.WithCancel(d.ctx)
	d.unlink = cancel
	mine := ownMarks(d.snap)
	d.mine = mine
	d.group.Go(func() error {
		err := d.kernel.WatchFlows(ctx, func(m firewall.Mark) bool { return mine[m] }, func(c flow.Change) {
			d.do(func(time.Time) {
				if ctx.Err() == nil { // else it is of the session before
					d.tellFlows(c)
				}
			})
		})
		if err != nil && ctx.Err() == nil {
			d.log.Error("connections are not watched: they break when the house moves to the other router", "err", err)
		}
		return nil
	})
}

// watchOthers watches by other marks where the configuration has given the lines others.
func (d *duet) watchOthers() {
	if d.session != nil && !maps.Equal(d.mine, ownMarks(d.snap)) {
		d.unlink()
		d.watchFlows()
	}
}

// ownMarks are the marks of this router's own lines.
func ownMarks(s *router.Snapshot) map[firewall.Mark]bool {
	mine := map[firewall.Mark]bool{}
	for _, w := range s.WANs {
		if w.Kind != router.Peer.String() {
			mine[w.Mark] = true
		}
	}
	return mine
}

// tellFlows takes news of this router's own connections.
func (d *duet) tellFlows(c flow.Change) {
	for part := range c.Pieces() {
		d.send(link.Flows, flow.Append(nil, part))
	}
	if news := d.own.Apply(c); d.orders.Own && !news.Empty() {
		d.hands.put(d.without(news, &d.theirs), true, 0)
	}
}

// without leaves out of what has begun what another list has.
func (d *duet) without(c flow.Change, list *flow.Book) flow.Change {
	if list.Len() == 0 {
		return c
	}
	kept := flow.Change{Anew: c.Anew, More: c.More, Ended: c.Ended}
	for _, f := range c.Begun {
		if !list.Has(f) {
			kept.Begun = append(kept.Begun, f)
		}
	}
	return kept
}

// hearFlows takes news of the other router's connections.
func (d *duet) hearFlows(body []byte) {
	c, err := flow.Parse(body)
	if err != nil {
		d.log.Warn("the other router's list of connections makes no sense", "err", err)
		return
	}
	d.anew = d.anew || c.Anew
	news := d.theirs.Apply(c)
	if !d.listed && d.anew && !c.More {
		d.listed = true
		d.log.Info("the other router's connections are known", "flows", d.theirs.Len(), "took", time.Since(d.since))
	}
	if d.orders.Kept && !news.Empty() {
		d.hands.put(news, false, 0)
	}
}

// whole is a list as one change.
func whole(list *flow.Book) flow.Change {
	c := flow.Change{Anew: true, Begun: make([]flow.Flow, 0, list.Len())}
	for f := range list.All() {
		c.Begun = append(c.Begun, f)
	}
	return c
}

// acquaint tells the other router who is where in the house, so that it need not ask around when it takes over.
func (d *duet) acquaint() {
	if d.session == nil || d.side.Index == 0 {
		return
	}
	all, err := d.kernel.Neighbours(d.side.Name)
	if err != nil {
		d.log.Warn("the house's devices are not known", "err", err)
		return
	}
	if body, err := json.Marshal(all); err == nil && len(all) > 0 {
		d.send(link.Neighbours, body)
	}
}

// hearNeighbours has the kernel know where the house's devices are.
func (d *duet) hearNeighbours(body []byte) {
	var all []handover.Neighbour
	if err := json.Unmarshal(body, &all); err != nil || d.side.Index == 0 {
		return
	}
	if err := d.kernel.Introduce(d.side.Name, all); err != nil {
		d.log.Warn("the house's devices were not made known", "err", err)
	}
}
