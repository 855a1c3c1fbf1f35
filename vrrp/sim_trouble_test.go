package vrrp

import (
	"net/netip"
	"time"
)

// boot starts a box's process; resume says that an engine before it was Active a moment ago.
func (w *world) boot(b *box, resume bool) {
	w.tell("box%d: boots, resume %v", b.number, resume)
	b.alive, b.frozen, b.inbox = true, false, nil
	for i, c := range b.cells {
		c.group = NewGroup()
		if w.grouped && i > 0 {
			c.group = b.cells[0].group
		}
		c.group.Add(w.now, c.key, c.settings)
		c.state, c.ready, c.fault, c.goodbye = Waiting, false, false, time.Time{}
	}
	for _, c := range b.cells {
		c.ready = true
		w.step(c, Event{Kind: Start, Resume: resume})
	}
}

// kill is a silent death. The kernel takes the addresses off by itself.
func (w *world) kill(b *box) {
	w.tell("box%d: killed", b.number)
	b.alive, b.died = false, w.now
	for _, c := range b.cells {
		c.holding = false
	}
}

func (b *box) active() bool {
	for _, c := range b.cells {
		if c.state == Active {
			return true
		}
	}
	return false
}

// restart starts a dead box again, or kills a live one.
func (w *world) restart(b *box) {
	if b.alive {
		w.kill(b)
		return
	}
	w.boot(b, b.active() && w.now.Sub(b.died) < 2*time.Second && w.rand.IntN(2) == 0)
}

// keepFor says how long a router that leaves keeps its addresses; one that has left may keep them for less.
func (w *world) keepFor(c *cell, keep time.Duration) {
	c.keep = keep
	if until := w.now.Add(keep); c.state != Active && keep >= 0 {
		c.until = earlier(c.until, until)
	}
}

func (w *world) keep() time.Duration {
	return []time.Duration{-1, 0, 500 * time.Millisecond, 3 * time.Second}[w.rand.IntN(4)]
}

// stop ends all elections of a box, or starts those again that are not running.
func (w *world) stop(b *box, all bool) {
	keep := w.keep()
	for _, c := range b.cells {
		if c.ready || c.fault {
			c.ready, c.fault = false, false
			w.keepFor(c, keep)
			w.step(c, Event{Kind: Stop, Keep: keep})
			continue
		}
		if !all {
			c.ready, c.keep = true, 0
			w.step(c, Event{Kind: Start})
		}
	}
}

// block makes one election of a box impossible, or possible again.
func (w *world) block(c *cell) {
	if !c.ready {
		c.ready, c.fault = true, false
		for _, b := range c.box.cells {
			b.keep = 0
		}
		w.step(c, Event{Kind: Unblock})
		return
	}
	state := []State{Waiting, Fault}[w.rand.IntN(2)]
	c.ready, c.fault = false, state == Fault
	keep := w.keep()
	for _, other := range c.box.cells {
		if other.group == c.group && other.state == Active {
			other.keep = keep
		}
	}
	w.keepFor(c, keep)
	w.step(c, Event{Kind: Block, State: state, Keep: keep, Reason: "the test says so"})
}

func (w *world) configure(c *cell, s Settings) {
	if c.settings.Interval != s.Interval {
		c.sends = nil // the limit is another
	}
	c.settings = s
	c.allowed = append(c.allowed, w.now)
	w.tell("%s: priority %d, interval %s", c.key, s.Priority, s.Interval)
	w.step(c, Event{Kind: Configure, Settings: s})
}

func (w *world) freeze(b *box) {
	w.tell("box%d: frozen", b.number)
	b.frozen = true
	w.queue.push(parcel{at: w.now.Add(w.span(6 * time.Second)), do: func() { w.thaw(b) }})
}

// thaw lets a stopped process go on: first with what its sockets received meanwhile.
func (w *world) thaw(b *box) {
	if !b.frozen || !b.alive {
		return
	}
	w.tell("box%d: goes on", b.number)
	b.frozen, b.thawed = false, w.now
	for _, p := range b.inbox {
		w.deliver(p)
	}
	b.inbox = nil
}

// forge floods a segment with adverts of a router that is none.
func (w *world) forge(segment int) {
	h := Heard{Source: netip.AddrFrom4([4]byte{10, 0, byte(segment), 200}), Interval: w.interval()}
	lowest := uint8(w.rand.IntN(3))
	for i := range 100 {
		h.Priority = lowest * uint8(w.rand.IntN(60))
		at := h
		w.queue.push(parcel{at: w.now.Add(time.Duration(i) * time.Millisecond), do: func() { w.send(len(w.boxes), segment, at) }})
	}
}

// sever cuts the segment in two, or all of them; both ways, or one.
func (w *world) sever(segment int, oneWay bool) {
	side := w.rand.IntN(1 << len(w.boxes))
	w.tell("segment %d: cut along %b, one way %v", segment, side, oneWay)
	for from := range w.boxes {
		for to := range w.boxes {
			a, b := side>>from&1, side>>to&1
			w.cut[segment][from][to] = a < b || a > b && !oneWay
		}
	}
}

func (w *world) mend() {
	w.tell("cuts mended")
	w.cut = [2][5][5]bool{}
}

func (w *world) span(most time.Duration) time.Duration {
	return time.Duration(w.rand.Int64N(int64(most)))
}

// disturb does one thing that may happen to routers and networks.
func (w *world) disturb() {
	b := w.boxes[w.rand.IntN(len(w.boxes))]
	segment := w.rand.IntN(w.segments)
	c := b.cells[segment]
	running := b.alive && !b.frozen
	switch kind := w.rand.IntN(14); {
	case kind == 0:
		w.loss, w.slow = w.rand.Float64()*0.3, 2*time.Millisecond+w.span(50*time.Millisecond)
	case kind == 1:
		w.sever(segment, false)
	case kind == 2:
		w.sever(segment, true)
	case kind == 3:
		w.mend()
	case kind <= 5:
		w.restart(b)
	case kind == 6 && running:
		w.freeze(b)
	case kind == 7 && running:
		w.stop(b, false)
	case kind == 8 && running:
		w.block(c)
	case kind == 9:
		w.forge(segment)
	case kind >= 12 && running:
		w.gossip(b)
	case running:
		s := c.settings
		if s.Priority = w.priority(); w.rand.IntN(5) == 0 {
			s.Interval = w.interval()
		}
		w.configure(c, s)
	}
}

// gossip tells a box that another one is dead, which may be wrong, and until when connections would not survive.
func (w *world) gossip(b *box) {
	dead := w.boxes[w.rand.IntN(len(w.boxes))]
	grace := w.span(4 * time.Second)
	for i, c := range b.cells {
		s := c.settings
		if s.Grace = grace; b != dead && w.rand.IntN(2) == 0 {
			s.Gone = dead.cells[i].settings.Source
		}
		w.configure(c, s)
	}
}

// calm ends all trouble but dead and stopped boxes. Where elections are on their own, a cut may stay.
func (w *world) calm() {
	w.loss, w.slow = 0, 2*time.Millisecond
	w.mend()
	if !w.grouped && w.rand.IntN(3) == 0 {
		for s := range w.segments {
			w.sever(s, false)
		}
	}
	for _, b := range w.boxes {
		w.thaw(b)
		for _, c := range b.cells {
			if b.alive && !c.ready && (c.fault || w.grouped) && w.rand.IntN(2) == 0 {
				w.block(c)
			}
		}
	}
	for _, b := range w.boxes {
		w.whole(b)
	}
}

// whole makes a grouped box take part in both elections or in none: if it did in one, it would rightly keep others
// out of both.
func (w *world) whole(b *box) {
	if !w.grouped || !b.alive || b.cells[0].ready == b.cells[1].ready {
		return
	}
	for _, c := range b.cells {
		if !c.ready {
			w.block(c)
		}
	}
}
