package sentinel

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twinpath/twinpath/vrrp"
	"github.com/twinpath/twinpath/vrrp/packet"
)

// directory is a kernel that outlives the processes that use it: files instead of sockets and addresses.
type directory struct{ dir string }

func (d directory) file(name string) string { return filepath.Join(d.dir, name) }

func (d directory) Devices() ([]vrrp.Device, error) {
	return []vrrp.Device{{Index: 7, Name: "lan0", MAC: [6]byte{2, 0, 0, 0, 0, 2}, Up: true, Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.2")}}}, nil
}

func (d directory) Hold(all []vrrp.Holding, refresh bool) ([]vrrp.Holding, error) {
	text, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(d.file("held.new"), text, 0o600); err != nil {
		return nil, err
	}
	return nil, os.Rename(d.file("held.new"), d.file("held"))
}

func (d directory) Left() (all []vrrp.Holding, err error) {
	state, err := os.Stat(d.file("held"))
	if err != nil || time.Since(state.ModTime()) > vrrp.Lifetime {
		return nil, nil
	}
	text, err := os.ReadFile(d.file("held"))
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal(text, &all)
}

func (d directory) holds() bool {
	all, err := d.Left()
	return err == nil && len(all) > 0
}

func (d directory) Watch(ctx context.Context, changed func()) error {
	changed()
	<-ctx.Done()
	return nil
}

func (d directory) Open(string) (vrrp.Wire, error) {
	if _, err := os.Stat(d.file("broken")); err == nil {
		return nil, errors.New("the interface is broken")
	}
	path := d.file("wire")
	_ = os.Remove(path)
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(d.file("sent"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &cable{UnixConn: c, log: log}, nil
}

type cable struct {
	*net.UnixConn
	log *os.File
}

func (c *cable) Receive(frame []byte) (int, error) { return c.Read(frame) }
func (c *cable) Poll([]byte) (int, error)          { return 0, nil }
func (c *cable) Unicast([]byte, netip.Addr) error  { return errors.ErrUnsupported }
func (c *cable) Close() error                      { return errors.Join(c.UnixConn.Close(), c.log.Close()) }
func (c *cable) Alive() <-chan struct{}            { alive := make(chan struct{}); close(alive); return alive }
func (c *cable) Transmit(frame []byte) error {
	var p packet.Packet
	if p.Parse(frame) != packet.Accepted {
		return nil
	}
	_, err := fmt.Fprintf(c.log, "%d %d %d\n", time.Now().UnixNano(), p.Priority, os.Getpid())
	return err
}

// advert is one that was sent.
type advert struct {
	at       time.Time
	priority int
	pid      int
}

func (d directory) adverts(t *testing.T) (all []advert) {
	text, err := os.ReadFile(d.file("sent"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var at int64
		var a advert
		if n, _ := fmt.Sscan(line, &at, &a.priority, &a.pid); n == 3 {
			a.at = time.Unix(0, at)
			all = append(all, a)
		}
	}
	return all
}

// farewells counts adverts of priority 0.
func (d directory) farewells(t *testing.T) (n int) {
	for _, a := range d.adverts(t) {
		if a.priority == 0 {
			n++
		}
	}
	return n
}

// gap is the longest silence between two adverts.
func (d directory) gap(t *testing.T) (longest time.Duration) {
	all := d.adverts(t)
	for i := range len(all) - 1 {
		longest = max(longest, all[i+1].at.Sub(all[i].at))
	}
	return longest
}

// succeed lets another router take over: one advert of it.
func (d directory) succeed(t *testing.T) {
	t.Helper()
	group, mac := packet.Group(false)
	a := packet.Advert{
		Version: 3, ID: 51, Priority: 50, Interval: interval, Source: netip.MustParseAddr("192.168.1.3"),
		Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.1")}, Destination: group, Form: packet.Pseudo, IPID: 1,
	}
	frame := a.Append(packet.AppendEthernet(nil, [6]byte{2, 0, 0, 0, 0, 3}, mac, packet.EtherType(false)), nil, packet.Sequence{})
	c, err := net.Dial("unixgram", d.file("wire"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(frame); err != nil {
		t.Fatal(err)
	}
}

const interval = 100 * time.Millisecond

func wanted() vrrp.Wanted {
	return vrrp.Wanted{Routers: []vrrp.Wish{{Router: vrrp.Router{
		Name: "lan", ID: 51, Interface: "lan0", Version: 3, Base: 200, Interval: interval,
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.1/24")}, Preempt: true, FastPreempt: true,
	}, Priority: 200}}}
}

// testing process: the binary starts itself as a sentinel.
const (
	asSentinel = "TEST_SENTINEL_DIR"
	ofVersion  = "TEST_SENTINEL_VERSION"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(asSentinel)
	if dir == "" {
		flag.Parse()
		if err := flag.Set("test.parallel", "20"); err != nil { // they wait most of the time
			panic(err)
		}
		os.Exit(m.Run())
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	s := newSentinel(directory{dir}, os.Getenv(ofVersion))
	s.Leave = ctx.Done()
	if err := s.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func newSentinel(d directory, version string) *Sentinel {
	stamp := func() packet.Stamp { return packet.StampOf(time.Now()) }
	log := slog.New(slog.DiscardHandler)
	return &Sentinel{Path: d.file("s"), Version: version, Log: log, Engine: func(past []vrrp.Past) *vrrp.Engine {
		return vrrp.NewEngine(d, stamp, past, log)
	}}
}

// inside runs a sentinel in this process.
func inside(t *testing.T, d directory) (ended chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended <- newSentinel(d, "1").Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	within(t, time.Second, "the sentinel listens", func() bool {
		_, err := os.Stat(d.file("s"))
		return err == nil
	})
	return ended
}

// daemon is the daemon's end as it is used.
type daemon struct {
	*Link
	t      *testing.T
	status atomic.Pointer[vrrp.Status]
	hung   atomic.Bool
	starts atomic.Int32
	linger time.Duration
	stop   context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	numbers []uint64
	started []*exec.Cmd
}

func start(t *testing.T, d directory, version string) *daemon {
	t.Helper()
	m := &daemon{Link: NewLink(), t: t, linger: Linger, done: make(chan struct{})}
	m.Path, m.Version, m.Log = d.file("s"), version, slog.New(slog.DiscardHandler)
	m.Link.Linger = func(error) time.Duration { return m.linger }
	m.Link.Status = func(s vrrp.Status) { m.status.Store(&s) }
	m.Link.Reports = func(all []vrrp.Report) {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, r := range all {
			m.numbers = append(m.numbers, r.Number)
		}
	}
	m.Alive = func(ctx context.Context) error {
		for m.hung.Load() {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
		return nil
	}
	m.Command = func() *exec.Cmd {
		m.starts.Add(1)
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), asSentinel+"="+d.dir, ofVersion+"="+version)
		cmd.Stderr = os.Stderr
		m.mu.Lock()
		m.started = append(m.started, cmd)
		m.mu.Unlock()
		return cmd
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	go func() {
		defer close(m.done)
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		m.end(0) // first: it would start another in the place of one that is buried
		for _, cmd := range m.started {
			bury(t, cmd)
		}
	})
	return m
}

// bury ends a process that a daemon has started.
func bury(t *testing.T, cmd *exec.Cmd) {
	if cmd.Process == nil {
		return
	}
	_ = cmd.Process.Kill() // most have ended by themselves
	within(t, time.Second, "a sentinel is dead", func() bool { return cmd.Process.Signal(syscall.Signal(0)) != nil })
}

func (m *daemon) end(linger time.Duration) {
	select {
	case <-m.done:
		return
	default:
	}
	m.linger = linger
	m.stop()
	<-m.done
}

func (m *daemon) state() vrrp.State {
	if s := m.status.Load(); s != nil && len(s.Elections) > 0 {
		return s.Elections[0].State
	}
	return vrrp.Unknown
}

func (m *daemon) told() []uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]uint64(nil), m.numbers...)
}

func (m *daemon) active() {
	m.t.Helper()
	within(m.t, 3*time.Second, "the router is Active", func() bool { return m.state() == vrrp.Active })
}

// dial connects as a program that is not Link.
func dial(t *testing.T, d directory) *conn {
	t.Helper()
	var c net.Conn
	within(t, time.Second, "the sentinel listens", func() (so bool) {
		var err error
		c, err = net.Dial("unix", d.file("s"))
		return err == nil
	})
	t.Cleanup(func() { _ = c.Close() })
	return newConn(c)
}

// crash is a daemon that made the router Active and died without a word.
func crash(t *testing.T, d directory) {
	t.Helper()
	c, w := dial(t, d), wanted()
	for _, m := range []message{{Hello: &hello{Version: "1"}}, {Want: &w}} {
		if err := c.send(m); err != nil {
			t.Fatal(err)
		}
	}
	within(t, time.Second, "the address is held", d.holds)
	_ = c.Close()
}

func within(t *testing.T, limit time.Duration, what string, so func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !so() {
		if time.Since(began) > limit {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(began)
}

// awaitEnd waits for the end of a sentinel inside this process.
func awaitEnd(t *testing.T, limit time.Duration, ended chan error) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(limit):
		t.Fatalf("the sentinel has not ended within %s", limit)
	}
}
