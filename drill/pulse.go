package drill

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// beat is how often the house's own way is pinged while it is moved, and afterbeat for how long afterwards.
const beat, afterbeat = 100 * time.Millisecond, time.Second

// pulse pings by the way that the house uses.
type pulse struct {
	quit  chan struct{}
	tasks sync.WaitGroup

	mu   sync.Mutex
	lost []bool // in the order of sending
}

// beats is what a pulse has felt.
type beats struct {
	sent, lost int
	gap        time.Duration // the longest run of lost ones
}

func (b beats) String() string {
	if b.lost == 0 {
		return fmt.Sprintf("None of %d pings by the house's own way was lost.", b.sent)
	}
	return fmt.Sprintf("%d of %d pings by the house's own way were lost, %s at a stretch.", b.lost, b.sent, milliseconds(b.gap))
}

// feel begins to ping; an empty target is pinged by nobody.
func (t *trial) feel(target string) *pulse {
	p := &pulse{quit: make(chan struct{})}
	if target == "" {
		return p
	}
	p.tasks.Go(func() {
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for {
			p.mu.Lock()
			n := len(p.lost)
			p.lost = append(p.lost, true)
			p.mu.Unlock()
			p.tasks.Go(func() { p.ping(t, target, n) })
			select {
			case <-p.quit:
				return
			case <-t.run.Done():
				return
			case <-tick.C:
			}
		}
	})
	return p
}

func (p *pulse) ping(t *trial, target string, n int) {
	ctx, cancel := context.WithTimeout(t.run, pingWait)
	defer cancel()
	_, err := t.ports.House(ctx, target)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost[n] = err != nil
}

// stop waits a moment, for what the way back costs, and for the last answers.
func (p *pulse) stop(t *trial) beats {
	select {
	case <-t.run.Done():
	case <-time.After(afterbeat):
	}
	close(p.quit)
	p.tasks.Wait()
	b := beats{sent: len(p.lost)}
	run := 0
	for _, lost := range p.lost {
		if run++; !lost {
			run = 0
			continue
		}
		b.lost++
		b.gap = max(b.gap, time.Duration(run)*beat)
	}
	return b
}
