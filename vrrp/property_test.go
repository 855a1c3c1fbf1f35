package vrrp

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// runs returns how many worlds to try: VRRP_RUNS, or few.
func runs(t *testing.T) uint64 {
	if s := os.Getenv("VRRP_RUNS"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 1500
}

// TestOneActive tries random worlds. VRRP_SEED replays one and tells its story.
func TestOneActive(t *testing.T) {
	if s := os.Getenv("VRRP_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(seed)
		w.story = new(strings.Builder)
		w.live()
		t.Logf("version %d, grouped %v\n%s", w.version, w.grouped, w.story)
		for _, b := range w.boxes {
			for _, c := range b.cells {
				t.Logf("%s: %+v", c.key, c.settings)
			}
		}
		if w.wrong != "" {
			t.Error(w.wrong)
		}
		return
	}
	adverts, moves, bad := 0, 0, 0
	var slowest time.Duration
	n := runs(t)
	for seed := range n {
		w := newWorld(seed)
		settled := w.live()
		slowest = max(slowest, settled)
		adverts, moves = adverts+w.adverts, moves+w.moves
		if w.wrong == "" {
			continue
		}
		t.Errorf("seed %d (VRRP_SEED=%d replays it): %s", seed, seed, w.wrong)
		if bad++; bad == 10 {
			t.FailNow()
		}
	}
	t.Logf("%d worlds, %d adverts, %d transitions, the slowest settled after %s", n, adverts, moves, slowest)
}

// live is a world's life: trouble, calm, agreement, and a last loss that must be made good in time. It returns how long
// agreement took after the last trouble.
func (w *world) live() time.Duration {
	for _, b := range w.boxes {
		if w.rand.IntN(8) > 0 {
			w.queue.push(parcel{at: w.now.Add(w.span(2 * time.Second)), do: func() {
				if !b.alive {
					w.boot(b, false)
				}
			}})
		}
	}
	for range 2 + w.rand.IntN(12) {
		w.queue.push(parcel{at: w.now.Add(w.span(25 * time.Second)), do: w.disturb})
	}
	w.run(epoch.Add(32 * time.Second))
	w.calm()
	calm := w.now
	for w.run(w.now.Add(stillness)); !w.agreed(calm) && w.now.Before(calm.Add(w.patience())); w.run(w.now.Add(stillness / 4)) {
	}
	if !w.agreed(calm) {
		w.fault("no agreement")
	}
	w.agree()
	var settled time.Duration
	for _, b := range w.boxes {
		for _, c := range b.cells {
			settled = max(settled, c.since.Sub(calm))
		}
	}
	w.lose()
	return settled
}

// stillness is how long nothing may move before it counts as agreement: longer than PreemptDelay, GraceMost and a down-interval.
const stillness = 10 * time.Second

// agreed reports whether nothing has moved for long.
func (w *world) agreed(calm time.Time) bool {
	for _, b := range w.boxes {
		for _, c := range b.cells {
			if b.alive && c.since.After(calm) && w.now.Sub(c.since) < stillness {
				return false
			}
		}
	}
	return true
}

// patience is how long agreement may take: a down-interval to notice, PreemptDelay and GraceMost, another down-interval to take over,
// and for groups that may fight, some truces.
func (w *world) patience() time.Duration {
	d := 4*time.Second + 2*time.Second + GraceMost + 4*time.Second + stillness
	if w.grouped {
		d += 10 * time.Second
	}
	return d
}

// connected returns the elections that can reach each other, for each part of each segment.
func (w *world) connected(visit func(part []*cell)) {
	for s := range w.segments {
		done := 0
		for i := range w.boxes {
			if done>>i&1 == 1 {
				continue
			}
			var part []*cell
			for j, b := range w.boxes {
				if i == j || !w.cut[s][i][j] {
					done |= 1 << j
					if b.alive && b.cells[s].ready {
						part = append(part, b.cells[s])
					}
				}
			}
			visit(part)
		}
	}
}

// agree checks that every part has exactly one Active, and the best one if it may preempt.
func (w *world) agree() {
	w.connected(func(part []*cell) {
		var actives []*cell
		for _, c := range part {
			if c.state == Active {
				actives = append(actives, c)
			}
		}
		if len(actives) != min(1, len(part)) {
			w.fault("%d routers, %d Active", len(part), len(actives))
			return
		}
		for _, c := range part {
			best := c.settings.Preempt && c.settings.Priority > actives[0].settings.Priority
			if best && !w.grouped {
				w.fault("%s is Active though %s has %d and preempts", actives[0].key, c.key, c.settings.Priority)
			}
		}
	})
}

// lose kills, stops or breaks an Active box and checks that the next one is there in time (RFC 9568 §6.1): a down-interval
// after its last advert, a skew time after its priority 0, or a down-interval of haste after its priority fell.
func (w *world) lose() {
	w.slow = 1 // one way, one time: nothing overtakes
	w.run(w.now.Add(time.Millisecond + w.span(time.Second)))
	for _, b := range w.boxes {
		if !b.alive || !b.active() || w.wrong != "" {
			continue
		}
		how := w.rand.IntN(3)
		limit := w.takeOver(b, how)
		switch how {
		case killed:
			w.kill(b)
		case stopped:
			w.stop(b, true)
		case sunk:
			for _, c := range b.cells {
				s := c.settings
				s.Priority = 1
				w.configure(c, s)
			}
		}
		w.run(w.now.Add(limit))
		w.inTime(limit)
		if how == sunk {
			w.left(b, limit)
		}
		return
	}
}

// The ways to lose an Active.
const (
	killed = iota
	stopped
	sunk
)

// takeOver returns how long the slowest of the others may take: the one that is there alone has to be in time as well. Groups
// of equal priority whose addresses are in different orders may need a truce or two.
func (w *world) takeOver(lost *box, how int) time.Duration {
	limit := time.Duration(0)
	for _, b := range w.boxes {
		for i, c := range b.cells {
			interval, wait := lost.cells[i].settings.Interval, time.Duration(0)
			switch {
			case how == stopped:
				wait = c.settings.skew(interval)
			case how == sunk && w.version == 3:
				wait = c.settings.downInterval(min(interval, haste))
			default:
				wait = c.settings.downInterval(interval)
			}
			if w.grouped {
				wait += 2 * (c.settings.downInterval(interval) + 2*c.settings.Interval)
			}
			if b != lost {
				limit = max(limit, wait)
			}
		}
	}
	return limit + time.Millisecond
}

// left checks that a box of priority 1 is Active nowhere where there is a better one.
func (w *world) left(b *box, limit time.Duration) {
	w.connected(func(part []*cell) {
		for _, c := range part {
			i := slices.IndexFunc(part, func(other *cell) bool { return other.box == b && other.state == Active })
			if c.box.worst() > 1 && i >= 0 {
				w.fault("%s is still Active %s after its priority fell to 1, though there is %s", part[i].key, limit, c.key)
			}
		}
	})
}

// worst returns a box's lowest priority.
func (b *box) worst() uint8 {
	worst := uint8(Owner)
	for _, c := range b.cells {
		worst = min(worst, c.settings.Priority)
	}
	return worst
}

// inTime checks that every part has an Active again.
func (w *world) inTime(limit time.Duration) {
	w.connected(func(part []*cell) {
		for _, c := range part {
			if c.state == Active {
				return
			}
		}
		if len(part) > 0 {
			w.fault("nobody is Active %s after the Active was lost", limit)
		}
	})
}
