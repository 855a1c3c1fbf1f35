package store

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
)

// spoken is a log that several goroutines write and a test reads.
type spoken struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *spoken) count(words string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.text.String(), words)
}

// becomes waits until the store fails, or works again.
func becomes(t *testing.T, d *DB, failing bool) error {
	t.Helper()
	limit := time.After(3 * time.Minute)
	for {
		err := d.Failing()
		if (err != nil) == failing {
			return err
		}
		select {
		case <-d.Changed():
		case <-limit:
			t.Fatalf("failing: %v", err)
		}
	}
}

// trouble runs a store in a directory, spoils that, and mends it: routing goes on, it is said once, memory answers, and what
// happened meanwhile reaches the disk.
func trouble(t *testing.T, dir string, spoil, mend func(), want string) {
	t.Helper()
	log := new(spoken)
	d := New(dir, slog.New(slog.NewTextHandler(log, nil)))
	stop := running(t, d)
	letters := d.Shelf("letters")
	if err := letters.Put("before", nil); err != nil {
		t.Fatal(err)
	}
	d.Record(event(0))
	if err := letters.Put("before too", nil); err != nil {
		t.Fatal(err)
	}
	spoil()
	d.Record(event(1))
	if err := becomes(t, d, true); !strings.Contains(err.Error(), want) {
		t.Errorf("failing: %v, want %q", err, want)
	}
	if err := letters.Put("meanwhile", []byte("x")); err == nil {
		t.Error("put a letter on a disk that fails")
	}
	if err := letters.Drop("before"); err == nil {
		t.Error("dropped a letter on a disk that fails")
	}
	d.PutIncident(incident(1, 0))
	if got := sentences(t, d, noon.Add(time.Second)); got != "event 1" {
		t.Errorf("meanwhile: %q", got)
	}
	if items, err := letters.All(); err != nil || len(items) == 0 || items[len(items)-1].Key != "meanwhile" {
		t.Errorf("letters meanwhile: %v (%v)", items, err)
	}
	mend()
	if err := becomes(t, d, false); err != nil {
		t.Error(err)
	}
	if log.count("nothing is kept any more") != 1 || log.count("everything is kept again") != 1 {
		t.Errorf("said:\n%s", log.text.String())
	}
	stop()
	again := in(t, dir)
	if got := sentences(t, again, noon.Add(time.Second)); got != "event 1" {
		t.Errorf("after a restart: %q", got)
	}
	if i, err := again.Incidents(noon, noon.Add(24*time.Hour)); err != nil || len(i) != 1 {
		t.Errorf("incidents after a restart: %v (%v)", i, err)
	}
	items, err := again.Shelf("letters").All()
	if err != nil || len(items) == 0 || items[len(items)-1].Key != "meanwhile" || items[0].Key == "before" {
		t.Errorf("letters after a restart: %v (%v)", items, err)
	}
}

// small mounts a small file system of its own.
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestAFullDisk(t *testing.T) {
	t.Parallel()
	dir := small(t, "1m")
	filler := filepath.Join(dir, "filler")
	trouble(t, dir, func() {
		_ = os.WriteFile(filler, make([]byte, 1<<20), 0o600) // fails when the disk is full, as wanted
	}, func() {
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	}, "full")
}

func TestADiskThatIsReadOnly(t *testing.T) {
	t.Parallel()
	dir := small(t, "4m")
	mode := func(flags uintptr) func() {
		return func() {
			if err := unix.Mount("", dir, "", unix.MS_REMOUNT|flags, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	log := new(spoken)
	mode(unix.MS_RDONLY)() // a card that is worn out is read-only from the start
	d := New(dir, slog.New(slog.NewTextHandler(log, nil)))
	running(t, d)
	d.Record(event(0))
	becomes(t, d, true)
	if got := sentences(t, d, time.Time{}); got != "event 0" {
		t.Errorf("meanwhile: %q", got)
	}
	mode(0)()
	becomes(t, d, false)
	if log.count("nothing is kept any more") != 1 || log.count("everything is kept again") != 1 {
		t.Errorf("said:\n%s", log.text.String())
	}
	if got := sentences(t, d, time.Time{}); got != "event 0" {
		t.Errorf("after it: %q", got)
	}
}

func TestADirectoryThatIsGone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	make := func() {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	make()
	trouble(t, dir, func() { _ = os.RemoveAll(dir) }, make, "no such file")
}

// A removed file is not written to for ever: a new one is begun.
func TestAFileThatIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := New(dir, quiet)
	stop := running(t, d)
	if err := d.Shelf("letters").Put("a", nil); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"", "-wal"} {
		if err := os.Remove(filepath.Join(dir, name+end)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Shelf("letters").Put("b", nil); err != nil || d.Failing() != nil {
		t.Errorf("the first thing after it: %v", err)
	}
	stop()
	if items, err := in(t, dir).Shelf("letters").All(); err != nil || len(items) != 1 || items[0].Key != "b" {
		t.Errorf("letters: %v (%v)", items, err)
	}
}

// faulty is SQLite on a disk at fault: before each statement it waits, or fails.
type faulty struct {
	path string
	gate func() error
}

func (f *faulty) Connect(context.Context) (driver.Conn, error) {
	c, err := new(sqlite.Driver).Open(f.path)
	return &faultyConn{c, f.gate}, err
}
func (f *faulty) Driver() driver.Driver { return new(sqlite.Driver) }

type faultyConn struct {
	driver.Conn
	gate func() error
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.gate(); err != nil {
		return nil, err
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.gate(); err != nil {
		return nil, err
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

// gate opens and closes.
type gate struct {
	mu   sync.Mutex
	open chan struct{}
}

func (g *gate) wait() error {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	if open != nil {
		<-open
	}
	return nil
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

// A disk that does not answer stops nobody: not who records, not who reads, not the end.
func TestADiskThatHangs(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		log, disk := new(spoken), new(gate)
		d := New(dir, slog.New(slog.NewTextHandler(log, nil)))
		d.open = func(path string) *sql.DB { return sql.OpenDB(&faulty{path: path, gate: disk.wait}) }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = d.Run(ctx) }()
		d.Record(event(0))
		time.Sleep(time.Second)
		synctest.Wait()
		disk.close()
		d.Record(event(1))
		start := time.Now()
		if err := d.Shelf("letters").Put("a", nil); !errors.Is(err, errSlow) || time.Since(start) > patience {
			t.Errorf("put on a disk that hangs: %v after %s", err, time.Since(start))
		}
		start = time.Now()
		if events, err := d.Since(time.Time{}); !errors.Is(err, errSlow) || len(events) != 1 || time.Since(start) > patience {
			t.Errorf("read from it: %v, %v after %s", events, err, time.Since(start))
		}
		if err := d.Failing(); err != nil {
			t.Errorf("after four seconds: %v", err)
		}
		time.Sleep(stuck)
		if err := d.Failing(); err == nil || !strings.Contains(err.Error(), "has not answered since 00:00:01") {
			t.Errorf("failing: %v", err)
		}
		close(disk.open)
		synctest.Wait()
		if err := d.Failing(); err != nil || log.count("everything is kept again") != 1 {
			t.Errorf("after it: %v\n%s", err, log.text.String())
		}
		disk.close()
		d.Record(event(2))
		time.Sleep(time.Second)
		start = time.Now()
		cancel()
		<-done
		if took := time.Since(start); took > parting {
			t.Errorf("the end took %s", took)
		}
		close(disk.open)
		time.Sleep(time.Second) // the goroutine that was left behind ends
	})
	if got := sentences(t, in(t, dir), time.Time{}); got != "event 0, event 1, event 2" {
		t.Errorf("in the end: %q", got)
	}
}

// Errors of the disk come and go.
func TestADiskWithErrors(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var fault error
		set := func(err error) { mu.Lock(); fault = err; mu.Unlock() }
		d := New(dir, quiet)
		d.open = func(path string) *sql.DB {
			return sql.OpenDB(&faulty{path: path, gate: func() error { mu.Lock(); defer mu.Unlock(); return fault }})
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = d.Run(ctx) }()
		d.AddUsage("lte", "2026-11-20", 1, 0)
		for n := range 20 {
			set([]error{nil, unix.EIO}[n%2])
			d.Record(event(n))
			d.AddUsage("lte", "2026-11-20", 1, 0)
			time.Sleep(90 * time.Second)
			synctest.Wait()
			if failing := d.Failing() != nil; failing != (n%2 == 1) {
				t.Errorf("round %d: %v", n, d.Failing())
			}
		}
		set(nil)
		time.Sleep(latest)
		cancel()
		<-done
	})
	d := in(t, dir)
	if got := strings.Count(sentences(t, d, time.Time{}), "event"); got != 20 {
		t.Errorf("%d events, want 20", got)
	}
	if days, err := d.Usage("lte", "", "9"); err != nil || len(days) != 1 || days[0].Rx != 21 {
		t.Errorf("usage: %v (%v), want 21", days, err)
	}
}

// A disk that is never there costs the oldest, and no memory.
func TestMemoryIsBounded(t *testing.T) {
	d := New(filepath.Join(t.TempDir(), "nowhere"), quiet)
	running(t, d)
	becomes(t, d, true)
	for n := range 3 * mostEvents {
		d.Record(event(n))
		d.PutIncident(incident(n, 0))
		d.AddUsage("lte", noon.AddDate(0, 0, n).Format(time.DateOnly), 1, 1)
	}
	events, err := d.Since(time.Time{})
	if err != nil || len(events) != mostEvents || events[mostEvents-1].Sentence != event(3*mostEvents-1).Sentence {
		t.Errorf("%d events (%v), the last is %+v", len(events), err, events[len(events)-1])
	}
	if i, err := d.Incidents(noon, noon.AddDate(9, 0, 0)); err != nil || len(i) != mostIncidents {
		t.Errorf("%d incidents (%v)", len(i), err)
	}
	if days, err := d.Usage("lte", "", "9"); err != nil || len(days) != mostUsage {
		t.Errorf("%d days (%v)", len(days), err)
	}
	if err := d.Shelf("x").Put("a", make([]byte, largestItem+1)); err == nil || !strings.Contains(err.Error(), "65537 bytes, more than 65536") {
		t.Errorf("too large: %v", err)
	}
}
