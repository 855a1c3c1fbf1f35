package alert

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/router"
)

const (
	phone = "ntfy://ntfy.sh/s3cr3t-topic"
	mail  = "https://hook.example/s3cr3t-path"
)

// world is what a Desk sees of the world: its router, its disk, and the services that people read.
type world struct {
	mu       sync.Mutex
	snapshot *router.Snapshot
	changed  chan struct{}
	lines    []string
	shelf    map[string]Item
	puts     int
	diskErr  error
	sendErr  func(url, way string) error
	got      []sent
	views    []router.AlertsView
	peer     func(bundle []byte) ([]byte, error)
}

type sent struct {
	url, way string
	at       time.Time
	channel.Message
}

func newWorld() *world {
	return &world{snapshot: &router.Snapshot{}, changed: make(chan struct{}), lines: []string{"fibre"}, shelf: map[string]Item{}, sendErr: func(string, string) error { return nil }}
}

func (w *world) Snapshot() (*router.Snapshot, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snapshot, w.changed
}

// show is a new snapshot, with these lines up.
func (w *world) show(s router.Snapshot, lines ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range lines {
		s.WANs = append(s.WANs, router.WANSnapshot{Name: name, State: "up"})
	}
	w.snapshot, w.lines = &s, lines
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) ways() []channel.Way {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []channel.Way
	for _, name := range w.lines {
		all = append(all, channel.Way{Name: name})
	}
	return all
}

func (w *world) send(_ context.Context, url string, way channel.Way, m channel.Message) error {
	w.mu.Lock()
	answer := w.sendErr
	w.mu.Unlock()
	if err := answer(url, way.Name); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, sent{url, way.Name, time.Now(), m})
	return nil
}

func (w *world) Put(key string, value []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.puts++
	if w.diskErr != nil {
		return w.diskErr
	}
	if len(value) > 64<<10 {
		return errors.New("too large")
	}
	w.shelf[key] = Item{key, slices.Clone(value)}
	return nil
}

func (w *world) Drop(key string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.shelf, key)
	return w.diskErr
}

func (w *world) All() ([]Item, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.shelf)), w.diskErr
}

func (w *world) Forward(_ context.Context, bundle []byte) ([]byte, error) { return w.peer(bundle) }

func (w *world) tell(v router.AlertsView) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.views = append(w.views, v)
}

// fails makes the services answer like this.
func (w *world) fails(f func(url, way string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sendErr = f
}

// read returns the titles of what people have got since the last call.
func (w *world) read() []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.got
	w.got = nil
	return got
}

// waiting is how many letters lie on the shelf.
func (w *world) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for key := range w.shelf {
		if strings.HasPrefix(key, letterKey) {
			n++
		}
	}
	return n
}

func (w *world) view() router.AlertsView {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.views[len(w.views)-1]
}

func configured(urls ...string) router.Config {
	cfg := router.Config{Name: "main", Alert: router.Alert{Wait: time.Minute, Remind: 24 * time.Hour}}
	for _, url := range urls {
		cfg.Alert.To = append(cfg.Alert.To, router.AlertTo{URL: url})
	}
	return cfg
}

// desk is a Desk that runs.
type running struct {
	*Desk
	stop func()
}

// runs starts a Desk in a world. It has settled after five minutes.
func (w *world) runs(t *testing.T, cfg router.Config) running {
	t.Helper()
	d := New(Ports{Source: w, Shelf: w, Ways: w.ways, Send: w.send, Peer: w, Tell: w.tell, Log: slog.New(slog.DiscardHandler)})
	d.Use(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- d.Run(ctx) }()
	return running{d, func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
	}}
}

func outage(id, wan string) router.Incident {
	return router.Incident{ID: id, Router: "main", Cause: router.CauseWAN, WAN: wan, State: "down", Start: time.Now(), Clock: true, Sentence: wan + " is down: no answer."}
}

func ended(i router.Incident) router.Incident {
	i.End, i.Lasted = time.Now(), router.Seconds(time.Since(i.Start))
	return i
}

// titled checks what people have got.
func titled(t *testing.T, got []sent, titles ...string) {
	t.Helper()
	var all []string
	for _, g := range got {
		all = append(all, g.Title)
	}
	if strings.Join(all, "\n") != strings.Join(titles, "\n") {
		t.Errorf("people got\n  %s\nwant\n  %s", strings.Join(all, "\n  "), strings.Join(titles, "\n  "))
	}
}
