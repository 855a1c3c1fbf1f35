// Package script runs the owner's programs when a virtual router changes its state.
//
// Each instance has its own queue: its programs run in order and one at a time, and a state that is outdated before
// its turn comes is skipped. Instances do not wait for each other.
package script

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/twinpath/twinpath/program"
)

const (
	// limit is how long one program may take: as long as a service may take to start.
	limit = 30 * time.Second
	// grace is what it has for an orderly end after SIGTERM: the daemon's own clean stop takes less than two seconds.
	grace = time.Second
)

// Change is one instance's new state and what is to be run for it.
type Change struct {
	Instance    string
	State       string
	Programs    []string // each a path with arguments, run in this order
	Arguments   []string // behind those of each program
	Environment []string // "KEY=value"
}

// Runner runs programs. Make it with New.
type Runner struct {
	log   *slog.Logger
	limit time.Duration

	mu      sync.Mutex
	waiting map[string]Change // the newest of each instance that has not begun
	busy    map[string]bool
	order   []string // of the waiting
	wake    chan struct{}
	running sync.WaitGroup
}

// New returns a Runner that does nothing until Run.
func New(log *slog.Logger) *Runner {
	return &Runner{log: log, limit: limit, waiting: map[string]Change{}, busy: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// Change asks for a state's programs to be run. It never blocks; an older state that still waits is dropped.
func (r *Runner) Change(c Change) {
	r.mu.Lock()
	old, waits := r.waiting[c.Instance]
	r.waiting[c.Instance] = c
	if !waits {
		r.order = append(r.order, c.Instance)
	}
	r.mu.Unlock()
	if waits {
		r.log.Warn("script skipped: the state is outdated before its turn came", "vrrp", c.Instance, "state", old.State, "now", c.State)
	}
	r.ring()
}

func (r *Runner) ring() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run runs programs until ctx ends, which ends those that run, too.
func (r *Runner) Run(ctx context.Context) error {
	defer r.running.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		}
		for _, c := range r.take() {
			r.running.Go(func() {
				r.serve(ctx, c)
				r.mu.Lock()
				delete(r.busy, c.Instance)
				r.mu.Unlock()
				r.ring()
			})
		}
	}
}

// take returns what can begin now: of each instance that is not busy the newest change.
func (r *Runner) take() []Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ready []Change
	var later []string
	for _, name := range r.order {
		if r.busy[name] {
			later = append(later, name)
			continue
		}
		ready = append(ready, r.waiting[name])
		delete(r.waiting, name)
		r.busy[name] = true
	}
	r.order = later
	return ready
}

// serve runs a change's programs one after the other. One that fails does not keep the next from its turn.
func (r *Runner) serve(ctx context.Context, c Change) {
	for _, line := range c.Programs {
		log := r.log.With("vrrp", c.Instance, "state", c.State, "script", line)
		words, err := program.Split(line)
		if err != nil || len(words) == 0 {
			log.Error("script not run: no program is named", "err", err)
			continue
		}
		began := time.Now()
		limited, cancel := context.WithTimeout(ctx, r.limit)
		err = program.Command{
			Path: words[0], Arguments: append(words[1:], c.Arguments...), Environment: c.Environment, Grace: grace,
			Output: func(line string) { log.Info("script says", "line", line) },
		}.Run(limited)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			log.Error("script ended: its time was up", "limit", r.limit)
		case err != nil:
			log.Error("script failed", "err", err, "took", time.Since(began))
		default:
			log.Info("script done", "took", time.Since(began))
		}
	}
}
