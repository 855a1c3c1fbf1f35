package pulse

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Pulse gives signs of life and looks for those of the other router. It is safe for concurrent use.
type Pulse struct {
	net  Net
	seen func(View)
	log  *slog.Logger
	news chan struct{} // of one: wanted has changed

	mu     sync.Mutex
	wanted wanted
	counts Counts
}

// wanted is what the rest of the router has said.
type wanted struct {
	way     Way
	session Session
	number  uint64 // of the session, counted here; 0: none yet
	ended   bool   // without a word
	bye     bool
}

// New returns a Pulse that is silent until there are a way and a session. It calls seen from one goroutine, at every change.
func New(net Net, seen func(View), log *slog.Logger) *Pulse {
	return &Pulse{net: net, seen: seen, log: log, news: make(chan struct{}, 1)}
}

// Use says between whom signs of life go. It never blocks.
func (p *Pulse) Use(w Way) { p.want(func(to *wanted) { to.way = w }) }

// Begin says that there is a session, in place of any before. It never blocks.
func (p *Pulse) Begin(s Session) {
	p.want(func(to *wanted) { *to = wanted{way: to.way, session: s, number: to.number + 1} })
}

// End says that the session's connection has ended; bye: the other router said so, and its silence means nothing. Else signs of life go on, under
// the same keys. It never blocks.
func (p *Pulse) End(bye bool) {
	p.want(func(to *wanted) { to.ended, to.bye = true, to.bye || bye })
}

func (p *Pulse) want(change func(*wanted)) {
	p.mu.Lock()
	change(&p.wanted)
	p.mu.Unlock()
	select {
	case p.news <- struct{}{}:
	default: // whoever is woken finds the newest
	}
}

// Counts returns what was counted.
func (p *Pulse) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

func (p *Pulse) count(what *uint64) {
	p.mu.Lock()
	*what++
	p.mu.Unlock()
}

// Run serves until ctx ends.
func (p *Pulse) Run(ctx context.Context) error {
	h := &heart{Pulse: p, timer: time.NewTimer(time.Hour)}
	defer h.shut()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.news:
			h.obey(time.Now())
		case d := <-h.in:
			h.take(time.Now(), d)
		case <-h.timer.C:
			h.tick(time.Now())
		}
		h.tell()
		h.wait()
	}
}
