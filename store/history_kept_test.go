package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
)

// runFor runs a history and its store for so long.
func runFor(t *testing.T, h *History, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); _ = h.db.Run(ctx) }()
	if err := h.Run(ctx); err != nil {
		t.Fatal(err)
	}
	<-done
}

func TestHistorySurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fibre := on("fibre", "up")
		fibre.Tally = new(health.Tally)
		at, dir := newHome(fibre, on("old", "degraded")), t.TempDir()
		run := func(d time.Duration) *History {
			h := NewHistory(New(dir, quiet), at, at.count, quiet)
			runFor(t, h, d)
			return h
		}
		at.carry("fibre0", 1, 1)
		go func() {
			for n := range 200 {
				probe(t, fibre.Tally, 5+n%7)
				at.carry("fibre0", uint64(1000*n), uint64(77*n))
				time.Sleep(time.Second)
			}
		}()
		before := run(5 * time.Minute)
		was := before.History(24).WANs[0]
		time.Sleep(3*time.Minute - linger)

		at.is(on("fibre", "up"))
		after := run(2 * time.Minute)
		m := after.History(24)
		if got, want := shows(m, "fibre", 12), "- - up up up up up - - - up up "; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got, want := shows(m, "old", 12), "- - degraded degraded degraded degraded degraded - - - - - "; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if now := m.WANs[0]; !reflect.DeepEqual(was.Points[1435:], now.Points[1430:1435]) {
			t.Errorf("%+v, want %+v", now.Points[1430], was.Points[1435])
		}
		if got, want := shows(after.History(1), "fibre", 34), "up up up up - - - - - - - - - - - - - - - - - - up up up up up up up up up up up up "; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		again := run(time.Minute) // at once: no gap
		if got, want := shows(again.History(24), "fibre", 9), "up up - - - up up up "; !strings.HasSuffix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// TestAClockThatIsBehindAtTheStart is that of a board without a battery: first there seems to be no gap, and when the clock is
// set it is where it belongs.
func TestAClockThatIsBehindAtTheStart(t *testing.T) {
	at := newHome(on("fibre", "up"))
	h := fresh(t, at)
	start := time.Now().Truncate(time.Minute)
	h.begin(start)
	h.earlier([]row{{start.Add(time.Hour - time.Minute), "fibre", cellOf(&router.Point{State: "down"})}})
	h.earlier(nil) // the second time it would be what this run has written
	if got, want := shows(h.show(start, 24), "fibre", 3), "- - down "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	h.past.until = start.Add(-2 * time.Minute) // as if the clock had been set by an hour and two minutes
	if got, want := shows(h.show(start, 24), "fibre", 3), "down - - "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	h.past.until = start.AddDate(-1, 0, 0)
	if got, want := shows(h.show(start, 24), "fibre", 3), "- - - "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestMeasurementsWaitForTheClock: while nobody has set the clock they are not written, but for an hour at most.
func TestMeasurementsWaitForTheClock(t *testing.T) {
	at := newHome(on("fibre", "up"))
	at.snapshot.ClockUnset = true
	h, now := fresh(t, at), noon
	h.begin(now)
	wait := func(d time.Duration) []row {
		for end := now.Add(d); now.Before(end); now = now.Add(time.Second) {
			s, _ := at.Snapshot()
			h.see(now, s)
		}
		rows := h.rows(now)
		h.kept()
		return rows
	}
	if rows := wait(30 * time.Minute); len(rows) != 0 || !h.unset() {
		t.Errorf("%d were written", len(rows))
	}
	at.is(on("fibre", "up"))
	if rows := wait(10 * time.Minute); len(rows) != 40 || h.unset() || !rows[0].at.Equal(noon) || !rows[39].at.Equal(noon.Add(39*time.Minute)) {
		t.Errorf("%d were written, from %s on", len(rows), rows[0].at)
	}
	if rows := wait(10 * time.Minute); len(rows) != 10 || !rows[0].at.Equal(noon.Add(40*time.Minute)) {
		t.Errorf("%d were written, from %s on", len(rows), rows[0].at)
	}
	at.snapshot.ClockUnset = true
	if rows := wait(10 * time.Minute); len(rows) != 10 {
		t.Errorf("after an hour %d were written, want 10", len(rows))
	}
}

func TestHours(t *testing.T) {
	noon := time.Now().UTC().Truncate(time.Hour).Add(-13 * time.Hour) // the writer drops minutes of more than a day ago, by the clock
	dir := t.TempDir()
	fibre := on("fibre", "up")
	fibre.Tally = new(health.Tally)
	at, now := newHome(fibre), noon
	run := func(hours int, write bool) *History {
		d := New(dir, quiet)
		h := NewHistory(d, at, at.count, quiet)
		h.begin(now)
		w := writer{DB: d}
		if write {
			if w.attempt(); w.file == nil {
				t.Fatal(d.Failing())
			}
			defer func() { _ = w.file.close() }()
		}
		for n := range hours * 360 {
			now = now.Add(10 * time.Second)
			at.carry("fibre0", uint64(1000*n), uint64(10*n))
			probe(t, fibre.Tally, 5+n/360)
			state := "up"
			if n%360 == 100 {
				state = "down"
			}
			s := on("fibre", state)
			s.Tally = fibre.Tally
			h.see(now, &router.Snapshot{WANs: []router.WANSnapshot{s}})
			if write && n%60 == 59 {
				w.batch(now)
			}
		}
		return h
	}
	run(5, true)
	now = now.Add(2 * time.Hour)
	run(3, true)
	now = now.Add(time.Hour)
	h := run(2, false) // nothing of it reaches the file
	running(t, h.db)
	m := h.show(now, 48)
	if m.Step != 3600 || len(m.WANs) != 1 || len(m.WANs[0].Points) != 48 || !m.Until.Equal(noon.Add(13*time.Hour)) {
		t.Fatalf("steps of %d s until %s, %d lines", m.Step, m.Until, len(m.WANs))
	}
	if got, want := shows(m, "fibre", 15), "- - down down down down down - - down down down - down down "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p := m.WANs[0].Points[48-12]
	if p.Rx != 360_000 || p.Tx != 3600 || p.RTT != ms(6) || p.MinRTT != ms(6) || p.MaxRTT != ms(6) || !p.Active || p.Loss != 0 {
		t.Errorf("the second hour: %+v", p)
	}
	if m := h.show(now, 9600); len(m.WANs[0].Points) != 9600 {
		t.Errorf("400 days are %d hours", len(m.WANs[0].Points))
	}
}

func TestSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := newHome(on("fibre", "up"))
		h := fresh(t, at)
		go func() { _ = h.Run(t.Context()) }()
		time.Sleep(seconds / 2)
		for n := range 30 {
			at.carry("fibre0", uint64(n*1000), uint64(n*100))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		at.is(on("fibre", "down"))
		time.Sleep(200 * time.Millisecond)
		at.is(on("fibre", "up"))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		m := h.Minutes(1)
		if m.Step != 1 || len(m.WANs[0].Points) != 60 {
			t.Fatalf("%d points of %d s", len(m.WANs[0].Points), m.Step)
		}
		if got, want := shows(m, "fibre", 6), "up up up down up up "; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if p := m.WANs[0].Points[50]; p.Rx != 1000 || p.Tx != 100 {
			t.Errorf("a second: %+v", p)
		}
		if rx, tx := h.Load("fibre"); rx != 700 || tx != 70 { // of the last ten, three carried nothing
			t.Errorf("load: %d, %d", rx, tx)
		}
		if rx, tx := h.Load("lte"); rx != 0 || tx != 0 {
			t.Errorf("load of no line: %d, %d", rx, tx)
		}
		if m := h.Minutes(99); len(m.WANs[0].Points) != 600 {
			t.Errorf("%d points", len(m.WANs[0].Points))
		}
	})
}

// A look that is late by a second or two is no gap: had something changed, there would have been one.
func TestALateLookIsNoGap(t *testing.T) {
	at, now := newHome(on("fibre", "up")), noon
	h := fresh(t, at)
	h.begin(now)
	for _, d := range []time.Duration{1, 1, 1, 3, 1, 4, 1, 1} {
		now = now.Add(d * time.Second)
		s, _ := at.Snapshot()
		h.see(now, s)
	}
	if got, want := shows(h.draw(now, view{step: seconds, n: 12, at: (*History).second}), "fibre", 12), "up up up up up up up - - - up up "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestTheVersionBefore takes over the files of the version before SQLite, once.
func TestTheVersionBefore(t *testing.T) {
	dir := t.TempDir()
	until := time.Now().Truncate(time.Minute).Add(-time.Hour).UTC()
	put := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := func() {
		put("events.older.jsonl", []byte(`{"time":"2026-11-20T11:00:00Z","kind":"router","sentence":"one"}`+"\n"))
		put("events.jsonl", []byte(`{"time":"2026-11-20T12:00:00Z","kind":"router","sentence":"two"}`+"\n"+`{"time":"2026-11-20T13:00:00Z","kind":"router","senten`))
		put("history.json.gz", packed(t, `{"minutes":{"step_s":60,"until":"`+until.Format(time.RFC3339)+`","wans":[{"name":"fibre","points":[{"state":"up","rx":7},null,{"state":"down","rtt_ms":8.1}]}]}}`))
	}
	files()
	d := New(dir, quiet)
	h := NewHistory(d, newHome(), nil, quiet)
	stop := running(t, d)
	check := func(d *DB) {
		t.Helper()
		if got := sentences(t, d, time.Time{}); got != "one, two" {
			t.Errorf("events: %s", got)
		}
	}
	check(d)
	if got := shows(h.show(until.Add(5*time.Minute), 24), "fibre", 65); !strings.HasPrefix(got, "up - down - -") && !strings.Contains(got, "up - down ") {
		t.Errorf("minutes: %s", got)
	}
	if m := h.show(until.Add(2*time.Hour), 48); len(m.WANs) != 1 {
		t.Errorf("hours: %+v", m)
	}
	stop()
	for _, gone := range []string{"events.jsonl", "events.older.jsonl", "history.json.gz"} {
		if _, err := os.Stat(filepath.Join(dir, gone)); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
	files() // the power failed before they were removed
	check(in(t, dir))
}

// Files that cannot be read cost what is in them.
func TestNonsenseOfTheVersionBefore(t *testing.T) {
	for what, text := range map[string][]byte{
		"empty": {}, "text": []byte("hello"), "half": packed(t, `{"minutes":{}}`)[:20], "other": packed(t, `{"minutes":{"wans":7}}`),
		"nonsense": packed(t, `{"minutes":{"step_s":-1,"until":"1600-01-01T00:00:00Z","wans":[{"name":"","points":[{"state":"x","rtt_ms":-1e300,"loss":1e300}]},{}]}}`),
		"too many": packed(t, `{"minutes":{"wans":[`+strings.Repeat(`{"name":"a","points":[null]},`, 500)+`{"name":"b"}]}}`),
		"too long": packed(t, `{"minutes":{"wans":[{"name":"fibre","points":[`+strings.Repeat("null,", 5000)+`null]}]}}`),
		"later":    packed(t, `{"minutes":{"until":"9999-01-01T00:00:00Z","wans":[{"name":"fibre","points":[{"state":"up"}]}]}}`),
	} {
		dir := t.TempDir()
		for _, name := range []string{"history.json.gz", "events.jsonl"} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		d := New(dir, quiet)
		NewHistory(d, newHome(), nil, quiet)
		w := writer{DB: d}
		w.attempt()
		if err := d.Failing(); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		_ = w.file.close()
		if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
			t.Errorf("%s: left: %v (%v)", what, all, err)
		}
	}
}

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
