package door

import (
	"context"
	"slices"
	"sync"
	"time"
)

// waiters is how many wait for their turn. With a tenth of a second each (bcrypt cost 10 on a small computer) that is the two
// seconds after which a person tries again.
const waiters = 16

// turns lets one verify at a time. Those who have guessed the least are next.
type turns struct {
	mu      sync.Mutex
	busy    bool
	waiting []*turn // by wrong, then by arrival
}

type turn struct {
	wrong int
	mine  chan bool // false: somebody with fewer tries has taken the place
}

// take waits for the turn, and leave has to follow. With an error it is nobody's turn: ctx's, or a Wait.
func (t *turns) take(ctx context.Context, wrong int) error {
	t.mu.Lock()
	if !t.busy {
		t.busy = true
		t.mu.Unlock()
		return nil
	}
	own := &turn{wrong: wrong, mine: make(chan bool, 1)}
	if !t.queue(own) {
		t.mu.Unlock()
		return crowded
	}
	t.mu.Unlock()
	select {
	case mine := <-own.mine:
		if !mine {
			return crowded
		}
		return nil
	case <-ctx.Done():
		t.drop(own)
		return ctx.Err()
	}
}

// crowded names the time in which most of the queue is done.
var crowded = Wait{After: 2 * time.Second, Busy: true}

func (t *turns) queue(own *turn) bool {
	at, _ := slices.BinarySearchFunc(t.waiting, own.wrong+1, func(w *turn, wrong int) int { return w.wrong - wrong })
	if len(t.waiting) >= waiters {
		last := len(t.waiting) - 1
		if at > last {
			return false
		}
		t.waiting[last].mine <- false
		t.waiting = slices.Delete(t.waiting, last, last+1)
	}
	t.waiting = slices.Insert(t.waiting, at, own)
	return true
}

// drop gives a place up, or the turn if it came meanwhile.
func (t *turns) drop(own *turn) {
	t.mu.Lock()
	if i := slices.Index(t.waiting, own); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	if <-own.mine {
		t.leave()
	}
}

// leave ends a turn.
func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.busy = false
		return
	}
	next := t.waiting[0]
	t.waiting = slices.Delete(t.waiting, 0, 1)
	next.mine <- true
}
