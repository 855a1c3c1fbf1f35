package main

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"github.com/twinpath/twinpath/incident"
	"github.com/twinpath/twinpath/router"
)

// record takes an event in. It never blocks.
func (h *household) record(e router.Event) {
	h.store.Record(e)
	h.incidents.Record(e)
}

func (h *household) recordAll(events []router.Event) {
	for _, e := range events {
		h.record(e)
	}
}

// newRecorder connects the book of incidents to the daemon's parts.
func (h *household) newRecorder() *incident.Recorder {
	return incident.New(incident.Ports{
		Source: seen{h}, Tell: h.tell, Open: h.open, Climb: h.climb,
		Load:  func(wan string) (rx, tx uint64) { return h.past.Load(wan) },
		Pulse: incident.PulseFile{Path: filepath.Join(h.keeper.State, "pulse")}, Boot: bootID(), Now: time.Now, Log: h.log,
	})
}

// seen is the router, which is made after the book: it has something to record at once.
type seen struct{ *household }

// Snapshot implements what a Recorder watches.
func (s seen) Snapshot() (*router.Snapshot, <-chan struct{}) { return s.router.Snapshot() }

// climb looks along a line. The ladder is made after the book of incidents, and before anything runs.
func (h *household) climb(ctx context.Context, wan string) ([]router.Rung, netip.Addr) {
	return h.ladder.Climb(ctx, wan)
}

// tell passes an incident on. It never blocks.
func (h *household) tell(i router.Incident) {
	h.store.PutIncident(i)
	h.tellers.desk.Take(i)
	h.chronicle.Told(i)
}

// open returns the incidents that the run before left open. The clock may not be set yet: what began is no reason to leave one out.
func (h *household) open() ([]router.Incident, error) {
	const centuries = 100
	now := time.Now()
	all, err := h.store.Incidents(now, now.AddDate(centuries, 0, 0))
	return slices.DeleteFunc(all, func(i router.Incident) bool { return !i.Open() || i.Elsewhere }), err
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
