package store

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// seconds, tens and minutes are the steps of ten minutes, of the last hour and of the last day.
	seconds, tens, minutes = time.Second, 10 * time.Second, time.Minute
	// ratio is how many of the ones make one of the others.
	ratio = int64(minutes / seconds)
	// hour and day are how many steps are kept in memory.
	hour, day = int(time.Hour / seconds), int(24 * time.Hour / minutes)
	// mostLines is how many lines are remembered, with those that are gone: an owner who tries names must not fill the memory.
	// One takes 200 KB.
	mostLines = 32
	// blink is how late a look may be: in between nothing changed, or there would have been one.
	blink = 3
)

// Source is the router as the history needs it.
type Source interface {
	// Snapshot returns the newest view and a channel that is closed when there is a newer one.
	Snapshot() (*router.Snapshot, <-chan struct{})
}

// History is what the lines were like: by the second for an hour and by the minute for a day in memory, and in the DB by the minute for two
// days and by the hour for 400. Make it with NewHistory; Run looks at the lines, each second and at each change.
//
// Steps are counted by the monotonic clock; the wall clock only labels them when somebody asks, or when they are written. So
// setting the clock moves the whole graph, and tears nothing.
type History struct {
	db      *DB
	source  Source
	traffic func() map[string]router.Traffic
	log     *slog.Logger

	mu       sync.Mutex
	epoch    time.Time // the beginning of step 0
	tick     int64     // the second under way
	closed   time.Time // when the one before was
	last     *router.Snapshot
	lines    []*line
	past     remembered // what an earlier run saw
	recalled bool       // it was looked for
	saved    int64      // the minute from which on nothing is in the file
	offered  int64      // what saved becomes when the rows are
}

// NewHistory returns the history whose past is in a DB. It starts nothing. It is made before the DB runs.
func NewHistory(db *DB, source Source, traffic func() map[string]router.Traffic, log *slog.Logger) *History {
	h := &History{db: db, source: source, traffic: traffic, log: log}
	h.begin(time.Now())
	db.measured = h
	return h
}

// Run looks until ctx ends. The DB writes what was seen.
func (h *History) Run(ctx context.Context) error {
	h.begin(time.Now())
	h.look(ctx)
	return nil
}

// begin lays the grid of steps so that minutes begin with those of the wall clock, until somebody sets that.
func (h *History) begin(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.epoch, h.closed, h.tick = now.Add(-now.Sub(now.Truncate(minutes))), now, 0
	h.tick = h.tickOf(now)
}

func (h *History) tickOf(now time.Time) int64 { return int64(now.Sub(h.epoch) / seconds) }

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
	tick := h.turn(now)
	h.last = s
	for _, w := range s.WANs {
		if l := h.line(w.Name); l != nil {
			l.see(tick, w)
		}
	}
	if len(s.WANs) == 0 { // a VRRP daemon of a server has better things to do
		return minutes
	}
	return h.epoch.Add(time.Duration(tick+1) * seconds).Sub(now)
}

// turn closes the second under way when it is over, and returns the one of now.
func (h *History) turn(now time.Time) int64 {
	tick := h.tickOf(now)
	if tick == h.tick {
		return tick
	}
	h.close(now)
	if missed := tick - h.tick - 1; missed > 0 && missed < blink && h.last != nil {
		for _, w := range h.last.WANs {
			for t := h.tick + 1; t < tick; t++ {
				if l := h.line(w.Name); l != nil {
					l.see(t, w)
				}
			}
		}
	}
	h.tick = tick
	h.forget()
	return tick
}

// close adds what was counted since the last time to the step under way.
func (h *History) close(now time.Time) {
	if h.last == nil || len(h.last.WANs) == 0 {
		return
	}
	var counters router.Counters
	if h.traffic != nil {
		counters.Traffic = h.traffic()
	}
	elapsed := now.Sub(h.closed)
	h.closed = now
	for _, w := range h.last.WANs {
		l := h.line(w.Name)
		if l == nil {
			continue
		}
		device := cmp.Or(w.Device, w.Interface)
		_, there := counters.Traffic[device]
		moved := l.meter.read(device, counters.Of(w), there, elapsed)
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
	const kept = int64(24 * time.Hour / seconds)
	still := h.lines[:0]
	for _, l := range h.lines {
		if l.seen > h.tick-kept {
			still = append(still, l)
		}
	}
	clear(h.lines[len(still):])
	h.lines = still
	if h.tick > kept {
		h.past = remembered{}
	}
}
