package sentinel

import (
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

// process starts a sentinel of its own and returns its id.
func process(t *testing.T, d directory) (*daemon, int) {
	t.Helper()
	m := start(t, d, "1")
	m.Want(wanted())
	m.active()
	all := d.adverts(t)
	pid := all[len(all)-1].pid
	if pid == os.Getpid() {
		t.Fatal("the sentinel is no process of its own")
	}
	return m, pid
}

// next waits until another process speaks, and returns how long nobody did.
func next(t *testing.T, d directory, limit time.Duration, old int) time.Duration {
	t.Helper()
	within(t, limit, "another sentinel speaks", func() bool { all := d.adverts(t); return all[len(all)-1].pid != old })
	all := d.adverts(t)
	for i, a := range all {
		if i > 0 && a.pid != old && all[i-1].pid == old {
			return a.at.Sub(all[i-1].at)
		}
	}
	return 0
}

func TestKilledSentinelIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	m, pid := process(t, d)
	for round := range 3 {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		killed := time.Now()
		next(t, d, time.Second, pid)
		all := d.adverts(t)
		pid = all[len(all)-1].pid
		t.Logf("round %d: Active again %s after the kill", round, time.Since(killed).Round(time.Millisecond))
		m.active()
	}
	if n := m.starts.Load(); n != 4 {
		t.Errorf("%d sentinels were started, want 4", n)
	}
	if gap := d.gap(t); gap > interval+time.Second { // a busy machine; alone it is below 0.2 s
		t.Errorf("a gap of %s in the adverts", gap)
	}
	if n := d.farewells(t); n > 0 {
		t.Errorf("%d farewells", n)
	}
}

func TestStoppedSentinelIsReplaced(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	_, pid := process(t, d)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	gap := next(t, d, Hang+time.Second, pid)
	t.Logf("nobody spoke for %s", gap)
	within(t, time.Second, "the stopped process is dead", func() bool { return syscall.Kill(pid, 0) != nil })
	if n := d.farewells(t); n > 0 {
		t.Errorf("%d farewells", n)
	}
}

func TestAnotherVersionGoesOn(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	m, pid := process(t, d)
	m.end(Linger)
	upgraded := start(t, d, "2")
	upgraded.Want(wanted())
	gap := next(t, d, 2*time.Second, pid)
	t.Logf("nobody spoke for %s", gap)
	if gap > interval+time.Second {
		t.Errorf("nobody spoke for %s", gap)
	}
	upgraded.active()
	if n := d.farewells(t); n > 0 || upgraded.starts.Load() != 1 {
		t.Errorf("%d farewells, %d starts", n, upgraded.starts.Load())
	}
	within(t, time.Second, "the old process has ended", func() bool { return syscall.Kill(pid, 0) != nil })
}

func TestUnknownMessagesOfAnotherVersion(t *testing.T) {
	t.Parallel()
	d := directory{t.TempDir()}
	l, err := net.Listen("unix", d.file("s")) // before anybody calls: the file is there sooner than who listens
	if err != nil {
		t.Fatal(err)
	}
	c := make(chan string, 1)
	go func() { c <- oldSentinel(t, d, l) }()
	m := start(t, d, "2")
	m.Want(wanted())
	if got := <-c; got != "hello retire" {
		t.Errorf("another version heard %q", got)
	}
	m.active()
	if e := m.status.Load().Elections[0]; e.Reason != "it was Active before the engine was started again" {
		t.Errorf("the past was not handed over: %s", e.Reason)
	}
}

// oldSentinel speaks of things that this version has otherwise, and returns what was said to it.
func oldSentinel(t *testing.T, d directory, l net.Listener) (said string) {
	defer l.Close()
	raw, err := l.Accept()
	if err != nil {
		t.Error(err)
		return ""
	}
	c := newConn(raw)
	defer c.Close()
	if m, err := c.receive(); err == nil && m.Hello != nil {
		said = "hello"
	}
	if _, err := c.Write([]byte(`{"hello":{"version":"0","mood":"old"}}` + "\n" + `{"status":{"Elections":"many"}}` + "\n" + `{"beat":17}` + "\n")); err != nil {
		t.Error(err)
	}
	for {
		m, err := c.receive()
		if err != nil {
			return said
		}
		if m.Retire {
			said += " retire"
			break
		}
		if m.Want != nil {
			said += " want"
		}
	}
	if _, err := (directory{d.dir}).Hold([]vrrp.Holding{{Index: 7, ID: 51, Family: vrrp.IPv4, Addresses: wanted().Routers[0].Addresses}}, false); err != nil {
		t.Error(err)
	}
	past := []vrrp.Past{{Place: vrrp.Place{Interface: "lan0", ID: 51, Family: vrrp.IPv4}, Active: true}}
	if err := c.send(message{Past: &past}); err != nil {
		t.Error(err)
	}
	return said
}
