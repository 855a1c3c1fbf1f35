package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// of makes a file of SQL.
func of(t *testing.T, dir, text string) {
	t.Helper()
	db := sqliteFile(filepath.Join(dir, name))
	if _, err := db.Exec(text); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestEachVersionIsTakenOver opens a file of each version that ever was.
func TestEachVersionIsTakenOver(t *testing.T) {
	for version := 1; version <= len(steps); version++ {
		text, err := os.ReadFile(fmt.Sprintf("testdata/version-%d.sql", version))
		if err != nil {
			t.Fatalf("%v\nhint: a new version needs a file as the one before it leaves it", err)
		}
		dir := t.TempDir()
		of(t, dir, string(text))
		d := New(dir, quiet)
		h := NewHistory(d, newHome(), nil, quiet)
		running(t, d)
		if got := sentences(t, d, noon.Add(-time.Second)); got != "fibre is down: the cable is out., fibre is up." {
			t.Errorf("version %d: events: %s", version, got)
		}
		incidents, err := d.Incidents(noon.Add(-time.Hour), noon.Add(3*time.Hour))
		if err != nil || len(incidents) != 2 || incidents[0].Sentence != "The cable is out." || !incidents[1].Open() {
			t.Errorf("version %d: incidents: %+v (%v)", version, incidents, err)
		}
		if days, err := d.Usage("lte", "2026-11-20", "2026-11-20"); err != nil || len(days) != 1 || days[0].Rx != 123456 {
			t.Errorf("version %d: usage: %v (%v)", version, days, err)
		}
		if items, err := d.Shelf("letters").All(); err != nil || len(items) != 1 || string(items[0].Value) != "one" {
			t.Errorf("version %d: letters: %v (%v)", version, items, err)
		}
		h.begin(noon.Add(2 * time.Hour))
		if m := h.show(noon.Add(2*time.Hour), 48); len(m.WANs) != 1 || m.WANs[0].Points[46] == nil || m.WANs[0].Points[46].Rx != 60000 {
			t.Errorf("version %d: hours: %+v", version, m.WANs)
		}
	}
}

// A step is done as a whole or not at all.
func TestAStepThatFails(t *testing.T) {
	dir := t.TempDir()
	of(t, dir, version1+"INSERT INTO usage VALUES ('2026-11-20', 'lte', 1, 2); PRAGMA user_version = 1;")
	try := func(step string) error {
		f, err := openFile(dir, sqliteFile, []string{version1, step})
		if err != nil {
			return err
		}
		defer f.close()
		days, err := f.usage("lte", "", "9")
		if err != nil || days["2026-11-20"].Rx != 1 {
			t.Errorf("%v (%v)", days, err)
		}
		_, err = f.db.Exec("UPDATE usage SET flows = 7")
		return err
	}
	if err := try("ALTER TABLE usage ADD COLUMN flows INTEGER; CREATE TABLE events (id INTEGER);"); err == nil || !strings.Contains(err.Error(), "make version 2 of version 1") {
		t.Errorf("a bad step: %v", err)
	}
	for range 2 { // once a step, once there
		if err := try("ALTER TABLE usage ADD COLUMN flows INTEGER;"); err != nil {
			t.Errorf("after a bad step: %v", err)
		}
	}
}

// A file of a newer version belongs to an update that went back: not a byte of it changes.
func TestANewerVersionIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	of(t, dir, version1+"PRAGMA user_version = 99;")
	before, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	d := New(dir, quiet)
	stop := running(t, d)
	d.Record(event(0))
	if err := becomes(t, d, true); !strings.Contains(err.Error(), "twinpath.db is of version 99, this program knows 1: it is left alone\nhint:") {
		t.Errorf("failing: %v", err)
	}
	if err := d.Shelf("letters").Put("a", nil); err == nil {
		t.Error("a letter was put there")
	}
	if got := sentences(t, d, time.Time{}); got != "event 0" {
		t.Errorf("in memory: %s", got)
	}
	stop()
	after, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed (%v)", err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("beside it there is something: %v (%v)", all, err)
	}
}

// filled fills a file with some days, and returns its bytes.
func filled(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	d := New(dir, quiet)
	stop := running(t, d)
	for n := range 500 {
		d.Record(event(n))
		d.PutIncident(incident(n, time.Minute))
	}
	stop()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A damaged file is put aside, a new one is begun, and that is said.
func TestADamagedFile(t *testing.T) {
	whole := filled(t)
	chance := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 8192)
	for i := range noise {
		noise[i] = byte(chance.Uint32())
	}
	beginning, middle := bytes.Clone(whole), bytes.Clone(whole)
	copy(beginning, noise)
	copy(middle[len(middle)/2:], noise)
	for what, text := range map[string][]byte{
		"noise at the beginning": beginning, "noise in the middle": middle, "zeros": make([]byte, len(whole)), "half": whole[:len(whole)/2+100],
		"another file": []byte(strings.Repeat("hello ", 2000)),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			if err := errors.Join(os.WriteFile(path, text, 0o600), os.WriteFile(path+"-wal", noise, 0o600), os.WriteFile(path+".damaged", nil, 0o600)); err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			var said []router.Event
			log := new(spoken)
			d := New(dir, slog.New(slog.NewTextHandler(log, nil)))
			d.Say = func(e router.Event) { mu.Lock(); said = append(said, e); mu.Unlock(); d.Record(e) }
			stop := running(t, d)
			d.Record(event(0))
			if got := sentences(t, d, noon); !strings.HasPrefix(got, "The history on the disk was damaged") && !strings.HasPrefix(got, "event 0, The history on") {
				t.Errorf("events: %s", got)
			}
			stop()
			if len(said) != 1 || said[0].Cause != router.CauseDisk || said[0].To != "moment" || log.count("a new one was begun") != 1 {
				t.Errorf("said: %+v\n%s", said, log.text.String())
			}
			if aside, err := os.ReadFile(path + ".damaged"); err != nil || !bytes.Equal(aside, text) {
				t.Errorf("what was damaged is not beside it (%v)", err)
			}
			if got := sentences(t, in(t, dir), noon); !strings.Contains(got, "event 0") {
				t.Errorf("after a restart: %s", got)
			}
		})
	}
}

// Whatever a card does to some bytes of the file: the store opens it or begins a new one, and keeps what comes then.
func TestRot(t *testing.T) {
	whole := filled(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	anew := 0
	for range 40 {
		dir, text := t.TempDir(), bytes.Clone(whole)
		for range 1 + chance.IntN(20) {
			text[chance.IntN(len(text))] ^= byte(1 + chance.IntN(255))
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		d := New(dir, quiet)
		d.Say = func(router.Event) { anew++ }
		w := writer{DB: d, allowance: newAllowance(noon)}
		w.attempt()
		d.Record(event(1000))
		if w.batch(time.Now()); w.file == nil { // the damage was found while writing
			w.attempt()
		}
		if err := d.Failing(); err != nil || w.file == nil {
			t.Fatalf("not kept: %v", err)
		}
		var n int
		if err := w.file.db.QueryRow("SELECT count(*) FROM events WHERE at = ?", event(1000).Time.UnixMicro()).Scan(&n); err != nil || n == 0 {
			t.Errorf("the event is not there: %v", err)
		}
		_ = w.file.close()
	}
	t.Logf("%d of 40 were begun anew", anew)
}
