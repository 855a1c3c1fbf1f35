package alert

import (
	"context"
	"sync"
)

// keep has one task run for each thing that is wanted, until ctx ends or it is wanted no more. What stays wanted is not disturbed.
func keep[K comparable](ctx context.Context, wanted <-chan map[K]bool, run func(context.Context, K)) {
	var all sync.WaitGroup
	defer all.Wait()
	stop := map[K]context.CancelFunc{}
	defer func() {
		for _, stop := range stop {
			stop()
		}
	}()
	for {
		var want map[K]bool
		select {
		case <-ctx.Done():
			return
		case want = <-wanted:
		}
		for k, end := range stop {
			if !want[k] {
				end()
				delete(stop, k)
			}
		}
		for k := range want {
			if stop[k] == nil {
				running, end := context.WithCancel(ctx)
				stop[k] = end
				all.Go(func() { run(running, k) })
			}
		}
	}
}

// wish leaves a wish in a channel of one, where the latest wins.
func wish[T any](box chan T, t T) {
	for {
		select {
		case box <- t:
			return
		default:
		}
		select {
		case <-box:
		default:
		}
	}
}
