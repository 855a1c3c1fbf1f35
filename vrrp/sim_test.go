package vrrp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// world is a simulated network: boxes on one or two segments that lose, delay, reorder and cut. It is replayable from
// its seed, and it watches what no machine may ever do.
type world struct {
	seed  uint64
	rand  *rand.Rand
	now   time.Time
	queue queue
	boxes []*box

	version  uint8
	segments int
	grouped  bool // the two elections of a box move together
	loss     float64
	slow     time.Duration    // the longest way of a packet
	cut      [2][5][5]bool    // by segment, from, to
	story    *strings.Builder // of a replay; nil: nobody reads it
	wrong    string           // the first thing that must not be
	adverts  int
	moves    int
}

// box is one router's process.
type box struct {
	number int
	alive  bool
	frozen bool
	died   time.Time
	thawed time.Time
	inbox  []parcel
	cells  []*cell
}

// cell is one election of one box, as the network sees it.
type cell struct {
	box      *box
	segment  int
	key      Key
	settings Settings
	group    *Group
	due      time.Time // of the group

	ready, fault bool
	state        State
	holding      bool
	goodbye      time.Time     // the last priority 0
	keep         time.Duration // after it; below 0: for ever
	until        time.Time     // when keeping the addresses ends at the latest; zero: never
	best         Heard         // the last advert that outranked ours
	heard        bool          // another's advert since the good-bye
	sends        []time.Time   // of the last second
	allowed      []time.Time   // reasons for more of them
	since        time.Time
}

// parcel is what travels or is to happen.
type parcel struct {
	at       time.Time
	order    int
	from, to int
	segment  int
	heard    Heard
	do       func()
}

// queue is a heap of parcels by time.
type queue struct {
	all   []parcel
	order int
}

func (p parcel) before(q parcel) bool {
	if p.at.Equal(q.at) {
		return p.order < q.order
	}
	return p.at.Before(q.at)
}

func (q *queue) push(p parcel) {
	q.order++
	p.order = q.order
	q.all = append(q.all, p)
	for i := len(q.all) - 1; i > 0; {
		up := (i - 1) / 2
		if !q.all[i].before(q.all[up]) {
			return
		}
		q.all[i], q.all[up] = q.all[up], q.all[i]
		i = up
	}
}

func (q *queue) pop() parcel {
	top, last := q.all[0], len(q.all)-1
	q.all[0] = q.all[last]
	q.all = q.all[:last]
	for i := 0; ; {
		least := i
		for _, c := range [2]int{2*i + 1, 2*i + 2} {
			if c < last && q.all[c].before(q.all[least]) {
				least = c
			}
		}
		if least == i {
			return top
		}
		q.all[i], q.all[least] = q.all[least], q.all[i]
		i = least
	}
}

var epoch = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

func newWorld(seed uint64) *world {
	w := &world{seed: seed, rand: rand.New(rand.NewPCG(seed, 51)), now: epoch, version: 3, slow: 2 * time.Millisecond}
	if w.rand.IntN(4) == 0 {
		w.version = 2
	}
	w.segments = 1 + w.rand.IntN(2)
	w.grouped = w.segments == 2 && w.rand.IntN(2) == 0
	interval := w.interval()
	same := w.rand.IntN(2) == 0
	for n := range 2 + w.rand.IntN(4) {
		if !same && w.version == 3 {
			interval = w.interval()
		}
		w.boxes = append(w.boxes, w.newBox(n, interval))
	}
	return w
}

func (w *world) interval() time.Duration {
	if w.version == 2 {
		return time.Second
	}
	return []time.Duration{50, 100, 300, 300, 1000, 1000}[w.rand.IntN(6)] * time.Millisecond
}

func (w *world) priority() uint8 {
	if w.rand.IntN(12) == 0 {
		return []uint8{1, 254, Owner}[w.rand.IntN(3)]
	}
	return uint8(1 + w.rand.IntN(25)*10)
}

func (w *world) newBox(n int, interval time.Duration) *box {
	b := &box{number: n}
	preempt, fast := w.rand.IntN(3) > 0, w.rand.IntN(3) > 0
	delay := time.Duration(max(0, w.rand.IntN(4)-2)) * 2 * time.Second
	grace := time.Duration(max(0, w.rand.IntN(4)-1)) * 2 * time.Second
	priority := w.priority()
	for s := range w.segments {
		if w.rand.IntN(3) == 0 {
			priority = w.priority()
		}
		b.cells = append(b.cells, &cell{
			box: b, segment: s, key: Key{fmt.Sprintf("box%d", n), Family(s + 1)},
			settings: Settings{
				Version: w.version, Priority: priority, Interval: interval,
				Preempt: preempt, FastPreempt: fast, PreemptDelay: delay, Grace: grace,
				Source: netip.AddrFrom4([4]byte{10, 0, byte(s), byte(1 + (n*3+s*7)%11)}),
			},
		})
	}
	return b
}

// tell adds a line to a replay's story.
func (w *world) tell(format string, args ...any) {
	if w.story != nil {
		fmt.Fprintf(w.story, "%9.4f "+format+"\n", append([]any{w.now.Sub(epoch).Seconds()}, args...)...)
	}
}

func (w *world) fault(format string, args ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf("after %.4f s: ", w.now.Sub(epoch).Seconds()) + fmt.Sprintf(format, args...)
		w.tell("WRONG %s", w.wrong)
	}
}

// run lets time pass. Packets come before timers, as the driver drains its sockets before it ticks.
func (w *world) run(until time.Time) {
	for w.wrong == "" {
		next := w.due()
		packet := len(w.queue.all) > 0 && (next.IsZero() || !w.queue.all[0].at.After(next))
		if packet {
			next = w.queue.all[0].at
		}
		if next.IsZero() || next.After(until) {
			break
		}
		if next.After(w.now) {
			w.now = next
		}
		if packet {
			w.happen(w.queue.pop())
		} else {
			w.tick()
		}
	}
	w.now = until
}

func (w *world) due() time.Time {
	var due time.Time
	for _, b := range w.boxes {
		for _, c := range b.cells {
			if b.alive && !b.frozen {
				due = earlier(due, c.due)
			}
		}
	}
	return due
}

func (w *world) tick() {
	for _, b := range w.boxes {
		for _, c := range b.cells {
			if !b.alive || b.frozen || !due(c.due, w.now) {
				continue
			}
			if w.carry(b, c.group, c.group.Tick(w.now)); due(c.due, w.now) {
				w.fault("%s wants a tick again at once", c.key)
			}
		}
	}
}

func (w *world) happen(p parcel) {
	if p.do != nil {
		p.do()
		return
	}
	b := w.boxes[p.to]
	switch {
	case !b.alive:
	case b.frozen:
		b.inbox = append(b.inbox, p)
	default:
		w.deliver(p)
	}
}

func (w *world) deliver(p parcel) {
	c := w.boxes[p.to].cells[p.segment]
	if p.heard.Priority > 0 {
		c.heard = true
		if c.settings.outranked(p.heard) {
			c.best = p.heard
		}
	}
	w.step(c, Event{Kind: Hear, Heard: p.heard})
}

func (w *world) step(c *cell, e Event) {
	if e.Kind != Hear {
		w.tell("%s: %s %v %s", c.key, e.Kind, e.Keep, e.Reason)
	}
	w.carry(c.box, c.group, c.group.Step(w.now, c.key, e))
}

// send puts an advert on the segment.
func (w *world) send(from int, segment int, h Heard) {
	for to := range w.boxes {
		if to == from || from < len(w.boxes) && w.cut[segment][from][to] || w.rand.Float64() < w.loss {
			continue
		}
		way := time.Duration(w.rand.Int64N(int64(w.slow))) + 50*time.Microsecond
		w.queue.push(parcel{at: w.now.Add(way), from: from, to: to, segment: segment, heard: h})
	}
}
