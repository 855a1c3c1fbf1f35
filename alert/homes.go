package alert

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/router"
)

// Homes keep every MQTT broker among the channels told of how the router is (channel.Home).
type Homes struct {
	source Source
	ways   func() []channel.Way
	log    *slog.Logger
	want   chan map[string]bool // URLs; of one: the latest wins
}

// NewHomes returns homes that tell what source shows, over the lines which ways says are up, the best one first.
func NewHomes(source Source, ways func() []channel.Way, log *slog.Logger) *Homes {
	return &Homes{source: source, ways: ways, log: log, want: make(chan map[string]bool, 1)}
}

// Use takes over which there are. It never blocks.
func (h *Homes) Use(cfg router.Config) {
	want := map[string]bool{}
	for _, to := range cfg.Alert.To {
		if channel.IsBroker(to.URL) {
			want[to.URL] = true
		}
	}
	wish(h.want, want)
}

// Run tells them until ctx ends.
func (h *Homes) Run(ctx context.Context) error {
	keep(ctx, h.want, func(ctx context.Context, url string) {
		home, err := channel.NewHome(url, h.facts, h.ways, h.log)
		if err != nil {
			h.log.Warn("a broker cannot be told", "reason", err) // the configuration was checked
			return
		}
		_ = home.Run(ctx) // which ends with ctx only
	})
	return nil
}

func (h *Homes) facts() (channel.Facts, <-chan struct{}) {
	s, changed := h.source.Snapshot()
	return factsOf(s), changed
}

// factsOf is what home automation gets of a snapshot. A line that is down has no latency, and one without a budget no used data.
func factsOf(s *router.Snapshot) channel.Facts {
	f := channel.Facts{Router: s.Router, Version: s.Version, Verdict: string(s.Verdict), Sentence: s.Sentence}
	var active []string
	for _, w := range s.WANs {
		line := channel.Line{Name: w.Name, State: w.State}
		if w.Active {
			active = append(active, w.Name)
		}
		if rtt := time.Duration(w.RTT); rtt > 0 && w.State != "down" {
			line.RTT = &rtt
		}
		if w.State != "unknown" {
			line.Loss = &w.Loss
		}
		if w.Budget != nil {
			line.Used = &w.Budget.Used.Month
		}
		f.Lines = append(f.Lines, line)
	}
	f.Active = strings.Join(active, ", ")
	return f
}
