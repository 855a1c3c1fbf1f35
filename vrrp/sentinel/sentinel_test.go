package sentinel

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

func TestNothingIsLeftBehind(t *testing.T) { // first, and alone: it counts
	files := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	d := directory{t.TempDir()}
	round := func() {
		ended := inside(t, d)
		m := start(t, d, "1")
		m.Want(wanted())
		m.active()
		_ = dial(t, d).Close()
		before := d.farewells(t)
		m.Want(vrrp.Wanted{})
		within(t, time.Second, "it says priority 0", func() bool { return d.farewells(t) > before })
		d.succeed(t)
		awaitEnd(t, 2*time.Second, ended)
		m.end(0)
	}
	round() // the runtime opens a few of its own
	goroutines, open := runtime.NumGoroutine(), files()
	round()
	within(t, time.Second, "goroutines and files are as before", func() bool {
		return runtime.NumGoroutine() <= goroutines && files() <= open
	})
}

func TestDaemonIsToldEverythingOnce(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	inside(t, d)
	m := start(t, d, "1")
	m.Want(wanted())
	m.active()
	within(t, time.Second, "two transitions are told", func() bool { return slices.Equal(m.told(), []uint64{1, 2}) })
	time.Sleep(300 * time.Millisecond)
	m.end(Linger)

	next := start(t, d, "1")
	next.Want(wanted())
	next.active()
	w := wanted()
	w.Routers[0].Fault = "a check fails"
	next.Want(w)
	within(t, time.Second, "only the third is told to the next daemon", func() bool { return slices.Equal(next.told(), []uint64{3}) })
}

func TestCrashedDaemonThatStaysAway(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	ended := inside(t, d)
	crash(t, d)
	took := within(t, Linger+200*time.Millisecond, "it says priority 0", func() bool { return d.farewells(t) > 0 })
	if took < Linger-100*time.Millisecond {
		t.Errorf("it let go after %s", took)
	}
	time.Sleep(2500 * time.Millisecond)
	if !d.holds() {
		t.Fatal("nobody took over, and the address has gone")
	}
	select {
	case err := <-ended:
		t.Fatalf("it has ended (%v) and holds an address", err)
	default:
	}
	d.succeed(t)
	within(t, 100*time.Millisecond, "the address is the successor's", func() bool { return !d.holds() })
	awaitEnd(t, 300*time.Millisecond, ended)
}

func TestCrashedDaemonIsBackInTime(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	inside(t, d)
	crash(t, d)
	time.Sleep(Linger - 400*time.Millisecond)
	m := start(t, d, "1")
	m.Want(wanted())
	time.Sleep(Linger)
	if n := d.farewells(t); n > 0 || m.state() != vrrp.Active || len(m.told()) != 2 {
		t.Errorf("%d farewells, the router is %s, told %v", n, m.state(), m.told())
	}
	if gap := d.gap(t); gap > 2*interval {
		t.Errorf("a gap of %s in the adverts", gap)
	}
}

func TestCrashedDaemonIsBackTooLate(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	inside(t, d)
	crash(t, d)
	within(t, 3*time.Second, "it says priority 0", func() bool { return d.farewells(t) > 0 })
	m := start(t, d, "1")
	m.Want(wanted())
	m.active()
	if !d.holds() {
		t.Error("the address has gone, though nobody took over")
	}
}

func TestHungDaemon(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	inside(t, d)
	m := start(t, d, "1")
	m.Want(wanted())
	m.active()
	m.hung.Store(true)
	took := within(t, Hang+Linger+Beat, "it says priority 0", func() bool { return d.farewells(t) > 0 })
	if took < Hang-Beat+Linger {
		t.Errorf("it let go after %s", took)
	}
	if !d.holds() {
		t.Error("nobody took over, and the address has gone")
	}
	m.hung.Store(false)
	m.active()
	within(t, time.Second, "it says its priority again", func() bool { all := d.adverts(t); return all[len(all)-1].priority == 200 })
}

func TestShortHangIsNotFelt(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	inside(t, d)
	m := start(t, d, "1")
	m.Want(wanted())
	m.active()
	m.hung.Store(true)
	time.Sleep(Hang + Linger/2)
	m.hung.Store(false)
	time.Sleep(Linger)
	if n := d.farewells(t); n > 0 {
		t.Errorf("it said priority 0 %d times", n)
	}
}

func TestGoodByes(t *testing.T) {
	for name, linger := range map[string]time.Duration{"at once": 0, "after a while": time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := directory{t.TempDir()}
			ended := inside(t, d)
			m := start(t, d, "1")
			m.Want(wanted())
			m.active()
			m.end(linger)
			took := within(t, linger+150*time.Millisecond, "it says priority 0", func() bool { return d.farewells(t) > 0 })
			if took < linger-50*time.Millisecond || linger == 0 && took > 50*time.Millisecond {
				t.Errorf("it said priority 0 after %s", took)
			}
			awaitEnd(t, 4*interval+time.Second+300*time.Millisecond, ended) // Keep of a wish that says nothing of it
			if d.holds() {
				t.Error("it has ended and left the address")
			}
		})
	}
}

func TestNothingWantedEndsIt(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	ended := inside(t, d)
	m := start(t, d, "1")
	m.Want(wanted())
	m.active()
	m.Want(vrrp.Wanted{})
	within(t, time.Second, "it says priority 0", func() bool { return d.farewells(t) > 0 })
	d.succeed(t)
	awaitEnd(t, time.Second, ended)
	time.Sleep(late)
	if n := m.starts.Load(); n != 0 {
		t.Errorf("%d sentinels were started for nothing", n)
	}
	m.status.Store(nil)
	m.Want(wanted())
	m.active()
	if n := m.starts.Load(); n != 1 {
		t.Errorf("%d sentinels were started for the next wish", n)
	}
}

func TestNothingWantedAfterACrashEndsIt(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	ended := inside(t, d)
	crash(t, d)
	within(t, 3*time.Second, "it says priority 0", func() bool { return d.farewells(t) > 0 })
	start(t, d, "1").Want(vrrp.Wanted{})
	awaitEnd(t, 4*interval+time.Second+300*time.Millisecond, ended)
}

func TestAskedToEndItLetsGo(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	s := newSentinel(d, "1")
	leave, ended := make(chan struct{}), make(chan error, 1)
	s.Leave = leave
	go func() { ended <- s.Run(context.Background()) }()
	within(t, time.Second, "it listens", func() bool { _, err := os.Stat(d.file("s")); return err == nil })
	c, w := dial(t, d), wanted()
	if err := errors.Join(c.send(message{Hello: &hello{Version: "1"}}), c.send(message{Want: &w})); err != nil {
		t.Fatal(err)
	}
	within(t, time.Second, "the address is held", d.holds)
	close(leave)
	within(t, 50*time.Millisecond, "it says priority 0", func() bool { return d.farewells(t) == 1 })
	if err := c.send(message{Want: &w}); err != nil { // a daemon does not change that
		t.Fatal(err)
	}
	awaitEnd(t, parting+300*time.Millisecond, ended)
	if d.holds() {
		t.Error("it has ended and left the address")
	}
}

func TestOnlyOneRuns(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	inside(t, d)
	if err := newSentinel(d, "1").Run(t.Context()); !errors.Is(err, ErrRuns) {
		t.Errorf("a second sentinel: %v, want %v", err, ErrRuns)
	}
	m := start(t, d, "1")
	m.Want(wanted())
	m.active() // the first still has its socket
	if n := m.starts.Load(); n > 0 {
		t.Errorf("%d more were started", n)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.file("s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	m := start(t, d, "1")
	m.Want(wanted())
	m.active()
}

func TestBrokenEngineEndsTheSentinel(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	s := newSentinel(d, "1")
	s.Engine = func([]vrrp.Past) *vrrp.Engine {
		return vrrp.NewEngine(deafKernel{d}, nil, nil, s.Log)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background()) }()
	within(t, time.Second, "it listens", func() bool { _, err := os.Stat(d.file("s")); return err == nil })
	if err := dial(t, d).send(message{Hello: &hello{Version: "1"}}); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || err.Error() != "run the vrrp engine: list interfaces: no netlink" {
		t.Errorf("it ended with %v", err)
	}
}

type deafKernel struct{ directory }

func (deafKernel) Devices() ([]vrrp.Device, error) { return nil, errors.New("no netlink") }

func TestStrangersAtTheSocket(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	inside(t, d)
	m := start(t, d, "1")
	m.Want(wanted())
	m.active()
	for _, text := range []string{"garbage\n", "{}\n", `{"want":{"Routers":[]}}` + "\n", `{"bye":{"linger":0}}` + "\n", `{"retire":true}` + "\n", `{"hello":7,"beat":"x"}` + "\n", "\x00\n\n"} {
		if _, err := dial(t, d).Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	silent := dial(t, d)
	long := dial(t, d)
	for range maxLine/len(blank) + 1 {
		if _, err := long.Write(blank); err != nil {
			break // it was thrown out
		}
	}
	time.Sleep(Hang + Beat)
	if n := d.farewells(t); n > 0 || m.state() != vrrp.Active || d.gap(t) > 3*interval {
		t.Errorf("%d farewells, the router is %s, a gap of %s", n, m.state(), d.gap(t))
	}
	if err := silent.send(message{Beat: true}); err != nil {
		t.Errorf("a silent client was thrown out: %v", err)
	}
	if err := long.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := long.receive(); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("who sends an endless line is still there")
	}
}

var blank = bytes.Repeat([]byte(" "), 64<<10)

func TestHalfAWishIsNone(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	inside(t, d)
	c, w := dial(t, d), wanted()
	if err := errors.Join(c.send(message{Hello: &hello{Version: "1"}}), c.send(message{Want: &w})); err != nil {
		t.Fatal(err)
	}
	within(t, time.Second, "the address is held", d.holds)
	if _, err := c.Write([]byte(`{"want":{"Routers":"none"}}` + "\n")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(Linger / 2)
	if n := d.farewells(t); n > 0 || !d.holds() {
		t.Errorf("%d farewells, held: %v", n, d.holds())
	}
}
