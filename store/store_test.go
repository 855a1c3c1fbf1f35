package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/router"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimVariable); dir != "" {
		fmt.Println(victim(dir))
		os.Exit(1)
	}
	os.Exit(sandbox.Tests(m.Run))
}

var (
	noon  = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	quiet = slog.New(slog.DiscardHandler)
)

func event(n int) router.Event {
	return router.Event{Time: noon.Add(time.Duration(n) * time.Second), Kind: router.EventWAN, WAN: "fibre", Sentence: fmt.Sprintf("event %d", n)}
}

func incident(n int, lasted time.Duration) router.Incident {
	i := router.Incident{ID: fmt.Sprintf("main-%d", n), Router: "main", Cause: router.CauseWAN, WAN: "fibre", Start: noon.Add(time.Duration(n) * time.Hour), Sentence: "The cable is out."}
	if lasted > 0 {
		i.End = i.Start.Add(lasted)
	}
	return i
}

// running runs a store until the returned function is called, or the test ends.
func running(t testing.TB, d *DB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = d.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// in is what a later run finds in a directory.
func in(t testing.TB, dir string) *DB {
	t.Helper()
	d := New(dir, quiet)
	running(t, d)
	return d
}

func sentences(t testing.TB, d *DB, since time.Time) string {
	t.Helper()
	events, err := d.Since(since)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range events {
		all = append(all, e.Sentence)
	}
	return strings.Join(all, ", ")
}

func TestEverythingSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	d := New(dir, quiet)
	stop := running(t, d)
	for n := range 3 {
		d.Record(event(n))
	}
	d.PutIncident(incident(0, 0))
	d.PutIncident(incident(1, time.Minute))
	d.AddUsage("lte", "2026-11-19", 5, 6)
	d.AddUsage("lte", "2026-11-20", 100, 10)
	d.AddUsage("lte", "2026-11-20", 1, 2)
	if err := d.Shelf("letters").Put("a", []byte("one")); err != nil {
		t.Fatal(err)
	}
	check := func(d *DB) {
		t.Helper()
		if got := sentences(t, d, time.Time{}); got != "event 0, event 1, event 2" {
			t.Errorf("events: %s", got)
		}
		if got := sentences(t, d, noon.Add(time.Second)); got != "event 1, event 2" {
			t.Errorf("since one second later: %s", got)
		}
		got, err := d.Incidents(noon, noon.Add(2*time.Hour))
		if want := []router.Incident{incident(0, 0), incident(1, time.Minute)}; err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("incidents %+v (%v), want %+v", got, err, want)
		}
		days, err := d.Usage("lte", "2026-11-19", "2026-11-20")
		if want := []DayUsage{{"2026-11-19", 5, 6}, {"2026-11-20", 101, 12}}; err != nil || !reflect.DeepEqual(days, want) {
			t.Errorf("usage %v (%v), want %v", days, err, want)
		}
		items, err := d.Shelf("letters").All()
		if err != nil || len(items) != 1 || items[0].Key != "a" || string(items[0].Value) != "one" || time.Since(items[0].At).Abs() > time.Hour {
			t.Errorf("shelf %v (%v)", items, err)
		}
	}
	check(d)
	stop()
	check(in(t, dir))
	if _, err := os.Stat(filepath.Join(dir, name+"-wal")); err == nil {
		t.Log("a journal is there while the store runs, as it should be")
	}
}

// What cannot be kept does not hold up the rest.
func TestNonsenseIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	d := New(dir, quiet)
	stop := running(t, d)
	never := event(1)
	never.Time = time.Date(100_000, 1, 1, 0, 0, 0, 0, time.UTC)
	endless := incident(1, time.Hour)
	endless.Start = never.Time
	d.Record(event(0))
	d.Record(never)
	d.PutIncident(endless)
	d.Record(event(2))
	d.AddUsage("lte", "2026-11-20", math.MaxUint64, 1)
	d.AddUsage("lte", "2026-11-20", 1, math.MaxUint64)
	for range 3 {
		d.AddUsage("lte", "2026-11-20", math.MaxUint64/2, 1)
		if err := d.Shelf("empty").Put("", nil); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if got := sentences(t, in(t, dir), time.Time{}); got != "event 0, event 2" {
		t.Errorf("kept: %s", got)
	}
}

// At the end what others say while they stop is still kept, and later nobody has to wait.
func TestTheEnd(t *testing.T) {
	dir := t.TempDir()
	d := New(dir, quiet)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = d.Run(ctx) }()
	d.Record(event(0))
	cancel()
	if err := d.Shelf("letters").Put("a", nil); err != nil {
		t.Errorf("while it ended: %v", err)
	}
	if got := sentences(t, d, time.Time{}); got != "event 0" {
		t.Errorf("while it ended: %s", got)
	}
	d.Record(event(1))
	<-done
	start := time.Now()
	if err := d.Shelf("letters").Put("b", nil); !errors.Is(err, errEnded) {
		t.Errorf("afterwards: %v", err)
	}
	if _, err := d.Since(time.Time{}); !errors.Is(err, errEnded) {
		t.Errorf("afterwards: %v", err)
	}
	if waited := time.Since(start); waited >= patience {
		t.Errorf("waited for %s", waited)
	}
	if got := sentences(t, in(t, dir), time.Time{}); got != "event 0, event 1" {
		t.Errorf("kept: %s", got)
	}
}

// TestManyAtOnce: what several bring while others read is all there, once.
func TestManyAtOnce(t *testing.T) {
	const writers, each = 4, 25
	dir := t.TempDir()
	d := New(dir, quiet)
	h := NewHistory(d, newHome(on("fibre", "up")), nil, quiet)
	stop := running(t, d)
	var all sync.WaitGroup
	for who := range writers {
		all.Go(func() {
			for n := range each {
				d.Record(event(who*each + n))
				d.PutIncident(incident(who*each+n, time.Minute))
				d.AddUsage("lte", "2026-11-20", 1, 1)
				if err := d.Shelf("letters").Put(fmt.Sprint(who), fmt.Append(nil, n)); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range each {
				events, err := d.Since(time.Time{})
				if days, err2 := d.Usage("lte", "", "9"); err != nil || err2 != nil || len(days) > 0 && days[0].Rx > writers*each || len(events) > writers*each {
					t.Errorf("%d events, %v (%v, %v)", len(events), days, err, err2)
				}
				h.History(48)
			}
		})
	}
	all.Wait()
	stop()
	d = in(t, dir)
	if events, err := d.Since(time.Time{}); err != nil || len(events) != writers*each {
		t.Errorf("%d events (%v)", len(events), err)
	}
	if incidents, err := d.Incidents(noon, noon.AddDate(1, 0, 0)); err != nil || len(incidents) != writers*each {
		t.Errorf("%d incidents (%v)", len(incidents), err)
	}
	if days, err := d.Usage("lte", "", "9"); err != nil || len(days) != 1 || days[0].Rx != writers*each {
		t.Errorf("usage %v (%v)", days, err)
	}
	if items, err := d.Shelf("letters").All(); err != nil || len(items) != writers || string(items[0].Value) != fmt.Sprint(each-1) {
		t.Errorf("letters %v (%v)", items, err)
	}
}
