package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/pair/handover"
)

// diverter is what hands want of the kernel.
type diverter interface {
	Divert(handover.Diversion) (made bool, err error)
	DivertKept(flow.Change) error
	DivertOwn(flow.Change) error
}

// hands do in the kernel what a hand-over wants, beside the couple's loop: 100,000 flows take it a second. What is wanted of the kernel as a
// whole always comes before the next piece of a list.
type hands struct {
	kernel diverter
	report func(handsDone) // after each piece of work; may block until ctx ends
	log    *slog.Logger

	mu     sync.Mutex
	wanted handover.Diversion
	anew   bool // wanted is to be compared with the kernel, whatever was done before
	vain   bool // the kernel has refused what is wanted: it gets no pieces, and is told to have lost its lists when it takes it
	pieces []piece
	after  []func() // once what is wanted is so
	wake   chan struct{}
}

// piece is a part of a list on its way into the kernel.
type piece struct {
	change flow.Change
	own    bool            // of this router's list
	ticket handover.Ticket // of the whole list, at its end; 0: it is none, or there is more
}

// handsDone is what has become true in the kernel.
type handsDone struct {
	diversion handover.Diversion // that the kernel has
	made      bool               // it had none before, or has missed some of it: its lists are to be loaded again
	piece     piece
}

// retry is how long the kernel is left alone after it refused something.
const retry = time.Second

func newHands(kernel diverter, report func(handsDone), log *slog.Logger) *hands {
	return &hands{kernel: kernel, report: report, log: log, anew: true, wake: make(chan struct{}, 1)}
}

// want has the kernel get another diversion. It never blocks.
func (h *hands) want(d handover.Diversion) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.Is(h.wanted) {
		return
	}
	h.wanted, h.anew = d, true
	if d.Mode == handover.None {
		h.pieces = nil // their lists are gone with it
	}
	ring(h.wake)
}

// check has what is wanted compared with the kernel again: somebody else may have changed it.
func (h *hands) check() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.anew = true
	ring(h.wake)
}

// put has a change of a list, or a whole list anew, go into the kernel. It never blocks.
func (h *hands) put(change flow.Change, own bool, ticket handover.Ticket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.vain {
		return
	}
	if change.Anew { // what waits is of the list before
		kept := h.pieces[:0]
		for _, p := range h.pieces {
			if p.own != own {
				kept = append(kept, p)
			}
		}
		h.pieces = kept
	}
	last := piece{own: own}
	any := false
	for part := range change.Pieces() {
		if any {
			h.pieces = append(h.pieces, last)
		}
		last, any = piece{change: part, own: own}, true
	}
	if last.ticket = ticket; any {
		h.pieces = append(h.pieces, last)
	}
	ring(h.wake)
}

// then has something done as soon as the kernel has what is wanted by now. It never blocks, and what is done must not block either.
func (h *hands) then(what func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.after = append(h.after, what)
	ring(h.wake)
}

// Run works until ctx ends. What it has made stays.
func (h *hands) Run(ctx context.Context) error {
	for {
		work, due := h.next()
		switch {
		case !due:
			select {
			case <-ctx.Done():
				return nil
			case <-h.wake:
			}
		case ctx.Err() != nil:
			return nil
		case !work(h):
			select {
			case <-ctx.Done():
				return nil
			case <-h.wake: // perhaps everything is to go
			case <-time.After(retry):
			}
		}
	}
}

// next is what to do next, which reports whether the kernel took it.
func (h *hands) next() (work func(*hands) bool, due bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wanted := h.wanted
	switch {
	case h.anew:
		h.anew = false
		return func(h *hands) bool { return h.divert(wanted) }, true
	case len(h.after) > 0:
		first := h.after[0]
		h.after = h.after[1:]
		return func(*hands) bool { first(); return true }, true
	case len(h.pieces) == 0 || wanted.Mode == handover.None:
		h.pieces = nil
		return nil, false
	}
	p := h.pieces[0]
	h.pieces = h.pieces[1:]
	return func(h *hands) bool { return h.load(p, wanted) }, true
}

func (h *hands) divert(d handover.Diversion) bool {
	made, err := h.kernel.Divert(d)
	if err != nil {
		h.log.Error("the other router's connections cannot be sent to it", "mode", d.Mode.String(), "err", err)
		h.refused(true)
		return false
	}
	lost := h.refused(false)
	h.report(handsDone{diversion: d, made: made || lost})
	return true
}

// refused notes whether the kernel has refused what is wanted, and returns whether it had before.
func (h *hands) refused(is bool) (before bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, h.vain = h.vain, is
	if is {
		h.anew, h.pieces = true, nil
	}
	return before
}

func (h *hands) load(p piece, d handover.Diversion) bool {
	put := h.kernel.DivertKept
	if p.own {
		put = h.kernel.DivertOwn
	}
	err := put(p.change)
	if err != nil {
		h.log.Warn("a list of connections was not taken", "own", p.own, "err", err)
		h.again() // perhaps somebody has removed it: then it is made anew, and the list with it
	}
	h.report(handsDone{diversion: d, piece: p}) // nothing waits for what the kernel refuses
	return err == nil
}

// again has what is wanted compared with the kernel before anything else is done.
func (h *hands) again() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.anew = true
}
