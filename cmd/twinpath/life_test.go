package main

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/slot"
	"github.com/twinpath/twinpath/router"
)

var morning = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

func told(events []router.Event) string {
	var lines []string
	for _, e := range events {
		lines = append(lines, strings.Join([]string{string(e.Cause), e.From + ">" + e.To, e.Sentence}, " "))
	}
	return strings.Join(lines, "\n")
}

func TestLife(t *testing.T) {
	state := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	begin := func(version, boot, want string) *life {
		t.Helper()
		l := newLife(state, log)
		if got := told(l.begin(morning, version, boot)); got != want {
			t.Errorf("told:\n%s\nwant:\n%s", got, want)
		}
		return l
	}
	l := begin("1.0", "a", " >started Twinpath 1.0 has started.")
	l.end(morning)
	begin("1.0", "a", " ended>started Twinpath 1.0 has started.")
	begin("1.0", "a", " killed>started Twinpath 1.0 has started. The one before ended without warning.")
	begin("1.0", "b", " killed>started Twinpath 1.0 has started. The router lost its power, or was restarted by force.").end(morning)
	begin("1.1", "b", " ended>started Twinpath 1.1 has started.\n"+
		"update >moment This router works by version 1.1 of Twinpath now; before, by 1.0.").end(morning)

	if err := os.WriteFile(filepath.Join(state, "run.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	begin("1.1", "b", " >started Twinpath 1.1 has started.")
}

func TestUpdateIsToldOnce(t *testing.T) {
	state := t.TempDir()
	start := func() *life {
		l := newLife(state, slog.New(slog.DiscardHandler))
		l.begin(morning, "1.0", "a")
		return l
	}
	l := start()
	back := slot.Result{Outcome: slot.Failed, Sentence: "Version 1.1 was not healthy.", Time: morning.Add(-time.Minute)}
	if got := told(l.updated(morning, back)); got != "update >moment Version 1.1 was not healthy." {
		t.Errorf("told: %s", got)
	}
	for _, l := range []*life{l, start()} {
		if got := l.updated(morning, back); len(got) > 0 {
			t.Errorf("once more: %s", told(got))
		}
	}
	good := slot.Result{Outcome: slot.Succeeded, Time: morning}
	if got := start().updated(morning, good); len(got) > 0 {
		t.Errorf("the new version says it by itself: %s", told(got))
	}
}

func TestGuessingIsSaidOnceAnHour(t *testing.T) {
	var said []router.Event
	l := &lookout{record: func(e router.Event) { said = append(said, e) }}
	for minute := range 130 {
		l.guessed(morning.Add(time.Duration(minute)*time.Minute), netip.MustParseAddr("192.168.1.66"))
	}
	if len(said) != 3 || said[0].Cause != router.CauseLogin || said[0].To != "moment" ||
		said[0].Sentence != "Somebody at 192.168.1.66 guesses the password of this router's page." {
		t.Errorf("said %d times: %s", len(said), told(said))
	}
}
