package alert

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/router"
)

// Times of a heartbeat, chosen here. A watch that is asked more than five times a minute may refuse (healthchecks.io).
const (
	usualBeat   = 5 * time.Minute
	quickRetry  = 3 * time.Second
	quickTries  = 3
	afterFailed = time.Minute
	lookForLine = 5 * time.Second
)

// Hearts asks for the URLs by which somebody outside watches the router and each of its lines. What stops asks no more, and the
// watch says so: of a dead line, and of what nobody in the house can tell of any more.
type Hearts struct {
	ways func() []channel.Way
	log  *slog.Logger
	want chan map[heart]bool // of one: the latest wins
}

// heart is one URL.
type heart struct {
	wan   string // empty: over whichever line works
	url   string
	every time.Duration
}

// NewHearts returns hearts that beat over the lines which ways says are up, the best one first; a Way bears the name of its WAN.
func NewHearts(ways func() []channel.Way, log *slog.Logger) *Hearts {
	return &Hearts{ways: ways, log: log, want: make(chan map[heart]bool, 1)}
}

// Use takes over which there are. It never blocks.
func (h *Hearts) Use(cfg router.Config) {
	every := cfg.Alert.Every
	if every == 0 {
		every = usualBeat
	}
	want := map[heart]bool{}
	if cfg.Alert.Heartbeat != "" {
		want[heart{"", cfg.Alert.Heartbeat, every}] = true
	}
	for _, w := range cfg.WANs {
		if w.Heartbeat != "" {
			want[heart{w.Name, w.Heartbeat, every}] = true
		}
	}
	wish(h.want, want)
}

// Run lets them beat until ctx ends. One that stays as it was beats on when the configuration changes.
func (h *Hearts) Run(ctx context.Context) error {
	keep(ctx, h.want, h.beat)
	return nil
}

// beat asks for one URL again and again.
func (h *Hearts) beat(ctx context.Context, b heart) {
	failing := false
	for ctx.Err() == nil {
		wait := lookForLine
		if ways := b.lines(h.ways()); len(ways) > 0 {
			err := try(ctx, b.url, ways)
			if ctx.Err() != nil {
				return
			}
			h.tell(b, err, failing)
			failing = err != nil
			// Never later than the watch expects, and not all at once.
			if wait = b.every - rand.N(b.every/10+1); failing {
				wait = min(wait, afterFailed)
			}
		}
		pause(ctx, wait)
	}
}

// lines are those that a heart beats over.
func (b heart) lines(ways []channel.Way) []channel.Way {
	if b.wan == "" {
		return ways
	}
	for _, way := range ways {
		if way.Name == b.wan {
			return []channel.Way{way}
		}
	}
	return nil
}

// try asks up to three times, over one line after the other.
func try(ctx context.Context, url string, ways []channel.Way) error {
	var err error
	for n := range quickTries {
		if n > 0 {
			pause(ctx, quickRetry)
		}
		if err = channel.Ping(ctx, ways[n%len(ways)], url); err == nil {
			return nil
		}
	}
	return err
}

// tell logs a change.
func (h *Hearts) tell(b heart, err error, failing bool) {
	log := h.log
	if b.wan != "" {
		log = log.With("wan", b.wan)
	}
	switch {
	case err != nil && !failing:
		log.Warn("the watch outside does not answer the heartbeat", "reason", err)
	case err == nil && failing:
		log.Info("the watch outside answers the heartbeat again")
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
