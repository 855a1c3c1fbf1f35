package main

import (
	"context"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"github.com/twinpath/twinpath/image/slot"
	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/router"
)

// watchClock tells the router whether somebody has set the clock, until somebody has: what it loses after that is seconds a day.
func (h *household) watchClock(ctx context.Context) error {
	const period = 10 * time.Second
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		set, err := kernel.ClockSet(time.Now())
		if err != nil {
			h.log.Warn("the clock cannot be judged", "reason", err)
			return nil
		}
		h.router.Tell(router.ClockSeen{Set: set})
		if set {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// live tells how this run began, and what became of the image's last update.
func (h *household) live(ctx context.Context) error {
	began := make(chan []router.Event, 1)
	go func() { began <- h.life.begin(time.Now(), version, bootID()) }()
	select {
	case events := <-began:
		h.recordAll(events)
	case <-ctx.Done():
		return nil
	}
	return h.watchUpdate(ctx)
}

// part tells that the run ends in good order. It waits no longer for the disk than an owner would notice.
func (h *household) part() {
	const bearable = 500 * time.Millisecond
	now := time.Now()
	h.record(router.Event{Time: now, Kind: router.EventRouter, To: "ended", Sentence: "Twinpath is switched off."})
	written := make(chan struct{})
	go func() { defer close(written); h.life.end(now) }()
	select {
	case <-written:
	case <-time.After(bearable):
	}
}

// watchUpdate tells what became of the image's last update. The judge of a new system takes minutes.
func (h *household) watchUpdate(ctx context.Context) error {
	const period, enough = 15 * time.Second, 20 * time.Minute
	if _, err := slot.Running("/"); err != nil {
		return nil // no image
	}
	book := &slot.Book{Dir: filepath.Join("/", dataDir, "system")}
	tick := time.NewTicker(period)
	defer tick.Stop()
	for start := time.Now(); time.Since(start) < enough; {
		if r, there, err := book.Last(); err == nil && there {
			h.recordAll(h.life.updated(time.Now(), r))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	return nil
}

// lookout says that somebody guesses passwords, once an hour.
type lookout struct {
	record func(router.Event)

	mu   sync.Mutex
	said time.Time
}

// guessed hears of a wrong password of somebody who has tried several.
func (l *lookout) guessed(now time.Time, source netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.said.IsZero() && now.Sub(l.said) < time.Hour {
		return
	}
	l.said = now
	l.record(happened(now, router.CauseLogin, "Somebody at "+source.String()+" guesses the password of this router's page."))
}
