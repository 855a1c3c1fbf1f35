package health

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	// refresh is how often a verdict is reported of which only the figures changed.
	refresh = 10 * time.Second
	// slow is how late the monitor may be woken before answers that may wait in sockets are let in first, for grace.
	slow, grace = 50 * time.Millisecond, 20 * time.Millisecond
	// stopped is how late it was if the process was stopped: what was out then says nothing of the line.
	stopped = time.Second
)

// Monitor watches one WAN: it has a Machine's probes sent and reports its verdicts.
type Monitor struct {
	Config  Config
	Prober  Prober        // stays the caller's to close
	Suspect bool          // start as after a loss of carrier or lease, see NewMachine
	Report  func(Verdict) // called from Run's goroutine; must not block
	Log     *slog.Logger  // nil: silent
	Tally   *Tally        // counts the probes; nil: nobody does
	Epoch   time.Time     // of the grid of regular probes, see Machine.Align; zero: the start of Run

	once sync.Once
	kick chan struct{}
}

// Kick has every check probed at once: something hints at trouble. It does not wait.
func (m *Monitor) Kick() {
	select {
	case m.kicks() <- struct{}{}:
	default: // one is waiting already
	}
}

func (m *Monitor) kicks() chan struct{} {
	m.once.Do(func() { m.kick = make(chan struct{}, 1) })
	return m.kick
}

// Run watches until the context ends, and returns nil when every probe has ended too. It uses the
// monotonic clock only: setting the clock changes nothing.
func (m *Monitor) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{
		Monitor: m,
		config:  m.Config.WithDefaults(),
		machine: NewMachine(m.Config, time.Now(), m.Suspect),
		samples: make(chan Sample, 64),
	}
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	w.machine.tally = m.Tally
	if !m.Epoch.IsZero() {
		w.machine.Align(m.Epoch)
	}
	defer w.probing.Wait()
	defer cancel()
	w.run(ctx)
	return nil
}

// watch is one Run of a Monitor.
type watch struct {
	*Monitor
	config   Config
	machine  *Machine
	samples  chan Sample
	probing  sync.WaitGroup
	reported time.Time
	faces    uint64
	state    State
}

func (w *watch) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	wake := time.Now()
	for {
		var sample Sample
		var kicked bool
		select {
		case <-ctx.Done():
			return
		case sample = <-w.samples:
		case <-w.kicks():
			kicked = true
		case <-timer.C:
		}
		w.catchUp(time.Since(wake))
		w.take(sample)
		w.drain()
		now := time.Now()
		if kicked {
			w.machine.Suspect(now)
		}
		if !w.machine.Wake().After(now) {
			for _, p := range w.machine.Due(now) {
				w.probe(ctx, p)
			}
		}
		w.report(now)
		wake = w.machine.Wake()
		timer.Reset(time.Until(wake))
	}
}

// take lets the machine see a sample; the zero one is none.
func (w *watch) take(s Sample) {
	if s.Outcome != NoOutcome {
		w.machine.Observe(time.Now(), s)
	}
}

// catchUp makes up for this process not having run for a while: answers that wait in sockets are let in before their probes
// count as missed; after a longer stop nobody can say which came in time.
func (w *watch) catchUp(late time.Duration) {
	switch {
	case late > stopped:
		w.Log.Info("health checks were stopped", "for", late)
		w.machine.Forget(time.Now())
	case late > slow:
		time.Sleep(grace)
	}
}

// drain takes what is there already.
func (w *watch) drain() {
	for {
		select {
		case s := <-w.samples:
			w.take(s)
		default:
			return
		}
	}
}

func (w *watch) probe(ctx context.Context, p Probe) {
	check := w.config.Checks[p.Check]
	w.probing.Go(func() {
		limited, cancel := context.WithTimeout(ctx, w.config.Timeout)
		rtt, err := w.Prober.Probe(limited, check)
		cancel()
		select {
		case w.samples <- sample(p, rtt, err):
		case <-ctx.Done():
		}
	})
}

func sample(p Probe, rtt time.Duration, err error) Sample {
	s := Sample{Check: p.Check, Seq: p.Seq, Outcome: Missed}
	switch {
	case err == nil:
		s.Outcome, s.RTT = Answered, rtt
	case errors.Is(err, ErrRedirected):
		s.Outcome, s.Reason = Redirected, err.Error()
	case !errors.Is(err, context.DeadlineExceeded): // silence is its own reason
		s.Reason = err.Error()
	}
	return s
}

// report tells of a change that a person would see, at once, and of new figures now and then.
func (w *watch) report(now time.Time) {
	if w.machine.faces == w.faces && now.Sub(w.reported) < refresh {
		return
	}
	first := w.reported.IsZero()
	w.faces, w.reported = w.machine.faces, now
	if first && w.machine.state == Unknown {
		return // nobody has looked yet
	}
	v := w.machine.Verdict()
	if v.State != w.state {
		w.Log.Debug("WAN health changed", "from", w.state, "to", v.State, "reason", v.Reason)
		w.state = v.State
	}
	if w.Report != nil {
		w.Report(v)
	}
}
