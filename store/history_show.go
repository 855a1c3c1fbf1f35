package store

import (
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// remembered is the minutes of an earlier run.
type remembered struct {
	until time.Time // the end of the newest, by the wall clock
	lines map[string][]cell
}

// get returns the cell that ended so many minutes before the newest one did, 1 being that.
func (m remembered) get(name string, ago int64) cell {
	cells := m.lines[name]
	if at := int64(len(cells)) - ago; ago >= 1 && at >= 0 {
		return cells[at]
	}
	return cell{}
}

// History returns what the lines were like in the last hours, 1 to 9600: by ten seconds for the last one, by minutes up to 24,
// else by hours. The step under way is not in it.
func (h *History) History(hours int) router.Measures { return h.show(time.Now(), hours) }

// Minutes returns what the lines were like in the last minutes, 1 to 10, by the second.
func (h *History) Minutes(n int) router.Measures {
	return h.draw(time.Now(), view{step: seconds, n: min(max(n, 1), 10) * int(ratio), at: (*History).second})
}

func (h *History) show(now time.Time, hours int) router.Measures {
	switch {
	case hours <= 1:
		return h.draw(now, view{step: tens, n: int(time.Hour / tens), at: (*History).ten})
	case hours <= 24:
		return h.draw(now, view{step: minutes, n: hours * int(time.Hour/minutes), at: (*History).minute})
	}
	return h.long(now, min(hours, int(keptDays/time.Hour)))
}

// Load returns what a line carried in the last ten seconds, in bytes per second.
func (h *History) Load(wan string) (rx, tx uint64) {
	const span = int64(tens / seconds)
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.find(wan)
	if l == nil {
		return 0, 0
	}
	for tick := h.tick - span; tick < h.tick; tick++ {
		c := l.seconds.get(tick)
		rx, tx = rx+c.rx, tx+c.tx
	}
	return rx / uint64(span), tx / uint64(span)
}

// view is the last n steps, and how to get one.
type view struct {
	step time.Duration
	n    int
	at   func(h *History, l *line, name string, tick, gap int64) cell
}

func (h *History) draw(now time.Time, v view) router.Measures {
	h.mu.Lock()
	defer h.mu.Unlock()
	begin := h.beginning(now)
	// A clock that was behind at the start gives no gap at all; when it is set, the gap is what it was.
	gap := max(int64(begin.Sub(h.past.until).Round(minutes)/minutes), 0)
	tick := int64(now.Sub(h.epoch) / v.step)
	m := router.Measures{Step: int(v.step / time.Second), Until: begin.Add(time.Duration(tick) * v.step).UTC(), WANs: []router.MeasuredWAN{}}
	for _, name := range h.names() {
		l, points := h.find(name), make([]*router.Point, v.n)
		for i := range points {
			points[i] = v.at(h, l, name, tick-int64(v.n-i), gap).point()
		}
		m.WANs = append(m.WANs, router.MeasuredWAN{Name: name, Points: points})
	}
	return m
}

// beginning is when step 0 began, as the wall clock has it now.
func (h *History) beginning(now time.Time) time.Time { return now.Add(-now.Sub(h.epoch)).Round(0) }

// The next three return a step; what was before step 0 an earlier run saw, and gap minutes are between them.

func (h *History) second(l *line, _ string, tick, _ int64) cell {
	if l == nil {
		return cell{}
	}
	return l.seconds.get(tick)
}

func (h *History) ten(l *line, name string, tick, gap int64) cell {
	const size, share = int64(tens / seconds), int64(minutes / tens)
	if tick < 0 { // nobody knows more than its minute
		c := h.past.get(name, (share-1-tick)/share-gap)
		c.rx, c.tx = c.rx/uint64(share), c.tx/uint64(share)
		return c
	}
	if l == nil {
		return cell{}
	}
	var cells [size]cell
	for n := range size {
		cells[n] = l.seconds.get(tick*size + n)
	}
	return sum(cells[:])
}

func (h *History) minute(l *line, name string, tick, gap int64) cell {
	if tick < 0 {
		return h.past.get(name, -tick-gap)
	}
	if l == nil {
		return cell{}
	}
	return l.minutes.get(tick)
}

// names are the lines of now in their order, then those that are gone.
func (h *History) names() []string {
	var names, gone []string
	if h.last != nil {
		for _, w := range h.last.WANs {
			names = append(names, w.Name)
		}
	}
	for _, l := range h.lines {
		gone = append(gone, l.name)
	}
	for name := range h.past.lines {
		gone = append(gone, name)
	}
	slices.SortFunc(gone, strings.Compare)
	for _, name := range gone {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names[:min(len(names), mostLines)]
}

func (h *History) find(name string) *line {
	for _, l := range h.lines {
		if l.name == name {
			return l
		}
	}
	return nil
}
