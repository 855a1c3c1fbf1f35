package web

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// served runs the API on a socket until the test ends or stop is called, which returns Run's error.
func served(t *testing.T, source *fakeSource) (path string, stop func() error) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "twinpath.sock")
	s := &Socket{Path: path, Handler: (&API{Source: source, History: fakeHistory{}, Applier: new(fakeApplier)}).Handler()}
	if err := s.Claim(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	ended := false
	stop = func() error {
		if ended {
			return nil
		}
		ended = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(2 * time.Second):
			return errors.New("it does not end")
		}
	}
	t.Cleanup(func() { _ = stop() })
	return path, stop
}

func TestSocketLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	path, stop := served(t, newFakeSource())
	if at, err := os.Stat(path); err != nil || at.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("the socket: %v, %v", at.Mode(), err)
	}
	client := NewClient(path)
	seen := make(chan string, 1)
	watched := make(chan error, 1)
	go func() {
		watched <- client.Watch(t.Context(), func(s *router.Snapshot) { seen <- s.Sentence })
	}()
	if got := <-seen; got != "Internet works, on fibre." {
		t.Errorf("the watcher saw %q", got)
	}
	if err := stop(); err != nil {
		t.Errorf("run: %v", err)
	}
	if err := <-watched; err == nil || !strings.Contains(err.Error(), "the daemon ended the stream") {
		t.Errorf("the watcher of a daemon that ends: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	client.http.CloseIdleConnections()
	for end := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestClaim(t *testing.T) {
	path, _ := served(t, newFakeSource())
	err := (&Socket{Path: path}).Claim()
	if want := path + " is in use: another twinpath is running (choose another with --socket)"; err == nil || err.Error() != want {
		t.Errorf("a second claim: %v, want %q", err, want)
	}
	if s, err := NewClient(path).Status(t.Context()); err != nil || s.Router != "main" {
		t.Errorf("after a second claim the first answers %v, %v", s, err)
	}

	stale := filepath.Join(t.TempDir(), "stale.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as kill -9 does
	_ = l.Close()
	s := &Socket{Path: stale}
	if err := s.Claim(); err != nil {
		t.Errorf("over a stale socket: %v", err)
	}
	s.Close()
	if _, err := os.Stat(stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("close leaves the socket: %v", err)
	}

	nowhere := filepath.Join(t.TempDir(), "no", "such.sock")
	if err := (&Socket{Path: nowhere}).Claim(); err == nil || !strings.HasPrefix(err.Error(), "listen on "+nowhere+": ") {
		t.Errorf("in a directory that is not there: %v", err)
	}
}

func TestClient(t *testing.T) {
	source := newFakeSource()
	path, stop := served(t, source)
	c := NewClient(path)
	if raw, err := c.Raw(t.Context(), "/whoami"); err != nil || string(raw) != "main\n" {
		t.Errorf("raw: %q, %v", raw, err)
	}
	if list, err := c.Events(t.Context(), noon.Add(time.Minute)); err != nil || len(list) != 2 || list[0].Sentence != "two" {
		t.Errorf("events since a minute past noon: %v, %v", list, err)
	}
	var refusal Refusal
	err := c.Post(t.Context(), "drain", url.Values{"wan": {"cable"}}, nil)
	if !errors.As(err, &refusal) || refusal != `"cable": there is no such WAN` {
		t.Errorf("a refusal: %v", err)
	}
	if err := c.Post(t.Context(), "drain", url.Values{"wan": {"fibre"}}, nil); err != nil {
		t.Errorf("drain: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	err = c.Watch(ctx, func(s *router.Snapshot) {
		if seen++; seen == 1 {
			source.set(snapshotOn("lte"))
			return
		}
		if s.Sentence != "Internet works, on lte." {
			t.Errorf("the second snapshot says %q", s.Sentence)
		}
		cancel()
	})
	if err != nil || seen != 2 {
		t.Errorf("watch: %d snapshots, %v, want 2 and no error when its reader has enough", seen, err)
	}

	if err := stop(); err != nil {
		t.Fatal(err)
	}
	_, err = c.Status(t.Context())
	if want := "no daemon answers at " + path + ": is it running?"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("without a daemon: %v, want %q", err, want)
	}
}
