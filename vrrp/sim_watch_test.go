package vrrp

import "time"

// carry does what a group wants done, and watches it.
func (w *world) carry(b *box, g *Group, actions []Action) {
	var before [2]State
	calm, next := len(actions) == 0, g.Due()
	for _, c := range b.cells {
		before[c.segment] = c.state
		calm = calm && c.holding == (c.state == Active)
		if c.group == g {
			c.due = next
		}
	}
	if calm {
		return
	}
	for _, a := range actions {
		c := b.cells[a.Member.Family-1]
		if c.group != g {
			w.fault("%s acts in another's group", a.Member)
		}
		w.act(c, a)
	}
	for _, c := range b.cells {
		if c.group != g {
			continue
		}
		if before[c.segment] == Active && c.state != Active {
			w.watchExit(c, actions)
		}
		w.watch(c)
	}
	w.watchGroup(b, g)
}

func (w *world) act(c *cell, a Action) {
	switch a.Kind {
	case Send:
		w.tell("%s: sends %d every %s", c.key, a.Priority, a.Interval)
		w.adverts++
		if a.Priority == 0 {
			c.goodbye, c.heard, c.until = w.now, false, time.Time{}
			if c.keep >= 0 {
				c.until = w.now.Add(max(c.keep, 4*time.Second)) // a down-interval at most
			}
		}
		w.watchRate(c)
		w.send(c.box.number, c.segment, Heard{Source: c.settings.Source, Priority: a.Priority, Interval: a.Interval})
	case Hold:
		if c.holding {
			w.fault("%s: holds what it holds", c.key)
		}
		c.holding = true
	case Release:
		if !c.holding {
			w.fault("%s: releases what it does not hold", c.key)
		}
		c.holding = false
		w.tell("%s: releases", c.key)
	case Tell:
		w.tell("%s: %s -> %s: %s", c.key, a.From, a.To, a.Reason)
		if a.From != c.state || a.Reason == "" {
			w.fault("%s: told %s -> %s (%q), but was %s", c.key, a.From, a.To, a.Reason, c.state)
		}
		c.state, c.since = a.To, w.now
		c.allowed = append(c.allowed, w.now)
		w.moves++
	}
}

// watchExit: every way out says priority 0, but to a better Active, which gets the last advert.
func (w *world) watchExit(c *cell, actions []Action) {
	var last *Action
	for i := range actions {
		if actions[i].Member == c.key && actions[i].Kind == Send {
			last = &actions[i]
		}
	}
	switch {
	case last == nil:
		w.fault("%s: left without a word", c.key)
	case last.Priority == 0:
	case c.state != Backup || last.Priority != c.settings.Priority || !c.settings.outranked(c.best):
		w.fault("%s: left to %s with priority %d as its last word", c.key, c.state, last.Priority)
	case c.holding:
		w.fault("%s: holds on after it met a better Active", c.key)
	}
}

// watch: addresses are held by an Active, or after priority 0 until the successor is heard or keep is over.
func (w *world) watch(c *cell) {
	v := c.group.View(c.key)
	if v.State != c.state || v.Holding != c.holding {
		w.fault("%s: is %s, holding %v, but told of %s, %v", c.key, v.State, v.Holding, c.state, c.holding)
	}
	switch {
	case c.state == Active && !c.holding:
		w.fault("%s: Active without addresses", c.key)
	case c.state == Active || !c.holding:
	case c.goodbye.IsZero() || c.heard:
		w.fault("%s: holds as %s though it heard a successor or never said good-bye", c.key, c.state)
	case c.box.thawed.Equal(w.now): // its timers come next
	case !c.until.IsZero() && w.now.After(c.until):
		w.fault("%s: holds as %s, %s too long", c.key, c.state, w.now.Sub(c.until))
	}
	if c.state != Active && c.state != Backup && c.ready {
		w.fault("%s: is %s though it is ready", c.key, c.state)
	}
}

// watchGroup: all members that are ready are Active or none is, and none while one is in fault.
func (w *world) watchGroup(b *box, g *Group) {
	active, backup, fault := 0, 0, 0
	for _, c := range b.cells {
		switch {
		case c.group != g:
		case c.state == Active:
			active++
		case c.state == Fault:
			fault++
		case c.ready:
			backup++
		}
	}
	if active > 0 && backup+fault > 0 {
		w.fault("box%d: its group is split", b.number)
	}
}

// watchRate: no more adverts than the regular ones and one for each 100 ms, or quarter of the interval, that others provoke;
// transitions and new settings come on top.
func (w *world) watchRate(c *cell) {
	c.sends = append(recent(c.sends, w.now), w.now)
	c.allowed = recent(c.allowed, w.now)
	gap := min(provoked, c.settings.Interval/4)
	if limit := int(time.Second/gap) + 3 + 3*(1+len(c.allowed)); len(c.sends) > limit {
		w.fault("%s: %d adverts within a second, limit %d", c.key, len(c.sends), limit)
	}
}

func recent(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && now.Sub(times[0]) > time.Second {
		times = times[1:]
	}
	return times
}
