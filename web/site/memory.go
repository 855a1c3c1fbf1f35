package site

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// week is how far back the page shows what happened.
	week = 7 * 24 * time.Hour
	// fresh is the least age of what the daemon reads from its disk for us.
	fresh = time.Second
	// minute is how old measurements may be: they have one point per minute.
	minute = 30 * time.Second
)

// week of events, kept here so that the daemon has to read its disk for the new ones only.
func (h *hub) events(ctx context.Context) ([]router.Event, int, error) {
	return h.happened.get(ctx, h.age(fresh), func(ctx context.Context, known []router.Event) ([]router.Event, error) {
		from := time.Now().Add(-week)
		if n := len(known); n > 0 {
			// The API counts in seconds, and a clock that is set back makes the next event an older one: the last ones
			// are asked for again.
			from = known[n-1].Time
			if again := time.Now().Add(-time.Minute); again.Before(from) {
				from = again
			}
			from = from.Truncate(time.Second)
		}
		newer, err := h.client.Events(ctx, from)
		if err != nil {
			return nil, err
		}
		oldest := time.Now().Add(-week)
		older := slices.DeleteFunc(slices.Clone(known), func(e router.Event) bool { return !e.Time.Before(from) || e.Time.Before(oldest) })
		return append(older, newer...), nil
	})
}

// incidents are those of the last week, newest first.
func (h *hub) incidents(ctx context.Context) ([]router.Incident, int, error) {
	return h.troubles.get(ctx, h.age(fresh), func(ctx context.Context, _ []router.Incident) ([]router.Incident, error) {
		return h.client.Incidents(ctx, time.Now().Add(-week), time.Time{})
	})
}

// day is what the lines were like over the last 24 hours.
func (h *hub) day(ctx context.Context) (*router.Measures, int, error) {
	return h.measured.get(ctx, h.age(minute), func(ctx context.Context, _ *router.Measures) (*router.Measures, error) {
		text, err := h.client.History(ctx, 24)
		if err != nil {
			return nil, err
		}
		m := new(router.Measures)
		if err := json.Unmarshal(text, m); err != nil {
			return nil, fmt.Errorf("read measurements: %w", err)
		}
		if m.Step < 1 {
			return nil, fmt.Errorf("read measurements: a step of %d seconds", m.Step)
		}
		return m, nil
	})
}

// metrics are the daemon's own text, in the format that is wanted.
func (h *hub) metrics(ctx context.Context, open bool) ([]byte, error) {
	path, kept := "/metrics", &h.counted[0]
	if open {
		path, kept = "/metrics?format=openmetrics", &h.counted[1]
	}
	text, _, err := kept.get(ctx, h.age(fresh), func(ctx context.Context, _ []byte) ([]byte, error) { return h.client.Raw(ctx, path) })
	return text, err
}

// age is how old an answer may be: while the daemon is silent whatever is known is good, and nobody has to wait for more.
func (h *hub) age(usual time.Duration) time.Duration {
	if n := h.seen(); n != nil && !n.silent.IsZero() {
		return math.MaxInt64
	}
	return usual
}
