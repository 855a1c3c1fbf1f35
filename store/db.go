// Package store keeps what happened: events, incidents, measurements, data used, and small things that must survive. It owns
// twinpath.db in the state directory.
//
// One goroutine uses the file. What others bring waits in memory and is written in batches, so that a card lives long; a power cut
// costs the batch under way at most. Readers get what waits, too. A full, broken or hanging disk costs history, never routing.
package store

import (
	"log/slog"
	"sync"
	"time"

	"github.com/twinpath/twinpath/router"
)

// DB is the store. Make it with New; Run writes.
type DB struct {
	// Say is told that the file was damaged and a new one was begun. It is set before Run and must not block, nor read here;
	// without it, the event is only recorded.
	Say func(router.Event)

	dir      string
	log      *slog.Logger
	open     opener
	steps    []string
	measured measured      // nil: there is no History
	wake     chan struct{} // of one: something came in
	asks     chan func(*file) error
	changed  chan struct{} // of one
	ended    chan struct{} // closed: nobody writes any more

	mu      sync.Mutex
	waiting *box
	writing *box // on its way to the disk; nil: nothing is
	failing error
	dropped int // things that had to go since it began to fail
}

// measured is where measurements wait until their batch is written.
type measured interface {
	// earlier takes in what is in the file, once.
	earlier(minutes []row)
	// rows returns what is not in the file yet, with their times as the clock has them now.
	rows(now time.Time) []row
	// kept says that the rows of the last call are in the file.
	kept()
	// unset reports whether nobody has set the clock.
	unset() bool
}

// New returns the store in a directory. It opens nothing.
func New(dir string, log *slog.Logger) *DB {
	return &DB{dir: dir, log: log, open: sqliteFile, steps: steps[:], waiting: new(box),
		wake: make(chan struct{}, 1), asks: make(chan func(*file) error), changed: make(chan struct{}, 1), ended: make(chan struct{})}
}

// Record takes an event in. It never blocks. The event is on the disk within a second, or later when there are thousands a day.
func (d *DB) Record(e router.Event) {
	d.put(true, func(b *box) int { return b.addEvent(e) })
}

// PutIncident takes in an incident in place of what is known of it. It never blocks.
func (d *DB) PutIncident(i router.Incident) {
	d.put(true, func(b *box) int { return b.addIncident(i) })
}

// AddUsage adds to what a line has carried on a day (2006-01-02), in bytes. It never blocks; it is written with the measurements.
func (d *DB) AddUsage(wan, day string, rx, tx uint64) {
	if rx|tx == 0 {
		return
	}
	d.put(false, func(b *box) int { return b.addUsage(usageKey{day, wan}, router.Traffic{Rx: rx, Tx: tx}) })
}

func (d *DB) put(urgent bool, add func(*box) (gone int)) {
	now := time.Now()
	d.mu.Lock()
	d.waiting.come(now, urgent)
	d.dropped += add(d.waiting)
	d.mu.Unlock()
	d.nudge()
}

// nudge has the writer look at what waits.
func (d *DB) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Failing says why nothing is kept; nil: everything is.
func (d *DB) Failing() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failing
}

// Changed has something in it when Failing may have changed. It is for one reader.
func (d *DB) Changed() <-chan struct{} { return d.changed }

// fail says once that nothing is kept any more, and once that it is again: err is nil then.
func (d *DB) fail(err error) {
	d.mu.Lock()
	was, dropped := d.failing, d.dropped
	d.failing = err
	if err == nil {
		d.dropped = 0
	}
	d.mu.Unlock()
	switch {
	case err != nil && was == nil:
		d.log.Error("nothing is kept any more; routing goes on", "err", err)
	case err == nil && was != nil:
		d.log.Info("everything is kept again", "lost", dropped)
	case err == nil || err.Error() == was.Error():
		return
	}
	select {
	case d.changed <- struct{}{}:
	default:
	}
}
