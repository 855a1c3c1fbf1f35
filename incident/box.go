package incident

import (
	"sync"

	"github.com/twinpath/twinpath/router"
)

// boxed is how many events wait for the book at most: a day's worth of a bad one. The oldest go first, since looks show what they led to.
const boxed = 1024

// box takes events from any goroutine without making it wait.
type box struct {
	mu     sync.Mutex
	events []router.Event
	news   chan struct{} // of one
}

func newBox() *box { return &box{news: make(chan struct{}, 1)} }

func (b *box) put(e router.Event) {
	b.mu.Lock()
	if len(b.events) == boxed {
		b.events = append(b.events[:0], b.events[1:]...)
	}
	b.events = append(b.events, e)
	b.mu.Unlock()
	select {
	case b.news <- struct{}{}:
	default:
	}
}

func (b *box) take() []router.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}
