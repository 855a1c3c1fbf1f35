package store

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// tens and minutes are the steps of the last hour and of the last day.
	tens, minutes = 10 * time.Second, time.Minute
	// ratio is how many of the ones make one of the others.
	ratio = int64(minutes / tens)
	// hour and day are how many steps are kept.
	hour, day = int(time.Hour / tens), int(24 * time.Hour / minutes)
	// mostLines is how many lines are remembered, with those that are gone: an owner who tries names must not fill the memory.
	mostLines = 64
)

// Source is the router as the history needs it.
type Source interface {
	// Snapshot returns the newest view and a channel that is closed when there is a newer one.
	Snapshot() (*router.Snapshot, <-chan struct{})
}

// History is what the lines were like in the last 24 hours. Make it with NewHistory; Run looks at the lines, each ten
// seconds and at each change, and keeps what it saw in a file.
//
// Steps are counted by the monotonic clock; the wall clock only labels them when somebody asks. So setting the clock moves the whole
// graph, and tears nothing.
type History struct {
	source   Source
	counters func() router.Counters
	path     string
	log      *slog.Logger

	failing atomic.Bool // the file cannot be written

	mu      sync.Mutex
	epoch   time.Time // the beginning of step 0
	tick    int64     // the step of ten seconds under way
	closed  time.Time // when the one before was
	last    *router.Snapshot
	lines   []*line
	earlier *memory // what an earlier run saw; nil: nothing
}

// NewHistory returns the history kept in a directory. It opens nothing.
func NewHistory(dir string, source Source, counters func() router.Counters, log *slog.Logger) *History {
	return &History{source: source, counters: counters, path: filepath.Join(dir, "history.json.gz"), log: log}
}

// Run looks until ctx ends, and then writes the file once more.
func (h *History) Run(ctx context.Context) error {
	h.begin(time.Now())
	h.load()
	var keeping sync.WaitGroup
	keeping.Go(func() { h.keep(ctx) })
	h.look(ctx)
	keeping.Wait()
	h.save()
	return nil
}

// begin lays the grid of steps so that minutes begin with those of the wall clock, until somebody sets that.
func (h *History) begin(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.epoch, h.closed, h.tick = now.Add(-now.Sub(now.Truncate(minutes))), now, 0
	h.tick = h.tickOf(now)
}

func (h *History) tickOf(now time.Time) int64 { return int64(now.Sub(h.epoch) / tens) }

func (h *History) look(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		snapshot, changed := h.source.Snapshot()
		timer.Reset(h.see(time.Now(), snapshot))
		select {
		case <-ctx.Done():
			h.see(time.Now(), snapshot) // a step that has just ended is whole
			return
		case <-changed:
		case <-timer.C:
		}
	}
}

// see takes in how the lines are now, and returns how long until it wants to be called again. The step before is closed first: what was
// counted since is in it, and what happened between two looks is not lost with steps that nobody saw begin.
func (h *History) see(now time.Time, s *router.Snapshot) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	tick := h.tickOf(now)
	if tick != h.tick {
		h.close(now)
		h.tick = tick
		h.forget()
	}
	h.last = s
	for _, w := range s.WANs {
		l := h.line(w.Name)
		if l == nil {
			continue
		}
		l.seen = tick
		l.tens.at(tick).see(w)
		l.minutes.at(tick / ratio).see(w)
	}
	return h.epoch.Add(time.Duration(tick+1) * tens).Sub(now)
}

// close adds what was counted since the last time to the step under way.
func (h *History) close(now time.Time) {
	if h.last == nil {
		return
	}
	var counters router.Counters
	if h.counters != nil {
		counters = h.counters()
	}
	elapsed := now.Sub(h.closed)
	h.closed = now
	for _, w := range h.last.WANs {
		l := h.line(w.Name)
		if l == nil {
			continue
		}
		_, there := counters.Traffic[w.Interface]
		moved := l.meter.read(w.Interface, counters.Of(w), there, elapsed)
		l.add(h.tick, w.Tally.Span(), moved)
	}
}

// line returns the line of a name, and makes one as long as there is room for it: that of one that is gone, at worst.
func (h *History) line(name string) *line {
	oldest := -1
	for i, l := range h.lines {
		if l.name == name {
			return l
		}
		if l.seen < h.tick && (oldest < 0 || l.seen < h.lines[oldest].seen) {
			oldest = i
		}
	}
	l := newLine(name, h.tick)
	switch {
	case len(h.lines) < mostLines:
		h.lines = append(h.lines, l)
	case oldest >= 0:
		h.lines[oldest] = l
	default:
		return nil
	}
	return l
}

// forget drops what is older than a day.
func (h *History) forget() {
	const kept = int64(24 * time.Hour / tens)
	still := h.lines[:0]
	for _, l := range h.lines {
		if l.seen > h.tick-kept {
			still = append(still, l)
		}
	}
	clear(h.lines[len(still):])
	h.lines = still
	if h.tick > kept {
		h.earlier = nil
	}
}
