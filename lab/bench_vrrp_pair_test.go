package lab

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// pairIntervals are those of the two tables.
var pairIntervals = []time.Duration{time.Second, 100 * time.Millisecond}

// pairResults are what was felt, by interval, fault and contender.
type pairResults struct {
	mu  sync.Mutex
	all map[string][]felt
}

func resultKey(interval time.Duration, fault, who string) string {
	return interval.String() + "|" + fault + "|" + who
}

func (r *pairResults) add(key string, f felt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[key] = append(r.all[key], f)
}

// BenchmarkPair hits the same house with the same faults, once with keepalived on both routers and once with Twinpath, side
// by side: what slows the machine slows both.
func BenchmarkPair(b *testing.B) {
	r := &pairResults{all: map[string][]felt{}}
	for range benchRuns() {
		b.Run("round", func(b *testing.B) {
			built(b)
			var houses sync.WaitGroup
			for _, interval := range pairIntervals {
				for _, c := range contenders {
					houses.Go(func() {
						c.meet(b, interval, func(fault string, f felt) { r.add(resultKey(interval, fault, c.name), f) })
					})
				}
			}
			houses.Wait()
		})
	}
	note("%d runs, load %s; ms, median / max; (c) is counted for %s after the fault", benchRuns(), load(), standing)
	for _, interval := range pairIntervals {
		note("%s", r.table(interval))
	}
	only(b, 0, "none")
}

// table is one interval's results as Markdown.
func (r *pairResults) table(interval time.Duration) string {
	var s strings.Builder
	s.WriteString("| adverts each " + interval.String() + " | who | (a) gateway | (b) address | (c) several holders | probes late |\n|---|---|---|---|---|---|\n")
	for _, d := range deeds {
		for _, c := range contenders {
			all := r.all[resultKey(interval, d.name, c.name)]
			if len(all) == 0 {
				continue
			}
			s.WriteString("| " + d.name + " | " + c.name)
			for _, of := range []func(felt) time.Duration{
				func(f felt) time.Duration { return f.gateway }, func(f felt) time.Duration { return f.address },
				func(f felt) time.Duration { return f.several }, func(f felt) time.Duration { return f.late },
			} {
				s.WriteString(" | " + feltText(all, of))
			}
			s.WriteString(" |\n")
		}
	}
	return s.String()
}
