package slot

import (
	"context"
	"fmt"
	"time"
)

// Pace of the look at a system's health. Chosen here: a daemon that crashes in a loop is back within seconds, and must
// not look healthy in between.
const (
	pulse = time.Second
	hush  = 3 * time.Second // a daemon that does not answer within it is not well
	calm  = 10 * time.Second
)

// await calls ailment every second until it has been nil for ten seconds in a row. After patience, if that is not zero,
// it gives up with the last ailment. The time is the monotonic one: the clock is set during these minutes.
func await(ctx context.Context, ailment func(context.Context) error, patience time.Duration) error {
	start := time.Now()
	well := start
	ticker := time.NewTicker(pulse)
	defer ticker.Stop()
	last := error(errNeverWell)
	for {
		asking, cancel := context.WithTimeout(ctx, hush)
		err := ailment(asking)
		cancel()
		now := time.Now()
		if err != nil {
			well, last = now, err
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && now.Sub(well) >= calm:
			return nil
		case patience > 0 && now.Sub(start) >= patience:
			return fmt.Errorf("not healthy for %s in a row within %s: %w", calm, patience, last)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
