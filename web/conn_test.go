package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// ends returns the two ends of a socketpair, as the daemon and the page's process have them.
func ends(t *testing.T) (daemon, child net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var both [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		both[i], err = net.FileConn(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _, _ = both[0].Close(), both[1].Close() })
	return both[0], both[1]
}

// private runs ServeConn for a handler. Ended receives what it returns.
func private(t *testing.T, handler http.Handler) (client *Client, child net.Conn, stop func(), ended <-chan error) {
	t.Helper()
	daemon, child := ends(t)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	done := make(chan error, 1)
	go func() { done <- ServeConn(ctx, daemon, handler) }()
	return NewConnClient(child), child, cancel, done
}

// within fails the test unless something comes within a time that only a hang needs.
func within[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("%s does not end", what)
		panic("unreachable")
	}
}

// noMoreThan waits for goroutines to end.
func noMoreThan(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestThousandRequestsBesideAStream(t *testing.T) {
	before := runtime.NumGoroutine()
	source := newFakeSource()
	client, child, stop, ended := private(t, (&API{Source: source, History: fakeHistory{}, Applier: new(fakeApplier)}).Guarded())
	seen := make(chan string, 1)
	watched := make(chan error, 1)
	go func() {
		watched <- client.Watch(t.Context(), func(s *router.Snapshot) { seen <- s.Sentence })
	}()
	if got := within(t, seen, "the first snapshot"); got != "Internet works, on fibre." {
		t.Errorf("the stream says %q", got)
	}
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			for range 5 {
				if s, err := client.Status(t.Context()); err != nil || s.Router != "main" {
					t.Errorf("status beside a stream: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	source.set(snapshotOn("lte"))
	if got := within(t, seen, "the second snapshot"); got != "Internet works, on lte." {
		t.Errorf("after 1,000 requests the stream says %q", got)
	}

	stop()
	if err := within(t, ended, "ServeConn"); err != nil {
		t.Errorf("serve: %v", err)
	}
	if err := within(t, watched, "the watcher"); err == nil || !strings.HasPrefix(err.Error(), "the daemon ended the stream") {
		t.Errorf("the watcher of a daemon that ends: %v", err)
	}
	if _, err := client.Status(t.Context()); err == nil {
		t.Error("a dead connection answers")
	}
	_ = child.Close()
	noMoreThan(t, before)
}

func TestAsManyStreamsAsThereAre(t *testing.T) {
	source := newFakeSource()
	client, _, _, _ := private(t, (&API{Source: source, History: fakeHistory{}, Applier: new(fakeApplier)}).Guarded())
	ctx, cancel := context.WithCancel(t.Context())
	var started, ended sync.WaitGroup
	const held = streams - 1
	started.Add(held)
	for range held {
		ended.Go(func() {
			first := sync.OnceFunc(started.Done)
			if err := client.Watch(ctx, func(*router.Snapshot) { first() }); err != nil {
				t.Errorf("one of many streams: %v", err)
				first()
			}
		})
	}
	started.Wait()
	if _, err := client.Status(t.Context()); err != nil {
		t.Errorf("beside %d streams: %v", held, err)
	}
	cancel()
	ended.Wait()
}

func TestOtherEndDies(t *testing.T) {
	before := runtime.NumGoroutine()
	client, child, _, ended := private(t, (&API{Source: newFakeSource(), History: fakeHistory{}, Applier: new(fakeApplier)}).Guarded())
	seen := make(chan string, 1)
	watched := make(chan error, 1)
	go func() {
		watched <- client.Watch(t.Context(), func(s *router.Snapshot) { seen <- s.Sentence })
	}()
	within(t, seen, "the first snapshot")
	_ = child.Close() // as the kernel does for a process that was killed
	if err := within(t, ended, "ServeConn without its client"); err != nil {
		t.Errorf("serve: %v", err)
	}
	within(t, watched, "the watcher")
	noMoreThan(t, before)
}

// TestWaitsForHandlers has a handler that takes its time to end.
func TestWaitsForHandlers(t *testing.T) {
	inside, free := make(chan bool), make(chan bool)
	client, _, stop, ended := private(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		inside <- true
		<-r.Context().Done()
		<-free
	}))
	go func() { _, _ = client.Raw(t.Context(), "/") }()
	within(t, inside, "the request")
	stop()
	select {
	case err := <-ended:
		t.Errorf("it returns %v before its handler", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(free)
	if err := within(t, ended, "ServeConn"); err != nil {
		t.Error(err)
	}
}

func TestBigBodiesBreakNothing(t *testing.T) {
	h := newOwned(t)
	client, _, _, _ := private(t, h.api.Guarded())
	owner := client.As(h.token)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			_, err := owner.Apply(t.Context(), Wish{Text: strings.Repeat("#", 10<<20)}, here)
			if StatusOf(err) != http.StatusRequestEntityTooLarge {
				t.Errorf("10 MiB: %v", err)
			}
		})
		all.Go(func() {
			if _, err := client.Status(t.Context()); err != nil {
				t.Errorf("beside 10 MiB: %v", err)
			}
		})
		all.Go(func() {
			if _, err := client.As("forged").Apply(t.Context(), Wish{Text: strings.Repeat("#", 1<<20)}, here); StatusOf(err) != http.StatusUnauthorized {
				t.Errorf("1 MiB without a session: %v", err)
			}
		})
	}
	all.Wait()
}

// TestTakenOverProcess sends what only somebody sends who has taken the page's process over.
func TestTakenOverProcess(t *testing.T) {
	h := newOwned(t)
	client, _, _, _ := private(t, h.api.Guarded())
	if _, err := client.Status(t.Context()); err != nil { // the daemon's limits come with its first answer
		t.Fatal(err)
	}
	if err := client.As(strings.Repeat("x", 4*header)).Logout(t.Context()); err == nil || StatusOf(err) != 0 {
		t.Errorf("a header of %d KiB: %v", 4*header>>10, err)
	}
	for _, path := range []string{"/api/v1/events", "/api/v1/history", "/metrics", "/api/v1/status"} {
		endless, _ := io.Pipe()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://twinpath"+path, endless)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		answered := make(chan error, 1)
		go func() {
			answer, err := client.http.Do(r)
			if err == nil {
				err = answer.Body.Close()
			}
			answered <- err
		}()
		if err := within(t, answered, "reading "+path+" with a body that never ends"); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		_ = endless.Close()
	}
}

func TestFewWishesAreReadAtOnce(t *testing.T) {
	h := newOwned(t)
	client, _, _, _ := private(t, h.api.Guarded())
	owner := client.As(h.token)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		endless, _ := io.Pipe()
		all.Go(func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://twinpath/api/v1/apply", endless)
			if err != nil {
				t.Error(err)
				return
			}
			r.Header = http.Header{"Content-Type": {jsonType}, tokenHeader: {bearer + h.token}}
			if answer, err := client.http.Do(r); err == nil {
				t.Errorf("a Wish that never ends: %s", answer.Status)
				_ = answer.Body.Close()
			}
		})
	}
	for h.api.reading.Load() < 4 {
		time.Sleep(time.Millisecond)
	}
	_, err := owner.Apply(t.Context(), Wish{}, here)
	if StatusOf(err) != http.StatusServiceUnavailable || RetryAfter(err) != 2*time.Second {
		t.Errorf("a fifth Wish: %v", err)
	}
	cancel()
	all.Wait()
}

func BenchmarkPrivateConnection(b *testing.B) {
	daemon, child := net.Pipe()
	go func() {
		_ = ServeConn(b.Context(), daemon, (&API{Source: newFakeSource(), History: fakeHistory{}, Applier: new(fakeApplier)}).Guarded())
	}()
	client := NewConnClient(child)
	for b.Loop() {
		if _, err := client.Status(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
