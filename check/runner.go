package check

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twinpath/twinpath/program"
)

// Runner runs checks, each in a loop of its own. Make it with New.
type Runner struct {
	network   func(context.Context, Check) error
	report    func(Verdict)
	log       *slog.Logger
	processes *table

	mu     sync.Mutex
	wanted []Watched
	wake   chan struct{}
}

// New returns a Runner that does nothing until Run. network probes a Ping, TCP, HTTP or DNS check once: an error that
// errors.Is context.DeadlineExceeded for silence, else one that says what came instead. report is called from many goroutines
// and must not block.
func New(network func(context.Context, Check) error, report func(Verdict), log *slog.Logger) *Runner {
	return &Runner{network: network, report: report, log: log, processes: newTable("/proc"), wake: make(chan struct{}, 1)}
}

// Want replaces the checks. It never blocks; one that stays in goes on undisturbed.
func (r *Runner) Want(all []Watched) {
	r.mu.Lock()
	r.wanted = slices.Clone(all)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run checks until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	loops := map[Watched]context.CancelFunc{}
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		}
		r.mu.Lock()
		wanted := r.wanted
		r.mu.Unlock()
		for w, end := range loops {
			if !slices.Contains(wanted, w) {
				end()
				delete(loops, w)
			}
		}
		for _, w := range wanted {
			if loops[w] == nil {
				own, end := context.WithCancel(ctx)
				loops[w] = end
				running.Go(func() { r.watch(own, w) })
			}
		}
	}
}

// watch repeats one check and reports what it makes of the results.
func (r *Runner) watch(ctx context.Context, w Watched) {
	var m Machine
	log := r.log.With("vrrp", w.Router, "check", w.Check.String())
	beat := time.NewTicker(max(w.Check.Interval, time.Millisecond))
	defer beat.Stop()
	for {
		reason := r.look(ctx, w.Check)
		if ctx.Err() != nil {
			return
		}
		if m.Observe(w.Check, reason) {
			ok, why, _ := m.Verdict()
			log.Info("check", "ok", ok, "reason", why)
			r.report(Verdict{Router: w.Router, Check: w.Check, OK: ok, Reason: why})
		}
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
	}
}

// look checks once and returns why it does not pass.
func (r *Runner) look(ctx context.Context, c Check) string {
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	var err error
	switch c.Kind {
	case Process:
		if !r.processes.has(c.Target, time.Now(), c.Interval) {
			return "no process " + c.Target
		}
		return ""
	case Run:
		return r.run(limited, c)
	default:
		err = r.network(limited, c)
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %s", c.Timeout)
	}
	return err.Error()
}

// run has a program look. The last line that it prints is its reason.
func (r *Runner) run(ctx context.Context, c Check) string {
	words, err := program.Split(c.Target)
	if err != nil || len(words) == 0 {
		return "no program is named"
	}
	last := ""
	err = program.Command{Path: words[0], Arguments: words[1:], Output: func(line string) { last = line }}.Run(ctx)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("not done within %s", c.Timeout)
	case last != "":
		return fmt.Sprintf("%v: %s", err, last)
	}
	return err.Error()
}
