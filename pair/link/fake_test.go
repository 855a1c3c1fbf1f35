package link

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var (
	low  = netip.MustParseAddr("192.168.1.2") // is called
	high = netip.MustParseAddr("192.168.1.3") // calls
)

// air is a LAN without a kernel: pipes between whoever listens and whoever dials.
type air struct {
	mu     sync.Mutex
	ears   map[netip.AddrPort]*ear
	dead   bool                    // nobody answers
	on     func(net.Conn) net.Conn // what stands between, on the caller's side
	calls  int
	faulty error // of Listen
}

func newAir() *air { return &air{ears: map[netip.AddrPort]*ear{}} }

func (a *air) Listen(_ string, at netip.AddrPort) (net.Listener, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.faulty != nil {
		return nil, a.faulty
	}
	e := &ear{air: a, at: at, in: make(chan net.Conn), closed: make(chan struct{})}
	a.ears[at] = e
	return e, nil
}

func (a *air) Dial(ctx context.Context, _ string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	a.mu.Lock()
	a.calls++
	e, dead, on := a.ears[to], a.dead, a.on
	a.mu.Unlock()
	if dead {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if e == nil {
		return nil, syscall.ECONNREFUSED
	}
	near, far := net.Pipe()
	select {
	case e.in <- named{far, netip.AddrPortFrom(from, 40000)}:
	case <-e.closed:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if on != nil {
		return on(near), nil
	}
	return near, nil
}

// called is how often somebody has dialled.
func (a *air) called() (n int) {
	a.set(func() { n = a.calls })
	return n
}

func (a *air) set(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

type ear struct {
	air    *air
	at     netip.AddrPort
	in     chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (e *ear) Accept() (net.Conn, error) {
	select {
	case c := <-e.in:
		return c, nil
	case <-e.closed:
		return nil, net.ErrClosed
	}
}

func (e *ear) Close() error {
	e.once.Do(func() {
		close(e.closed)
		e.air.set(func() {
			if e.air.ears[e.at] == e {
				delete(e.air.ears, e.at)
			}
		})
	})
	return nil
}

func (e *ear) Addr() net.Addr { return net.TCPAddrFromAddrPort(e.at) }

// named is a pipe that comes from an address.
type named struct {
	net.Conn
	from netip.AddrPort
}

func (n named) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(n.from) }

// end is one router's link and what it has told.
type end struct {
	*Link
	settings Settings
	up       chan Session
	heard    chan message
	down     chan parted
	stop     context.CancelFunc
	ended    chan struct{}
}

type parted struct {
	reason error
	bye    bool
}

func newEnd(net Net, own, partner netip.Addr) *end {
	e := &end{up: make(chan Session, 2000), heard: make(chan message, 2000), down: make(chan parted, 2000)}
	e.Link = New(net, Events{
		Up:      func(s Session) { e.up <- s },
		Message: func(kind Kind, body []byte) { e.heard <- message{kind, body} },
		Down:    func(reason error, bye bool) { e.down <- parted{reason, bye} },
	}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	e.settings = Settings{
		Own: own, Partner: partner, Port: 61112, Device: "lan0", Secret: "sixteen letters!",
		Router: own.String(), Version: "1.0", MAC: "02:00:00:00:00:01", Beat: 50 * time.Millisecond,
	}
	return e
}

func (e *end) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e.stop, e.ended = cancel, make(chan struct{})
	e.Use(e.settings)
	go func() {
		defer close(e.ended)
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
}

func (e *end) halt() {
	e.stop()
	<-e.ended
}

// both makes the two routers of a pair and starts them inside a bubble.
func both(t *testing.T, run func(t *testing.T, a *air, called, caller *end)) {
	synctest.Test(t, func(t *testing.T) {
		a := newAir()
		called, caller := newEnd(a, low, high), newEnd(a, high, low)
		run(t, a, called, caller)
		for _, e := range []*end{called, caller} {
			if e.stop != nil {
				e.halt()
			}
		}
	})
}

// within waits until something comes.
func within[T any](t *testing.T, d time.Duration, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(d):
		t.Fatalf("nothing came within %v", d)
	}
	return got
}

// reason waits until a link has one.
func reason(t *testing.T, e *end, want string) {
	t.Helper()
	for range 200 {
		if e.Reason() == want {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("reason %q, want %q", e.Reason(), want)
}
