package drill

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/twinpath/twinpath/health"
)

// Twenty pings in a second: enough to see a loss of a tenth, and no burden for anybody.
const (
	pings     = 20
	pingEvery = 50 * time.Millisecond
	pingWait  = time.Second
	// tries of each target: a lost packet is not a dead host.
	tries = 2
)

// pings finds a target that answers, and measures.
func (p *prover) pings(ctx context.Context) (string, error) {
	prober := health.NewProber(health.Path{Control: p.Line.Control})
	defer prober.Close()
	target, err := awake(ctx, prober, p.Line.Targets)
	if err != nil {
		return "", err
	}
	p.target, _ = netip.ParseAddr(target)
	p.proof.Target = target
	var mu sync.Mutex
	var times []time.Duration
	var sent sync.WaitGroup
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for range pings {
		sent.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, pingWait)
			defer cancel()
			if rtt, err := prober.Probe(ctx, health.Check{Kind: health.Ping, Target: target}); err == nil {
				mu.Lock()
				defer mu.Unlock()
				times = append(times, rtt)
			}
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	sent.Wait()
	p.proof.Pings, p.proof.Lost = pings, pings-len(times)
	if len(times) == 0 {
		return "", fmt.Errorf("%d of %d pings lost", pings, pings)
	}
	slices.Sort(times)
	p.proof.RTT = times[len(times)/2]
	return fmt.Sprintf("%d of %d answered, in %s", len(times), pings, milliseconds(p.proof.RTT)), nil
}

// awake returns the target that answers first; they are all asked at once, and again.
func awake(ctx context.Context, prober health.Prober, targets []string) (string, error) {
	if len(targets) == 0 {
		return "", errors.New("no address to ping is known")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answered := make(chan string, len(targets))
	var asked sync.WaitGroup
	for _, target := range targets {
		asked.Go(func() {
			for range tries {
				one, end := context.WithTimeout(ctx, pingWait)
				_, err := prober.Probe(one, health.Check{Kind: health.Ping, Target: target})
				end()
				if err == nil {
					answered <- target
					cancel()
				}
			}
		})
	}
	asked.Wait()
	select {
	case target := <-answered:
		return target, nil
	default:
		return "", fmt.Errorf("no answer from %s", list(targets))
	}
}

func milliseconds(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
}
