package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/pathmtu"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/store"
)

const (
	// pathDaily is how often a line is measured without any reason, and pathScatter how much later it may be.
	pathDaily, pathScatter = 24*time.Hour - 30*time.Minute, time.Hour
	// pathRetry is when a search that could not tell is repeated, and pathPause how long a line that comes and goes is left alone.
	pathRetry, pathPause = time.Hour, 10 * time.Minute
)

// pathShelf keeps what was found over restarts.
type pathShelf interface {
	Put(key string, value []byte) error
	All() ([]store.Item, error)
}

// surveyor finds out what fits through each line: when it comes, when it is another one, when it is back, and daily. It measures one line
// at a time, and has no socket in between.
type surveyor struct {
	view    func() (*router.Snapshot, <-chan struct{})
	tell    func(router.Fact)
	measure func(context.Context, pathmtu.Line) (pathmtu.Found, error)
	shelf   pathShelf
	now     func() time.Time
	scatter func() time.Duration
	log     *slog.Logger

	lines map[string]*surveyed // by the WAN's name
	news  chan struct{}
	mu    sync.Mutex
	cfg   router.Config
	fresh bool            // cfg has not been looked at
	anew  map[string]bool // lines that are to be measured now
}

func (h *household) newSurveyor(cfg router.Config) *surveyor {
	return &surveyor{
		view: h.router.Snapshot, tell: h.router.Tell, measure: pathmtu.Measure, shelf: h.store.Shelf("paths"), now: time.Now,
		scatter: func() time.Duration { return rand.N(pathScatter) }, log: h.log,
		lines: map[string]*surveyed{}, anew: map[string]bool{}, news: make(chan struct{}, 1), cfg: cfg,
	}
}

// Use replaces the configuration. It never blocks.
func (s *surveyor) Use(cfg router.Config) {
	s.mu.Lock()
	s.cfg, s.fresh = cfg, true
	s.mu.Unlock()
	s.ring()
}

// Again has a line measured now: somebody has seen large packets vanish. It never blocks.
func (s *surveyor) Again(wan string) {
	s.mu.Lock()
	s.anew[wan] = true
	s.mu.Unlock()
	s.ring()
}

func (s *surveyor) ring() {
	select {
	case s.news <- struct{}{}:
	default: // somebody has to look already
	}
}

// Run measures until ctx ends.
func (s *surveyor) Run(ctx context.Context) error {
	s.recall()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		snapshot, changed := s.view()
		due, next := s.look(s.now(), snapshot)
		if due != nil {
			s.survey(ctx, due)
			continue
		}
		timer.Reset(next.Sub(s.now()))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-s.news:
		case <-timer.C:
		}
	}
	return nil
}

// task is one search.
type task struct {
	wan router.WANSnapshot
	six bool
}

// look takes in how the lines are. It returns the search that is due, or when the next one is.
func (s *surveyor) look(now time.Time, snapshot *router.Snapshot) (due *task, next time.Time) {
	s.mu.Lock()
	cfg, fresh, anew := s.cfg, s.fresh, s.anew
	s.fresh = false
	if len(anew) > 0 {
		s.anew = map[string]bool{}
	}
	s.mu.Unlock()
	next = now.Add(pathDaily)
	for _, w := range snapshot.WANs {
		if !surveyable(cfg, w) {
			continue
		}
		l := s.line(w)
		if anew[w.Name] {
			l.four.place, l.six.place = nowhere, nowhere
		}
		if fresh {
			l.told = 0 // by another configuration a line may be another one, of which the router knows nothing
		}
		if l.recalls(w.Way) {
			s.tell(router.PathSeen{WAN: w.Name, Index: w.Way.Index, Path: l.path, Recalled: true})
		}
		for _, six := range [...]bool{false, true} {
			at, is := l.of(six).due(now, placeOf(w, six))
			switch {
			case is && !at.After(now) && due == nil:
				due = &task{w, six}
			case is && at.Before(next):
				next = at
			}
		}
	}
	return due, next
}

// survey does one search. What was found on a line that has failed or changed meanwhile is worth nothing.
func (s *surveyor) survey(ctx context.Context, t *task) {
	l, place := s.line(t.wan), placeOf(t.wan, t.six)
	visit := l.of(t.six)
	found, err := s.measure(ctx, pathmtu.Line{
		Control: kernel.Control(t.wan.Way.Name, own(t.wan.Mark)), Targets: pathTargets(t.wan, t.six), RTT: time.Duration(t.wan.RTT),
		Most: t.wan.Way.MTU, Guess: l.guess(t.six),
	})
	now := s.now()
	*visit = visited{place: place, at: now, next: now.Add(pathRetry)}
	switch {
	case ctx.Err() != nil:
		return
	case !s.still(t, place):
		visit.away = true
		return
	case errors.Is(err, pathmtu.ErrSilent): // it will not be otherwise in an hour
		visit.next = now.Add(pathDaily + s.scatter())
	case err == nil:
		visit.next = now.Add(pathDaily + s.scatter())
		l.found(t.six, found, now)
		s.tell(router.PathSeen{WAN: t.wan.Name, Index: t.wan.Way.Index, Path: l.path})
		s.keep(t.wan, l.path)
	}
	s.log.Info("path MTU", "wan", t.wan.Name, "ipv6", t.six, "bytes", found.MTU, "hole", found.Hole, "packets", found.Sent, "reason", err)
}

// still reports whether a line is what it was when its search began.
func (s *surveyor) still(t *task, place place) bool {
	snapshot, _ := s.view()
	for _, w := range snapshot.WANs {
		if w.Name == t.wan.Name {
			return placeOf(w, t.six) == place
		}
	}
	return false
}
