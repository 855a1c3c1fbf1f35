package health

import (
	"sync"
	"time"
)

// bounds are the upper ends of the buckets that round trips are counted in: from a fibre's first hop to a satellite's queue.
var bounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second,
}

// Bounds returns the upper ends of the buckets of Counts, ascending. The last bucket has none.
func Bounds() []time.Duration { return append([]time.Duration(nil), bounds[:]...) }

// Counts is what became of all probes of a line since its Tally was made.
type Counts struct {
	Answered, Lost uint64
	Sum            time.Duration           // of the round trips
	Buckets        [len(bounds) + 1]uint64 // answered probes by their round trip, each in the first bucket that it fits
}

// Span is what became of a line's probes since somebody last asked.
type Span struct {
	Answered, Lost   int
	Median, Min, Max time.Duration // of the round trips; 0 when none was answered
}

// spanSize is how many round trips of a Span are kept for the median: more than four checks' in 10 s. Of more, the latest.
const spanSize = 64

// Tally counts what becomes of a line's probes, for longer than its monitors live. It may be used by several goroutines;
// a nil one counts nothing.
type Tally struct {
	mu     sync.Mutex
	counts Counts
	span   Span
	rtts   [spanSize]time.Duration
}

// Count counts a probe's final outcome: one that was answered late was answered.
func (t *Tally) Count(s Sample) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.Outcome != Answered {
		t.counts.Lost++
		t.span.Lost++
		return
	}
	t.counts.Answered++
	t.counts.Sum += s.RTT
	t.counts.Buckets[bucket(s.RTT)]++
	if t.span.Answered == 0 || s.RTT < t.span.Min {
		t.span.Min = s.RTT
	}
	t.span.Max = max(t.span.Max, s.RTT)
	t.rtts[t.span.Answered%spanSize] = s.RTT
	t.span.Answered++
}

func bucket(rtt time.Duration) int {
	for i, bound := range bounds {
		if rtt <= bound {
			return i
		}
	}
	return len(bounds)
}

// Counts returns the counts so far.
func (t *Tally) Counts() Counts {
	if t == nil {
		return Counts{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// Span returns what was counted since the last call. It is for one caller.
func (t *Tally) Span() Span {
	if t == nil {
		return Span{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	span := t.span
	span.Median = median(t.rtts[:min(span.Answered, spanSize)])
	t.span = Span{}
	return span
}
