package drill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

// fake is a router with two lines, and everything else that a Driller speaks to.
type fake struct {
	t  *testing.T
	mu sync.Mutex

	snapshot router.Snapshot
	changed  chan struct{}
	facts    []router.Fact
	events   []router.Event
	shelf    map[string][]byte
	order    []string
	broken   map[string]string // of lines: what a proof finds
	takes    time.Duration     // a proof
	proven   []string
	deaf     bool // the router does not move the house
	pings    int
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, snapshot: *two(), changed: make(chan struct{}), shelf: map[string][]byte{}, broken: map[string]string{}, takes: 5 * time.Second}
	f.snapshot.WANs[0].RTT, f.snapshot.WANs[1].Interface = router.Milliseconds(9*time.Millisecond), "wan1"
	return f
}

func (f *fake) Snapshot() (*router.Snapshot, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.snapshot
	s.WANs = slices.Clone(s.WANs)
	return &s, f.changed
}

// set changes the snapshot.
func (f *fake) set(change func(*router.Snapshot)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snapshot.WANs = slices.Clone(f.snapshot.WANs)
	change(&f.snapshot)
	close(f.changed)
	f.changed = make(chan struct{})
}

// tell does what the router does with the fact that moves the house.
func (f *fake) tell(fact router.Fact) {
	f.mu.Lock()
	f.facts = append(f.facts, fact)
	f.mu.Unlock()
	r, is := fact.(router.Rehearsed)
	if !is || f.deaf || len(f.snapshot.WANs) < 2 {
		return
	}
	f.set(func(s *router.Snapshot) {
		away := r.Until.After(time.Now())
		s.WANs[0].Active, s.WANs[1].Active, s.WANs[0].RehearsedUntil = !away, away, nil
		if away {
			s.WANs[0].RehearsedUntil = &r.Until
		}
	})
}

func (f *fake) record(e router.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, e)
}

// said returns the events as text and forgets them.
func (f *fake) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, e := range f.events {
		all = append(all, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s ", e.WAN, e.Cause, e.To)), " ")+": "+e.Sentence)
	}
	f.events = nil
	return strings.Join(all, "\n")
}

func (f *fake) Put(key string, value []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shelf[key] == nil {
		f.order = append(f.order, key)
	}
	f.shelf[key] = value
	return nil
}

func (f *fake) Drop(key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.shelf, key)
	f.order = slices.DeleteFunc(f.order, func(k string) bool { return k == key })
	return nil
}

func (f *fake) All() ([][]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all [][]byte
	for _, key := range f.order {
		all = append(all, f.shelf[key])
	}
	return all, nil
}

func (f *fake) prove(ctx context.Context, t Task, say func(router.DrillStep)) Proof {
	f.mu.Lock()
	if !t.Brief {
		f.proven = append(f.proven, t.Line.Name)
	}
	broken := f.broken[t.Line.Name]
	f.mu.Unlock()
	p := Proof{Line: t.Line.Name, Target: "1.1.1.1", RTT: 38 * time.Millisecond, Pings: 20, Lost: 1, Bytes: 1e6, Took: 400 * time.Millisecond, MTU: 1500, Broken: broken}
	if t.Brief {
		p.Took = 40 * time.Millisecond
		return p
	}
	p.Far = strings.HasPrefix(broken, "fetching")
	select {
	case <-time.After(f.takes):
		say(router.DrillStep{What: "fetch", OK: broken == "", Detail: broken})
	case <-ctx.Done():
	}
	return p
}

func (f *fake) house(context.Context, string) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pings++; f.pings > 3 && f.pings < 7 {
		return 0, errors.New("lost")
	}
	return time.Millisecond, nil
}

// done is how many proofs there were, the brief ones aside.
func (f *fake) done() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.proven)
}

func (f *fake) breaks(line, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken[line] = why
}

func houseConfig() router.Config {
	return router.Config{
		WANs:  []router.WANConfig{{Name: "fibre"}, {Name: "lte", Cost: 50, Metered: true}},
		Drill: router.Drill{On: true, Day: time.Sunday, At: 4*time.Hour + 10*time.Minute, Fetch: "https://example.org/1MB", Name: "example.org"},
	}
}

// running starts a Driller in a bubble of synctest.
func (f *fake) running(cfg router.Config) *Driller {
	d := New(cfg, Ports{
		Source: f, Tell: f.tell, Record: f.record, Shelf: f, Prove: f.prove, House: f.house, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Line: func(w router.WANSnapshot) Line { return Line{Name: w.Name, MTU: w.MTU} },
	})
	ctx, cancel := context.WithCancel(f.t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	f.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
	return d
}

// over waits until nothing goes on and returns the newest rehearsal.
func (f *fake) over(d *Driller) router.DrillView {
	f.t.Helper()
	for range 3 * 60 {
		if all := d.Drills(); len(all) > 0 && !all[0].End.IsZero() {
			synctest.Wait()
			return all[0]
		}
		time.Sleep(time.Second)
	}
	f.t.Fatal("it never ends")
	return router.DrillView{}
}

func (f *fake) start(d *Driller, wan string, full bool) router.DrillView {
	f.t.Helper()
	if _, err := d.Start(wan, full); err != nil {
		f.t.Fatal(err)
	}
	return f.over(d)
}

// bubble runs a test in which time passes by itself.
func bubble(t *testing.T, test func(t *testing.T, f *fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newFake(t)) })
}
