package web

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twinpath/twinpath/router"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fakeSource is a router whose snapshot the test sets.
type fakeSource struct {
	mu       sync.Mutex
	snapshot *router.Snapshot
	changed  chan struct{}
	wishes   []string
}

func newFakeSource() *fakeSource {
	return &fakeSource{snapshot: snapshotOn("fibre"), changed: make(chan struct{})}
}

func snapshotOn(line string) *router.Snapshot {
	return &router.Snapshot{Router: "main", Version: "test", Sentence: "Internet works, on " + line + ".", Verdict: router.VerdictOK, Since: noon, Time: noon}
}

func (f *fakeSource) Snapshot() (*router.Snapshot, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snapshot, f.changed
}

func (f *fakeSource) set(s *router.Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snapshot = s
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fakeSource) Drain(wan string, off bool) error {
	if wan != "fibre" && (wan != "" || !off) {
		return errors.New(`"` + wan + `": ` + router.ErrNoWAN.Error())
	}
	verb := "drain "
	if off {
		verb = "resume "
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wishes = append(f.wishes, verb+wan)
	return nil
}

// fakeHistory has three events, an hour apart.
type fakeHistory struct{ err error }

func (f fakeHistory) Since(t time.Time) ([]router.Event, error) {
	events := []router.Event{}
	for i, sentence := range []string{"one", "two", "three"} {
		if at := noon.Add(time.Duration(i) * time.Hour); !at.Before(t) {
			events = append(events, router.Event{Time: at, Kind: router.EventRouter, Sentence: sentence})
		}
	}
	return events, f.err
}

// fakeApplier keeps what it was given.
type fakeApplier struct {
	mu      sync.Mutex
	name    string
	text    string
	confirm time.Duration
	err     error
}

func (f *fakeApplier) Apply(_ context.Context, name string, text []byte, confirm time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.name, f.text, f.confirm = name, string(text), confirm
	return f.err
}

func (f *fakeApplier) Confirm() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.confirm == 0 {
		return errors.New("no configuration waits for a confirmation")
	}
	f.confirm = 0
	return nil
}
