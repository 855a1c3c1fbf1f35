package ladder

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/incident"
	"github.com/twinpath/twinpath/router"
)

const (
	// learnEvery is how often the way out of a line that works is learned: 2 kB each time, of which a metered line is spared most.
	learnEvery, learnMetered = time.Hour, 24 * time.Hour
	// steady is for how long a line must have worked before: what is learned while it comes back may be a detour.
	steady = 30 * time.Second
)

// Run learns the ways of lines that work until ctx ends.
func (c *Climber) Run(ctx context.Context) error {
	const often = 30 * time.Second
	c.recall()
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		s, _ := c.ports.View()
		for _, w := range s.WANs {
			if c.due(time.Now(), s, w) {
				c.learn(ctx, w)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// due reports whether the way of a line is to be learned again.
func (c *Climber) due(now time.Time, s *router.Snapshot, w router.WANSnapshot) bool {
	every := learnEvery
	if w.Metered {
		every = learnMetered
	}
	age := now.Sub(c.way(w.Name).At)
	return w.State == health.Up.String() && farHost(w).IsValid() && s.Time.Sub(w.Since) >= steady && (age >= every || age < 0)
}

func (c *Climber) learn(ctx context.Context, w router.WANSnapshot) {
	traced, err := health.Trace(ctx, wayOut(w), farHost(w))
	way := incident.Way{At: time.Now().UTC(), Hops: traced.Hops}
	after, still := c.line(w.Name)
	if err != nil || !traced.Reached && len(traced.Hops) == 0 || !still || after.State != w.State {
		way = c.way(w.Name) // it does not answer such questions, or has just failed: not again at once
		way.At = time.Now().UTC()
	}
	c.mu.Lock()
	c.known[w.Name] = way
	maps.DeleteFunc(c.known, func(name string, _ incident.Way) bool { _, there := c.line(name); return !there })
	text, err := json.Marshal(c.known)
	c.mu.Unlock()
	if err == nil && c.ports.Shelf != nil {
		err = c.ports.Shelf.Put("known", text)
	}
	if err != nil {
		c.ports.Log.Debug("ways of the lines not kept", "err", err)
	}
}

// recall takes over what an earlier run has learned.
func (c *Climber) recall() {
	if c.ports.Shelf == nil {
		return
	}
	items, _ := c.ports.Shelf.All() // what cannot be read is learned again
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range items {
		_ = json.Unmarshal(i.Value, &c.known)
	}
}

func (c *Climber) way(name string) incident.Way {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[name]
}
