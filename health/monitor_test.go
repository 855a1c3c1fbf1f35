package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fakeProber answers after rtt unless drop says otherwise.
type fakeProber struct {
	mu     sync.Mutex
	random *rand.Rand
	loss   float64 // 0 to 1
	rtt    func(*rand.Rand) time.Duration
	probes int
}

func newFake(seed uint64) *fakeProber {
	return &fakeProber{
		random: rand.New(rand.NewPCG(seed, 3)),
		rtt: func(r *rand.Rand) time.Duration {
			return 10*time.Millisecond + time.Duration(r.Int64N(int64(50*time.Millisecond)))
		},
	}
}

func (f *fakeProber) set(loss float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loss = loss
}

func (f *fakeProber) dead() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loss >= 1
}

func (f *fakeProber) Probe(ctx context.Context, _ Check) (time.Duration, error) {
	f.mu.Lock()
	f.probes++
	rtt, lost := f.rtt(f.random), f.random.Float64() < f.loss
	f.mu.Unlock()
	if !lost {
		select {
		case <-time.After(rtt):
			if !f.dead() { // a blackout loses what is under way, too
				return rtt, nil
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	<-ctx.Done()
	return 0, ctx.Err()
}

// monitored runs a Monitor until the test says stop, and keeps its verdicts.
type monitored struct {
	*Monitor
	mu       sync.Mutex
	verdicts []Verdict
	at       []time.Time
	changed  chan Verdict
	stop     func()
}

func monitor(t *testing.T, c Config, p Prober) *monitored {
	t.Helper()
	w := &monitored{changed: make(chan Verdict, 1<<16)}
	w.Monitor = &Monitor{Config: c, Prober: p, Report: func(v Verdict) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.verdicts, w.at = append(w.verdicts, v), append(w.at, time.Now())
		select {
		case w.changed <- v:
		default:
		}
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	return w
}

// until waits for a verdict.
func (w *monitored) until(what func(Verdict) bool) Verdict {
	for v := range w.changed {
		if what(v) {
			return v
		}
	}
	return Verdict{}
}

func is(s State) func(Verdict) bool { return func(v Verdict) bool { return v.State == s } }

func TestMonitorThroughADayOfLoss(t *testing.T) {
	day := 24 * time.Hour
	if testing.Short() {
		day = time.Hour
	}
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(1)
		fake.set(0.2)
		w := monitor(t, Config{}, fake)
		time.Sleep(day)
		w.stop()
		degraded := 0
		for i, v := range w.verdicts {
			if v.State == Down {
				t.Errorf("down at %v: %s", w.at[i], v.Reason)
			}
			if v.State == Degraded {
				degraded++
			}
		}
		last := w.verdicts[len(w.verdicts)-1]
		if degraded == 0 || last.Loss < 0.1 || last.Loss > 0.3 {
			t.Errorf("degraded %d times, loss at the end %v: the loss was not played", degraded, last.Loss)
		}
		t.Logf("%v of 20 %% loss: %d probes, %d verdicts, none down", day, fake.probes, len(w.verdicts))
	})
}

func TestMonitorSeesBlackoutsAtRandomPhases(t *testing.T) {
	phases := rand.New(rand.NewPCG(7, 7))
	var all []time.Duration
	for i := range 1000 {
		synctest.Test(t, func(t *testing.T) {
			fake := newFake(uint64(i))
			w := monitor(t, Config{}, fake)
			defer w.stop()
			time.Sleep(10*time.Second + time.Duration(phases.Int64N(int64(time.Second))))
			fake.set(1)
			from := time.Now()
			v := w.until(is(Down))
			all = append(all, time.Since(from))
			if v.Lost != 100 || v.Reason != "none of 3 checks answers" || v.Broken != Everything {
				t.Errorf("got %+v", v)
			}
		})
	}
	slices.Sort(all)
	t.Logf("%d blackouts: median %v, max %v", len(all), all[len(all)/2], all[len(all)-1])
	if worst := all[len(all)-1]; worst > 1900*time.Millisecond {
		t.Errorf("the slowest took %v, want at most 1.9 s", worst)
	}
}

func TestMonitorReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(1)
		w := monitor(t, Config{}, fake)
		time.Sleep(time.Minute)
		w.stop()
		// One per check that becomes known, then the figures every ten seconds.
		if n := len(w.verdicts); n < 6 || n > 9 {
			t.Errorf("%d verdicts in a quiet minute", n)
		}
		if n := fake.probes; n < 175 || n > 190 {
			t.Errorf("%d probes in a quiet minute, want 3 a second", n)
		}
		if v := w.verdicts[len(w.verdicts)-1]; v.State != Up || v.RTT < 10*time.Millisecond || v.RTT > 60*time.Millisecond || v.MinRTT > v.RTT {
			t.Errorf("got %+v", v)
		}
	})
}

func TestKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(1)
		c := Config{Interval: 30 * time.Second}
		w := monitor(t, c, fake)
		defer w.stop()
		time.Sleep(65 * time.Second)
		fake.set(1)
		from := time.Now()
		w.Kick()
		w.Kick()
		w.until(is(Down))
		if took := time.Since(from); took > 1500*time.Millisecond {
			t.Errorf("a kicked monitor took %v", took)
		}
	})
}

type funcProber func(context.Context, Check) (time.Duration, error)

func (f funcProber) Probe(ctx context.Context, c Check) (time.Duration, error) { return f(ctx, c) }

func TestReasonsReachTheVerdict(t *testing.T) {
	for _, test := range []struct {
		err           error
		state         State
		check, reason string
	}{
		{errors.New("1.example: name does not resolve"), Down, "1.example: name does not resolve", "none of 2 checks answers"},
		{fmt.Errorf("%w: redirected to http://login.example/", ErrRedirected), Captive, "a login page answers instead",
			"a login page answers instead of http://1.example (captive portal)"},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := Config{Checks: []Check{{Kind: HTTP, Target: "http://1.example"}, {Kind: HTTP, Target: "http://2.example"}}}
			var log bytes.Buffer
			w := &Monitor{Config: c, Prober: funcProber(func(context.Context, Check) (time.Duration, error) { return 0, test.err }),
				Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
			var last Verdict
			w.Report = func(v Verdict) { last = v }
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := w.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if last.State != test.state || last.Reason != test.reason || last.Checks[0].Reason != test.check {
				t.Errorf("got %+v", last)
			}
			if n := strings.Count(log.String(), "WAN health changed"); n != 1 || !strings.Contains(log.String(), "to="+test.state.String()) {
				t.Errorf("the log says %q", log.String())
			}
		})
	}
}

// A monitor that did not run for ten seconds knows nothing of the probes that were out, and says so of nobody.
func TestStoppedMonitorBlamesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(1)
		fake.rtt = func(*rand.Rand) time.Duration { return 200 * time.Millisecond }
		var last Verdict
		stopped := false
		m := &Monitor{Config: Config{Interval: 100 * time.Millisecond}, Prober: fake}
		from := time.Now()
		m.Report = func(v Verdict) {
			last = v
			if !stopped && time.Since(from) > 5*time.Second { // the refresh: some six probes are out
				stopped = true
				fake.set(1)
				time.Sleep(10 * time.Second)
				fake.set(0)
			}
			if v.State != Up && time.Since(from) > 5*time.Second || v.Loss != 0 {
				t.Errorf("after %v: %v, loss %v, %q", time.Since(from), v.State, v.Loss, v.Reason)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		if err := m.Run(ctx); err != nil || !stopped || last.State != Up {
			t.Errorf("got %v, stopped %v, %+v", err, stopped, last)
		}
	})
}

// stoppable is what TestStoppedProcess runs in a process of its own: it prints every state.
const stoppable = "TWINPATH_HEALTH_STOPPABLE"

func TestStoppable(t *testing.T) {
	if os.Getenv(stoppable) == "" {
		t.Skip("run by TestStoppedProcess")
	}
	prober := NewProber(Path{Device: "lo"})
	c := Config{Interval: 100 * time.Millisecond}
	for _, target := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		c.Checks = append(c.Checks, Check{Kind: Ping, Target: target})
	}
	m := Monitor{Config: c, Prober: prober, Report: func(v Verdict) { fmt.Printf("%v %v %.2f\n", v.State, v.Lost, v.Loss) }}
	_ = m.Run(t.Context())
}

func TestStoppedProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("takes real seconds")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestStoppable$")
	cmd.Env = append(os.Environ(), stoppable+"=1")
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	lines := make(chan string, 1000)
	go func() {
		buffer := make([]byte, 1<<16)
		for {
			n, err := reader.Read(buffer)
			if err != nil {
				return
			}
			for line := range strings.Lines(string(buffer[:n])) {
				lines <- line
			}
		}
	}()
	first := ""
	for deadline := time.After(10 * time.Second); !strings.HasPrefix(first, "up"); {
		select {
		case first = <-lines:
		case <-deadline:
			t.Fatalf("not up: %q", first)
		}
	}
	for _, d := range []time.Duration{300 * time.Millisecond, 3 * time.Second, 10 * time.Second} {
		if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(d)
		if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond) // longer than a verdict takes
	}
	for {
		select {
		case line := <-lines:
			if line != "up 0 0.00\n" {
				t.Errorf("after a stop: %q", line)
			}
		default:
			return
		}
	}
}

// A check that passes for the first time after the WAN is up already changes nothing but the words, and they count.
func TestEveryFirstAnswerIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := monitor(t, Config{}, newFake(1))
		time.Sleep(1500 * time.Millisecond) // every check has been probed, no refresh is due
		w.stop()
		if last := w.verdicts[len(w.verdicts)-1]; last.Reason != "3 of 3 checks answer" {
			t.Errorf("the last of %d verdicts says %q", len(w.verdicts), last.Reason)
		}
	})
}
