package lab

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Connector opens a new TCP connection at each interval and closes it: somebody who clicks a link.
type Connector struct {
	device *Device
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu  sync.Mutex
	all []attempt
}

type attempt struct {
	start time.Time
	took  time.Duration
	err   error
}

// ConnectInterval is the usual time between two connections, ConnectTimeout how long one may take: less than
// a second, so that none waits for its second SYN and the failures show how long the house was cut off.
const (
	ConnectInterval = 100 * time.Millisecond
	ConnectTimeout  = 900 * time.Millisecond
)

// StartConnector starts opening connections until Stop.
func (d *Device) StartConnector(interval time.Duration) *Connector {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Connector{device: d, cancel: cancel}
	c.tasks.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				c.tasks.Go(c.try) // a slow one delays no other
			}
		}
	})
	return c
}

func (c *Connector) try() {
	ctx, cancel := context.WithTimeout(context.Background(), ConnectTimeout)
	defer cancel()
	one := attempt{start: time.Now()}
	conn, err := c.device.Dial(ctx, "tcp4", echoServer().String())
	one.took, one.err = time.Since(one.start), err
	if err == nil {
		_ = conn.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, one)
}

// Stop waits for the connections under way and returns the result.
func (c *Connector) Stop() ConnectResult {
	c.cancel()
	c.tasks.Wait()
	return summarise(c.all)
}

// ConnectResult is what a Connector has measured.
type ConnectResult struct {
	Tried, Failed   int
	Median, Slowest time.Duration // of those that succeeded
	Outage          time.Duration // from the first of the longest row of failures to the start of the next success
}

func (r ConnectResult) String() string {
	return fmt.Sprintf("%d of %d failed (longest row %s), median %s, slowest %s",
		r.Failed, r.Tried, round(r.Outage), round(r.Median), round(r.Slowest))
}

func summarise(all []attempt) ConnectResult {
	slices.SortFunc(all, func(a, b attempt) int { return a.start.Compare(b.start) })
	r := ConnectResult{Tried: len(all)}
	var took []time.Duration
	var row time.Time
	for _, one := range all {
		switch {
		case one.err != nil:
			r.Failed++
			if row.IsZero() {
				row = one.start
			}
		default:
			took = append(took, one.took)
			if !row.IsZero() {
				r.Outage = max(r.Outage, one.start.Sub(row))
			}
			row = time.Time{}
		}
	}
	if last := len(all) - 1; !row.IsZero() {
		r.Outage = max(r.Outage, all[last].start.Add(all[last].took).Sub(row))
	}
	if len(took) > 0 {
		slices.Sort(took)
		r.Median, r.Slowest = took[len(took)/2], took[len(took)-1]
	}
	return r
}
