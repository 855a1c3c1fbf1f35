package vrrp

import (
	"context"
	"log/slog"
	"time"
)

// hands puts virtual addresses on interfaces and keeps them alive, so that adverts never wait for the kernel's answer.
type hands struct {
	kernel Kernel
	log    *slog.Logger

	wish  chan order // of one: the latest wins
	nudge chan struct{}
	done  chan held
	told  string // the last complaint, so that it is made once
}

type order struct {
	number uint64
	all    []Holding
}

// held is the answer to an order.
type held struct {
	number   uint64
	restored []Holding
	err      error
}

func newHands(kernel Kernel, log *slog.Logger) *hands {
	return &hands{kernel: kernel, log: log, wish: make(chan order, 1), nudge: make(chan struct{}, 1), done: make(chan held, 1)}
}

// want replaces what is to be held.
func (h *hands) want(o order) {
	select {
	case <-h.wish:
	default:
	}
	h.wish <- o // the loop is the only sender
}

func (h *hands) lookAgain() {
	select {
	case h.nudge <- struct{}{}:
	default:
	}
}

// run works until ctx ends. Before the first order it leaves everything alone: what an earlier run has left may be wanted.
func (h *hands) run(ctx context.Context) {
	var current order
	select {
	case <-ctx.Done():
		return
	case current = <-h.wish:
	}
	beat := time.NewTicker(Refresh)
	defer beat.Stop()
	last, stood := time.Now(), time.Time{}
	for refresh := false; ; {
		// After a longer time the addresses have expired, and somebody else may have them: the loop knows when it has asked,
		// or has other orders by the next beat.
		switch {
		case time.Since(last) >= Lifetime && stood.IsZero():
			stood = time.Now()
		case time.Since(last) < Lifetime || time.Since(stood) >= Refresh:
			h.hold(ctx, current, refresh)
			last, stood = time.Now(), time.Time{}
		}
		refresh = false
		select {
		case <-ctx.Done():
			return
		case current = <-h.wish:
			last = time.Now()
		case <-beat.C:
			refresh = true
		case <-h.nudge:
		}
	}
}

func (h *hands) hold(ctx context.Context, o order, refresh bool) {
	restored, err := h.kernel.Hold(o.all, refresh)
	complaint := ""
	if err != nil {
		complaint = err.Error()
	}
	if complaint != h.told && complaint != "" {
		h.log.Error("hold virtual addresses", "err", err)
	}
	h.told = complaint
	select {
	case <-ctx.Done():
	case h.done <- held{o.number, restored, err}:
	}
}
