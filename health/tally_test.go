package health

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func answer(rtt time.Duration) Sample { return Sample{Outcome: Answered, RTT: rtt} }

func TestTally(t *testing.T) {
	tally := new(Tally)
	for _, ms := range []int{1, 8, 9, 10, 500, 2001} {
		tally.Count(answer(time.Duration(ms) * time.Millisecond))
	}
	tally.Count(Sample{Outcome: Missed})
	tally.Count(Sample{Outcome: Redirected})
	c := tally.Counts()
	want := Counts{Answered: 6, Lost: 2, Sum: 2529 * time.Millisecond}
	want.Buckets[0], want.Buckets[3], want.Buckets[8], want.Buckets[11] = 1, 3, 1, 1
	if c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
	if s, want := tally.Span(), (Span{6, 2, 10 * time.Millisecond, time.Millisecond, 2001 * time.Millisecond}); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
	if s := tally.Span(); s != (Span{}) {
		t.Errorf("the second time it is %+v", s)
	}
	if tally.Counts() != want {
		t.Error("a span took counts away")
	}
	for n := range 3 * spanSize {
		tally.Count(answer(time.Duration(n) * time.Millisecond))
	}
	if s := tally.Span(); s.Answered != 3*spanSize || s.Min != 0 || s.Max != 191*time.Millisecond || s.Median != 160*time.Millisecond {
		t.Errorf("of many it is %+v", s)
	}
	(*Tally)(nil).Count(answer(1)) // nobody counts
	if (*Tally)(nil).Counts() != (Counts{}) || (*Tally)(nil).Span() != (Span{}) {
		t.Error("nobody has counted something")
	}
}

func TestTallyAllocatesNothing(t *testing.T) {
	tally := new(Tally)
	if n := testing.AllocsPerRun(100, func() { tally.Count(answer(time.Millisecond)); tally.Span() }); n != 0 {
		t.Errorf("%v allocations a probe", n)
	}
}

// TestEachProbeIsCountedOnce: a probe that ran out of patience and is answered all the same was answered, one that nobody
// could look for is not counted.
func TestEachProbeIsCountedOnce(t *testing.T) {
	start := time.Unix(0, 0)
	m := NewMachine(Config{Checks: []Check{{Kind: Ping, Target: "192.0.2.1"}}}, start, false)
	m.tally = new(Tally)
	now := start
	sent := func() Probe {
		t.Helper()
		now = m.Wake()
		for range 1000 { // it also wakes to look at what is out
			if due := m.Due(now); len(due) > 0 {
				return due[0]
			}
			now = m.Wake()
		}
		t.Fatal("no probe is due")
		return Probe{}
	}
	p := sent()
	m.Observe(now, Sample{Check: 0, Seq: p.Seq, Outcome: Answered, RTT: time.Millisecond})
	m.Observe(now, Sample{Check: 0, Seq: p.Seq, Outcome: Answered, RTT: time.Millisecond}) // an echo that came twice
	late := sent()
	lost := sent() // the one before has run out of patience
	m.Observe(now, Sample{Check: 0, Seq: late.Seq, Outcome: Answered, RTT: 900 * time.Millisecond})
	m.Observe(now, Sample{Check: 0, Seq: lost.Seq, Outcome: Missed})
	forgotten := sent()
	m.Forget(now)
	m.Observe(now, Sample{Check: 0, Seq: forgotten.Seq, Outcome: Missed})
	if c := m.tally.Counts(); c.Answered != 2 || c.Lost != 1 {
		t.Errorf("%+v, want 2 answered and 1 lost", c)
	}
}

// everyOther loses every second probe.
type everyOther struct {
	mu sync.Mutex
	n  int
}

func (e *everyOther) Probe(ctx context.Context, _ Check) (time.Duration, error) {
	e.mu.Lock()
	e.n++
	odd := e.n%2 == 1
	e.mu.Unlock()
	if odd {
		return 20 * time.Millisecond, nil
	}
	return 0, errors.New("network is unreachable")
}

func TestMonitorCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		prober := new(everyOther)
		m := &Monitor{Config: Config{Checks: []Check{{Kind: Ping, Target: "192.0.2.1"}}}, Prober: prober, Tally: new(Tally)}
		if err := m.Run(ctx); err != nil {
			t.Fatal(err)
		}
		c := m.Tally.Counts()
		if total := int(c.Answered + c.Lost); total < prober.n-1 || total > prober.n || c.Lost == 0 || c.Answered == 0 {
			t.Errorf("%d answered, %d lost of %d", c.Answered, c.Lost, prober.n)
		}
		if c.Buckets[4] != c.Answered {
			t.Error(fmt.Sprint(c.Buckets))
		}
	})
}
