package health

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// line is a WAN for a Machine: it loses and delays probes on a simulated clock.
type line struct {
	m      *Machine
	now    time.Time
	random *rand.Rand
	// answer says what becomes of a probe of check i sent at t: its round trip, or false for none.
	answer func(i int, t time.Time) (time.Duration, bool)
	flying []flight
	sent   int
}

type flight struct {
	at time.Time
	Sample
}

func newLine(c Config, seed uint64) *line {
	start := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	return &line{m: NewMachine(c, start, false), now: start, random: rand.New(rand.NewPCG(seed, 1))}
}

// run plays until the time is up or stop says so, and returns whether it did.
func (l *line) run(d time.Duration, stop func(*Machine) bool) bool {
	end := l.now.Add(d)
	for {
		for _, p := range l.m.Due(l.now) {
			l.send(p)
		}
		if stop != nil && stop(l.m) {
			return true
		}
		at := l.m.Wake()
		if len(l.flying) > 0 && !l.flying[0].at.After(at) {
			at = l.flying[0].at
		}
		if at.After(end) {
			l.now = end
			return false
		}
		if !at.After(l.now) && l.m.Wake().Equal(at) && len(l.flying) == 0 {
			panic("the machine wants to be woken in the past")
		}
		l.now = at
		for len(l.flying) > 0 && !l.flying[0].at.After(l.now) {
			f := l.flying[0]
			l.flying = l.flying[1:]
			l.m.Observe(l.now, f.Sample)
			if stop != nil && stop(l.m) {
				return true
			}
		}
	}
}

func (l *line) send(p Probe) {
	l.sent++
	f := flight{at: l.now.Add(l.m.config.Timeout), Sample: Sample{Check: p.Check, Seq: p.Seq, Outcome: Missed}}
	if rtt, ok := l.answer(p.Check, l.now); ok && rtt < l.m.config.Timeout {
		f.at, f.Outcome, f.RTT = l.now.Add(rtt), Answered, rtt
	}
	i, _ := slices.BinarySearchFunc(l.flying, f, func(a, b flight) int {
		if a.at.After(b.at) {
			return 1
		}
		return -1
	})
	l.flying = slices.Insert(l.flying, i, f)
}

// rtt draws a round trip of 10 to 60 ms.
func (l *line) rtt() time.Duration {
	return 10*time.Millisecond + time.Duration(l.random.Int64N(int64(50*time.Millisecond)))
}

func (l *line) lossy(p float64) func(int, time.Time) (time.Duration, bool) {
	return func(int, time.Time) (time.Duration, bool) { return l.rtt(), l.random.Float64() >= p }
}

func story() Config { // the home of the project's story: freevrrpd's fall 2, rise 20
	c := Config{Fall: 2, Rise: 20}
	for _, target := range []string{"1.1.1.1", "8.8.8.8", "9.9.9.9", "4.2.2.2"} {
		c.Checks = append(c.Checks, Check{Kind: Ping, Target: target, Weight: 20})
	}
	return c
}

func some(n int) Config {
	c := story()
	c.Fall, c.Rise, c.Checks = 0, 0, c.Checks[:n]
	return c
}

// A day of 20 % independent loss must not take the WAN down; the machine alone plays it quickly enough for several seeds.
func TestADayOfLossIsNotAnOutage(t *testing.T) {
	days := uint64(2)
	if testing.Short() {
		days = 1
	}
	for name, c := range map[string]Config{"default": {}, "story": story(), "two": some(2), "four": some(4)} {
		fails := 0
		for seed := range days {
			l := newLine(c, seed)
			l.answer = l.lossy(0.2)
			if l.run(24*time.Hour, func(m *Machine) bool {
				if m.tracks[0].known && !m.tracks[0].ok {
					fails++
				}
				return m.state == Down
			}) {
				t.Errorf("%s, seed %d: down at %v: %s", name, seed, l.now, l.m.Verdict().Reason)
			}
			t.Logf("%s, seed %d: %d probes", name, seed, l.sent)
		}
		if fails == 0 {
			t.Errorf("%s: no check failed in %d days: the loss was not played", name, days)
		}
	}
}

// onset plays a total blackout at a random moment and returns how long the machine takes to see it.
func onset(t *testing.T, c Config, seed uint64, dead ...int) time.Duration {
	t.Helper()
	l := newLine(c, seed)
	var from time.Time
	l.answer = func(i int, at time.Time) (time.Duration, bool) {
		rtt := l.rtt()
		return rtt, !slices.Contains(dead, i) && (from.IsZero() || at.Add(rtt).Before(from))
	}
	warm := 60*time.Second + time.Duration(l.random.Int64N(int64(3*time.Second)))
	if l.run(warm, func(m *Machine) bool { return m.state == Down }) {
		t.Fatalf("seed %d: down before the blackout", seed)
	}
	from = l.now
	kept := l.flying[:0]
	for _, f := range l.flying { // what is under way does not arrive any more
		if f.Outcome == Answered {
			f.Outcome, f.at = Missed, f.at.Add(l.m.config.Timeout-f.RTT)
		}
		kept = append(kept, f)
	}
	slices.SortStableFunc(kept, func(a, b flight) int { return a.at.Compare(b.at) })
	l.flying = kept
	if !l.run(time.Minute, func(m *Machine) bool { return m.state == Down }) {
		t.Fatalf("seed %d: not down a minute after the blackout", seed)
	}
	return l.now.Sub(from)
}

func TestABlackoutIsSeenInTime(t *testing.T) {
	for _, test := range []struct {
		name  string
		c     Config
		dead  []int
		limit time.Duration
	}{
		{"default", Config{}, nil, 1900 * time.Millisecond},
		{"story", story(), nil, 1900 * time.Millisecond},
		{"four", some(4), nil, 1900 * time.Millisecond},
		{"two", some(2), nil, 2000 * time.Millisecond},
		{"one", some(1), nil, 2000 * time.Millisecond},
		{"default with a dead target", Config{}, []int{1}, 2000 * time.Millisecond},
		{"story with two dead targets", story(), []int{0, 2}, 2300 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			var all []time.Duration
			for seed := range uint64(1000) {
				all = append(all, onset(t, test.c, seed, test.dead...))
			}
			slices.Sort(all)
			t.Logf("1000 blackouts: median %v, max %v", all[500], all[999])
			if all[999] > test.limit {
				t.Errorf("the slowest took %v, want at most %v", all[999], test.limit)
			}
		})
	}
}
