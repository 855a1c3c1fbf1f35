package store

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/router"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Tests(m.Run)) }

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func event(n int) router.Event {
	return router.Event{Time: noon.Add(time.Duration(n) * time.Second), Kind: router.EventWAN, WAN: "fibre", Sentence: fmt.Sprintf("event %d", n)}
}

// kept writes events and returns the history as a later run sees it.
func kept(t *testing.T, dir string, from, to int) []router.Event {
	t.Helper()
	e := NewEvents(dir, slog.New(slog.DiscardHandler))
	for n := from; n < to; n++ {
		e.write(event(n))
	}
	events, err := NewEvents(dir, slog.New(slog.DiscardHandler)).Since(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestEventsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	kept(t, dir, 0, 3)
	events := kept(t, dir, 3, 5)
	if len(events) != 5 || events[0].Sentence != "event 0" || events[4].Sentence != "event 4" {
		t.Errorf("got %v, want events 0 to 4 in order", events)
	}
	late, err := NewEvents(dir, slog.New(slog.DiscardHandler)).Since(noon.Add(3 * time.Second))
	if err != nil || len(late) != 2 {
		t.Errorf("since 12:00:03 there are %d events (%v), want 2", len(late), err)
	}
}

func TestRunWritesWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	e := NewEvents(dir, slog.New(slog.DiscardHandler))
	for n := range 5 {
		e.Record(event(n))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if events, _ := e.Since(time.Time{}); len(events) != 5 {
		t.Errorf("%d events were written, want 5", len(events))
	}
}

func TestATornLineCostsOnlyItself(t *testing.T) {
	dir := t.TempDir()
	kept(t, dir, 0, 3)
	path := filepath.Join(dir, "events.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text[:len(text)-10], 0o600); err != nil { // the power went in the third line
		t.Fatal(err)
	}
	events := kept(t, dir, 3, 4)
	if len(events) != 3 || events[2].Sentence != "event 3" {
		t.Errorf("got %v, want events 0, 1 and 3", events)
	}
}

func TestEventsAreBounded(t *testing.T) {
	dir := t.TempDir()
	e := NewEvents(dir, slog.New(slog.DiscardHandler))
	long := event(0)
	long.Sentence = strings.Repeat("x", 20_000)
	for range 300 { // 6 MB
		e.write(long)
	}
	size := int64(0)
	for _, path := range []string{e.newer(), e.older()} {
		at, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size += at.Size()
	}
	if size > 2*half+64<<10 {
		t.Errorf("the history takes %d bytes, more than twice %d", size, half)
	}
}

func TestAFullDiskIsSaidOnceAndHealsByItself(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	filler := filepath.Join(dir, "filler")
	var logged strings.Builder
	e := NewEvents(dir, slog.New(slog.NewTextHandler(&logged, nil)))
	e.write(event(0))
	_ = os.WriteFile(filler, make([]byte, 64<<10), 0o600) // fails when the disk is full, as wanted
	for n := range 100 {
		e.write(event(n + 1))
	}
	if n := strings.Count(logged.String(), "events are not kept any more"); n != 1 {
		t.Fatalf("the full disk was said %d times, want once:\n%s", n, logged.String())
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	e.write(event(200))
	events, err := e.Since(noon.Add(200 * time.Second))
	if err != nil || len(events) != 1 {
		t.Errorf("after there was room again %d events were kept (%v), want 1", len(events), err)
	}
	if !strings.Contains(logged.String(), "events are kept again") {
		t.Error("the recovery was not said")
	}
}

func TestASlowDiskBlocksNobody(t *testing.T) {
	e := NewEvents(t.TempDir(), slog.New(slog.DiscardHandler)) // nobody runs it
	for n := range waiting + 10 {
		e.Record(event(n))
	}
	if e.dropped != 10 {
		t.Errorf("%d events were dropped, want 10", e.dropped)
	}
}
