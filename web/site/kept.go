package site

import (
	"context"
	"sync"
	"time"
)

// kept is an answer of the daemon that many readers share: it is asked once per age, by one of them, while the others wait.
type kept[T any] struct {
	mu    sync.Mutex
	value T
	known bool
	err   error
	at    time.Time
	count int // of answers that were another
}

// get returns the answer, and how many there have been. One that is older than age is asked for again; when that goes wrong
// the old one stays good for those who can use it.
func (k *kept[T]) get(ctx context.Context, age time.Duration, ask func(context.Context, T) (T, error)) (T, int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); k.at.IsZero() || now.Sub(k.at) >= age {
		// A reader who goes away must not spoil it for the others.
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), answering)
		defer stop()
		value, err := ask(ctx, k.value)
		if err == nil {
			k.value, k.known = value, true
			k.count++
		}
		k.err, k.at = err, time.Now()
	}
	return k.value, k.count, k.err
}
