package router

import (
	"context"
	"log/slog"
)

// sweeper ends vacated flows beside the loop: with 100,000 of them it takes a while.
type sweeper struct {
	kernel Kernel
	log    *slog.Logger
	jobs   chan []Vacate
	done   chan struct{}
}

func newSweeper(k Kernel, log *slog.Logger) *sweeper {
	return &sweeper{kernel: k, log: log, jobs: make(chan []Vacate, 4), done: make(chan struct{})}
}

// put never blocks: a sweep that is dropped is repeated a second later anyway.
func (s *sweeper) put(due []Vacate) {
	if len(due) == 0 {
		return
	}
	select {
	case s.jobs <- due:
	default:
		s.log.Warn("sweep skipped: the one before is still under way")
	}
}

func (s *sweeper) run(ctx context.Context) {
	defer close(s.done)
	for {
		select {
		case <-ctx.Done():
			return
		case due := <-s.jobs:
			for _, v := range due {
				s.vacate(v)
			}
		}
	}
}

func (s *sweeper) vacate(v Vacate) {
	did, err := s.kernel.Vacate(v)
	if err != nil {
		s.log.Error("end flows", "wan", v.WAN, "err", err)
		return
	}
	if did.Flows > 0 {
		s.log.Info("flows ended", "wan", v.WAN, "flows", did.Flows, "told", did.Told, "spared_idle", v.Idle)
	}
}

func (s *sweeper) wait() { <-s.done }
