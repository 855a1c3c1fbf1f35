// Package drill rehearses the failure of a line: it proves that the one that would take over carries real traffic.
//
// Choose says by the router's own rule who would carry the house. Prove sends through that line and no other: pings, names, TLS, a
// megabyte, large packets. Driller does one rehearsal at a time, on wish or once a week, and keeps what came of it. It owns no socket but
// those of Prove, and the house is moved by the router alone, which takes it back by itself.
package drill

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// limit is how long a line may take to be proven. Each step has a limit of its own; together they stay below.
	limit = time.Minute
	// kept is how many rehearsals are remembered: those of a third of a year where there is one a week.
	kept = 20
)

// ErrBusy is returned while another rehearsal goes on.
var ErrBusy = errors.New("a rehearsal goes on: one at a time")

// Source is the router's snapshot, with a channel that is closed when there is a newer one.
type Source interface {
	Snapshot() (*router.Snapshot, <-chan struct{})
}

// Shelf keeps small things over restarts. Put returns when the thing is kept.
type Shelf interface {
	Put(key string, value []byte) error
	Drop(key string) error
	All() ([][]byte, error)
}

// Ports are the ways to the world.
type Ports struct {
	Source Source
	Tell   func(router.Fact)  // must not block
	Record func(router.Event) // must not block
	Shelf  Shelf
	// Line opens a way that leads over one line only.
	Line func(router.WANSnapshot) Line
	// Prove is the package's own; tests have another.
	Prove func(ctx context.Context, t Task, say func(router.DrillStep)) Proof
	// House pings a target by whatever way the house would use.
	House func(ctx context.Context, target string) (time.Duration, error)
	Now   func() time.Time
	// Spread is from 0 to 1, another one in each house: not all of them fetch at the same minute.
	Spread float64
	Log    *slog.Logger
}

// Driller does rehearsals. Make it with New.
type Driller struct {
	ports  Ports
	orders chan order
	news   chan struct{}

	mu      sync.Mutex
	cfg     router.Config
	running *router.DrillView // nil: none goes on
	end     context.CancelFunc
	kept    []router.DrillView // oldest first
}

// order is a rehearsal to be done.
type order struct {
	ctx  context.Context
	view router.DrillView
}

// New returns a Driller that does nothing until Run.
func New(cfg router.Config, ports Ports) *Driller {
	return &Driller{ports: ports, cfg: cfg, orders: make(chan order, 1), news: make(chan struct{}, 1)}
}

// Use replaces the configuration. It never blocks.
func (d *Driller) Use(cfg router.Config) {
	d.mu.Lock()
	d.cfg = cfg
	d.mu.Unlock()
	select {
	case d.news <- struct{}{}:
	default: // somebody has to look already
	}
}

// Start begins to rehearse the failure of a line and returns the rehearsal as it is then. Full really moves the house for a minute,
// when the other line is proven. The error says why there is nothing to rehearse; ErrBusy that it has to wait.
func (d *Driller) Start(wan string, full bool) (router.DrillView, error) {
	return d.start(wan, full, false)
}

func (d *Driller) start(wan string, full, weekly bool) (router.DrillView, error) {
	s, _ := d.ports.Source.Snapshot()
	c, err := Choose(s, wan)
	if err == nil && full {
		err = c.movable(s)
	}
	if err != nil {
		return router.DrillView{}, err
	}
	now := d.ports.Now()
	view := router.DrillView{
		ID: now.UTC().Format("20060102T150405Z") + "-" + wan, WAN: wan, Through: c.through(), Full: full, Weekly: weekly, Start: now.UTC(),
		Sentence: c.begins(),
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running != nil {
		return router.DrillView{}, ErrBusy
	}
	o := order{view: view}
	o.ctx, d.end = context.WithCancel(context.Background())
	d.running = &view
	d.orders <- o // has room: nothing else runs
	return view, nil
}

// Stop ends the rehearsal that goes on. The house is back on its line at once.
func (d *Driller) Stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running != nil {
		d.end()
	}
}

// Drills returns the rehearsal that goes on and those that are kept, newest first.
func (d *Driller) Drills() []router.DrillView {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []router.DrillView
	if d.running != nil {
		all = append(all, *d.running)
	}
	for i := len(d.kept) - 1; i >= 0; i-- {
		all = append(all, d.kept[i])
	}
	return all
}

// Run does what was ordered, and what the week asks for, until ctx ends.
func (d *Driller) Run(ctx context.Context) error {
	d.recall()
	w := week{started: d.ports.Now(), spread: d.ports.Spread}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case o := <-d.orders:
			d.perform(ctx, o)
		case <-d.news:
			d.forget()
		case <-timer.C:
			d.weekly(ctx, &w)
		}
		timer.Reset(d.sleep(w))
	}
}

// config returns the configuration in use.
func (d *Driller) config() router.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cfg
}
