package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// gather is how long the first of several urgent things waits for the others.
	gather = 500 * time.Millisecond
	// often is how often measurements are written: what a power cut costs of the graph.
	often = 5 * time.Minute
	// soonest and latest are how long it waits until it tries a failing disk again; it doubles.
	soonest, latest = 5 * time.Second, time.Minute
	// stuck is when a disk that does not answer is called failing. A worn card may take seconds.
	stuck = 10 * time.Second
	// linger is how long the writer waits at the end for what others still say while they stop.
	linger = 200 * time.Millisecond
	// parting is how long the end takes at most: systemd and the owner wait for it.
	parting = 1500 * time.Millisecond
)

// Run keeps what comes in until ctx ends, and then what waits. A disk that hangs then is left behind. It runs once.
func (d *DB) Run(ctx context.Context) error {
	done := make(chan struct{})
	defer close(d.ended)
	go func() {
		defer close(done)
		w := writer{DB: d, allowance: newAllowance(time.Now())}
		w.run(ctx)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	timer := time.NewTimer(parting)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		d.log.Error("the disk does not answer, the last things are lost")
	}
	return nil
}

// writer is the goroutine that uses the file.
type writer struct {
	*DB
	allowance allowance
	file      *file // nil: it could not be opened
	rotten    error // the damage that was found while the file was in use
	retry     time.Time
	pause     time.Duration
	quiet     time.Time // when measurements were written
}

func (w *writer) run(ctx context.Context) {
	w.quiet = time.Now()
	w.attempt()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(w.next()))
		select {
		case <-ctx.Done():
			w.end()
			return
		case <-w.wake:
			w.answer()
		case f := <-w.asks:
			w.ask(f)
		case <-timer.C:
			w.turn(time.Now())
		}
	}
}

// answer serves those who wait for the disk.
func (w *writer) answer() {
	if w.file == nil {
		w.refuse(cmp.Or(w.Failing(), errSlow))
		return
	}
	w.mu.Lock()
	prompt := w.waiting.prompt
	w.mu.Unlock()
	if prompt {
		w.turn(time.Now())
	}
}

// ask has somebody read.
func (w *writer) ask(f func(*file) error) {
	if err := f(w.file); damaged(err) {
		w.lose(err)
	}
}

// next is when there is something to do.
func (w *writer) next() time.Time {
	if w.file == nil {
		return w.retry
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting.prompt {
		return time.Time{}
	}
	at := w.quiet.Add(often)
	if !w.waiting.urgent.IsZero() {
		if soon := w.allowance.when(w.waiting.urgent.Add(gather)); soon.Before(at) {
			return soon
		}
	}
	return at
}

// turn does what is due.
func (w *writer) turn(now time.Time) {
	if w.file != nil && w.next().After(now) {
		return
	}
	if w.file != nil {
		if err := w.file.there(); err != nil {
			w.log.Warn("the history was taken away", "err", err)
			w.drop()
		}
	}
	if w.file == nil {
		w.attempt()
		return
	}
	w.batch(now)
}

// attempt opens the file, and writes what waits: only then the disk is known to work.
func (w *writer) attempt() {
	defer w.watch()()
	f, err := (*file)(nil), w.rotten
	if err == nil {
		f, err = openFile(w.dir, w.open, w.steps)
	}
	if damaged(err) {
		f, err = w.anew(err)
	}
	if err != nil {
		w.failed(err)
		return
	}
	w.file = f
	if err := w.inherit(); err != nil {
		w.log.Warn("the history of the version before is left where it is", "err", err)
	}
	w.recall()
	w.batch(time.Now())
}

// anew puts a damaged file aside and begins a new one.
func (w *writer) anew(cause error) (*file, error) {
	if err := setAside(w.dir); err != nil {
		return nil, errors.Join(cause, err)
	}
	w.rotten = nil
	f, err := openFile(w.dir, w.open, w.steps)
	if err != nil {
		return nil, err
	}
	w.log.Error("the history was damaged, a new one was begun", "err", cause)
	say := w.Say
	if say == nil {
		say = w.Record
	}
	say(router.Event{Time: time.Now(), Kind: router.EventRouter, Cause: router.CauseDisk, To: "moment",
		Sentence: fmt.Sprintf("The history on the disk was damaged; a new one was begun, and the old one is kept as %s.", filepath.Join(w.dir, name+".damaged"))})
	return f, nil
}

// batch writes what waits.
func (w *writer) batch(now time.Time) {
	b := w.take(now)
	stop := w.watch()
	var err error
	if !b.empty() {
		err = w.file.write(b)
	}
	stop()
	w.mu.Lock()
	w.writing = nil
	if err != nil {
		w.dropped += w.waiting.after(b)
	}
	w.mu.Unlock()
	for _, to := range b.told {
		to <- err
	}
	if err != nil {
		w.lose(err)
		return
	}
	if b.refused != nil {
		w.log.Error("something cannot be kept", "err", b.refused)
	}
	if w.measured != nil {
		w.measured.kept()
	}
	w.pause, w.quiet = 0, now
	w.fail(nil)
}

// take makes what waits the batch to write.
func (w *writer) take(now time.Time) *box {
	var rows []row
	trusted := true
	if w.measured != nil {
		rows, trusted = w.measured.rows(now), !w.measured.unset()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.waiting
	w.writing, w.waiting = b, new(box)
	b.rows, b.at, b.trusted = rows, now, trusted
	if !b.urgent.IsZero() || b.prompt {
		w.allowance.spend(now)
	}
	return b
}

// drop closes a file that is of no use any more.
func (w *writer) drop() {
	_ = w.file.close() // who calls knows why
	w.file = nil
}

// lose closes a file that cannot be written, and tries again later: at once when it is damaged.
func (w *writer) lose(err error) {
	w.drop()
	w.failed(fmt.Errorf("write %s: %w", name, err))
	if damaged(err) {
		w.rotten, w.retry = err, time.Time{}
	}
}

func (w *writer) failed(err error) {
	w.pause = min(max(2*w.pause, soonest), latest)
	w.retry = time.Now().Add(w.pause)
	w.fail(err)
	w.refuse(err)
}

// refuse tells those who wait that nothing is kept.
func (w *writer) refuse(err error) {
	w.mu.Lock()
	told := w.waiting.told
	w.waiting.told, w.waiting.prompt = nil, false
	w.mu.Unlock()
	for _, to := range told {
		to <- err
	}
}

// watch calls a disk failing that does not answer until the returned function is called.
func (w *writer) watch() (stop func()) {
	since := time.Now()
	timer := time.AfterFunc(stuck, func() {
		w.fail(fmt.Errorf("the disk has not answered since %s", since.UTC().Format(time.TimeOnly)))
	})
	return func() { timer.Stop() }
}

// end goes on for as long as others still say something while they stop, and writes what is there then.
func (w *writer) end() {
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for over := false; !over; {
		select {
		case <-w.wake:
			w.answer()
		case f := <-w.asks:
			w.ask(f)
		case <-timer.C:
			over = true
		}
	}
	if w.file == nil {
		w.refuse(errEnded)
		return
	}
	if w.batch(time.Now()); w.file == nil {
		return
	}
	if err := w.file.close(); err != nil {
		w.log.Warn("close the history", "err", err)
	}
}
