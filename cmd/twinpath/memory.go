package main

import (
	"context"
	"time"

	"github.com/twinpath/twinpath/router"
)

// record takes an event in. It never blocks.
func (h *household) record(e router.Event) {
	h.store.Record(e)
}

// keep has the store keep things until the function that it returns is called: it outlives everything that has something to keep.
func (h *household) keep(ctx context.Context) (end func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- h.store.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

// watchDisk tells the router whether things can be kept.
func (h *household) watchDisk(ctx context.Context) error {
	for {
		h.router.Tell(router.DiskSeen{Err: h.store.Failing()})
		select {
		case <-ctx.Done():
			return nil
		case <-h.store.Changed():
		}
	}
}

// happened is something worth knowing that has no length.
func happened(now time.Time, cause router.Cause, sentence string) router.Event {
	return router.Event{Time: now, Kind: router.EventRouter, Cause: cause, To: "moment", Sentence: sentence}
}
