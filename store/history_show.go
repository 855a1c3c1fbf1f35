package store

import (
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// memory is what an earlier run saw.
type memory struct{ tens, minutes remembered }

// remembered is the earlier run's steps of one length.
type remembered struct {
	until time.Time // the end of the newest, by the wall clock
	lines map[string][]cell
}

// get returns the cell that ended so long ago, 1 being the newest.
func (m remembered) get(name string, ago int64) cell {
	cells := m.lines[name]
	if at := int64(len(cells)) - ago; ago >= 1 && at >= 0 {
		return cells[at]
	}
	return cell{}
}

// History returns what the lines were like in the last hours, 1 to 24: by minutes, or by ten seconds for the last one. The step
// under way is not in it.
func (h *History) History(hours int) router.Measures { return h.show(time.Now(), hours) }

func (h *History) show(now time.Time, hours int) router.Measures {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := view{step: minutes, n: min(max(hours, 1), 24) * int(time.Hour/minutes), ring: func(l *line) ring { return l.minutes }}
	if hours <= 1 {
		v = view{step: tens, n: hour, ring: func(l *line) ring { return l.tens }}
	}
	v.tick = int64(now.Sub(h.epoch) / v.step)
	begin := now.Add(-now.Sub(h.epoch)).Round(0) // of step 0, as the wall clock has it now
	if h.earlier != nil {
		v.earlier = h.earlier.minutes
		if v.step == tens {
			v.earlier = h.earlier.tens
		}
		// A clock that was behind at the start gives no gap at all; when it is set, the gap is what it was.
		v.gap = max(int64(begin.Sub(v.earlier.until).Round(v.step)/v.step), 0)
	}
	m := router.Measures{Step: int(v.step / time.Second), Until: begin.Add(time.Duration(v.tick) * v.step).UTC(), WANs: []router.MeasuredWAN{}}
	for _, name := range h.names(v.earlier) {
		m.WANs = append(m.WANs, router.MeasuredWAN{Name: name, Points: v.points(h.find(name), name)})
	}
	return m
}

// names are the lines of now in their order, then those that are gone.
func (h *History) names(earlier remembered) []string {
	var names, gone []string
	if h.last != nil {
		for _, w := range h.last.WANs {
			names = append(names, w.Name)
		}
	}
	for _, l := range h.lines {
		gone = append(gone, l.name)
	}
	for name := range earlier.lines {
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

// view is the last n steps before tick.
type view struct {
	step    time.Duration
	n       int
	tick    int64
	ring    func(*line) ring
	earlier remembered
	gap     int64 // steps between the earlier run's newest and step 0
}

func (v view) points(l *line, name string) []*router.Point {
	points := make([]*router.Point, v.n)
	for i := range points {
		tick := v.tick - int64(v.n-i)
		switch {
		case tick < 0:
			points[i] = v.earlier.get(name, -tick-v.gap).point()
		case l != nil:
			points[i] = v.ring(l).get(tick).point()
		}
	}
	return points
}
