package sentinel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/vrrp"
)

// Link is the daemon's end. All exported fields are filled in before Run; make it with NewLink.
type Link struct {
	Path    string           // of the unix socket
	Version string           // of this program; a sentinel of another one is replaced without a pause
	Command func() *exec.Cmd // starts a sentinel
	Alive   func(context.Context) error
	Status  func(vrrp.Status)
	Reports func([]vrrp.Report)
	// Linger is asked at the end, with its cause: how long the sentinel waits for another daemon before it lets go.
	Linger func(error) time.Duration
	Log    *slog.Logger

	wanted chan vrrp.Wanted // of one: the latest wins
	last   atomic.Pointer[vrrp.Wanted]
	past   []vrrp.Past
	acked  uint64
	met    bool // a sentinel, or the absence of one, was reported
}

// NewLink returns a link that does nothing until Run.
func NewLink() *Link { return &Link{wanted: make(chan vrrp.Wanted, 1)} }

// Want replaces everything wanted of the engine. It never blocks.
func (l *Link) Want(w vrrp.Wanted) {
	l.last.Store(&w)
	select {
	case <-l.wanted:
	default:
	}
	select {
	case l.wanted <- w:
	default: // another call has just put a later one
	}
}

// again is the wait before another attempt with a sentinel that does not start.
const again = 500 * time.Millisecond

// Run keeps a sentinel at work until ctx ends, from the first wish that has a router in it.
func (l *Link) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		c, err := l.reach(ctx)
		if err == nil && c != nil {
			err = l.serve(ctx, c)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errAnother):
			continue
		case err != nil:
			l.Log.Warn("sentinel", "err", err)
		}
		if c == nil {
			l.pause(ctx, err)
		}
	}
	return nil
}

// pause waits for a reason to look for a sentinel again.
func (l *Link) pause(ctx context.Context, err error) {
	if err != nil {
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
		return
	}
	select {
	case <-ctx.Done():
	case w := <-l.wanted:
		l.Want(w)
	}
}

// reach connects to the sentinel that runs, or to a new one if one is needed; nil when none is.
func (l *Link) reach(ctx context.Context) (*conn, error) {
	if c, err := net.Dial("unix", l.Path); err == nil {
		return newConn(c), nil
	}
	if !l.met {
		l.met = true
		l.Status(vrrp.Status{}) // whoever waits to hear what an earlier daemon has left: nothing
	}
	if w := l.last.Load(); w == nil || len(w.Routers) == 0 {
		return nil, nil
	}
	cmd := l.Command()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // what ends the daemon's session does not end it
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the sentinel: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	limit := time.After(patience)
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-ended:
			return nil, fmt.Errorf("the sentinel ended at once: %w", err)
		case <-limit:
			return nil, fmt.Errorf("the sentinel does not listen on %s", l.Path)
		case <-look.C:
			if c, err := net.Dial("unix", l.Path); err == nil {
				return newConn(c), nil
			}
		}
	}
}

var errAnother = errors.New("a sentinel of another version runs")

// serve talks to a sentinel until it is gone, or ctx ends.
func (l *Link) serve(ctx context.Context, c *conn) error {
	defer c.Close()
	if err := c.send(message{Hello: &hello{Version: l.Version, Past: l.past}}); err != nil {
		return err
	}
	l.acked = 0
	news := make(chan letter)
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			m, err := c.receive()
			select {
			case news <- letter{c, m, err}:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	if w := l.last.Load(); w != nil {
		l.Want(*w)
	}
	return l.converse(ctx, c, news)
}

func (l *Link) converse(ctx context.Context, c *conn, news <-chan letter) error {
	quiet := silence{looked: time.Now()}
	alive := l.prove(ctx, c)
	defer alive()
	beat := time.NewTicker(Beat / 2)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = c.send(message{Bye: &bye{Linger: l.Linger(context.Cause(ctx))}}) // unheard, it is taken for a crash
			return nil
		case w := <-l.wanted:
			if err := c.send(message{Want: &w}); err != nil {
				return err
			}
		case n := <-news:
			if n.err != nil {
				return fmt.Errorf("the sentinel has gone: %w", n.err)
			}
			quiet.broken()
			if err := l.take(c, n.message); err != nil {
				return err
			}
		case <-beat.C:
			if length := quiet.look(time.Now()); length > Hang {
				kill(c)
				return fmt.Errorf("the sentinel has not answered for %s and was killed", length.Round(time.Millisecond))
			}
		}
	}
}

// prove sends a beat whenever the daemon's own loop answers, and none while it does not. It returns a function that ends
// it.
func (l *Link) prove(ctx context.Context, c *conn) func() {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		beat := time.NewTicker(Beat)
		defer beat.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
				if l.Alive(ctx) == nil {
					_ = c.send(message{Beat: true}) // a broken connection shows on the other side of it
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}

func (l *Link) take(c *conn, m message) error {
	switch {
	case m.Hello != nil && m.Hello.Version != l.Version:
		l.Log.Info("the sentinel is of another version and makes room for a new one", "version", m.Hello.Version)
		return c.send(message{Retire: true})
	case m.Past != nil:
		l.past = *m.Past
		return errAnother
	case m.Status != nil:
		l.met = true
		l.past = m.Status.Past()
		l.Status(*m.Status)
	case m.Reports != nil:
		return l.pass(c, *m.Reports)
	}
	return nil
}

// pass hands on the reports that are new and acknowledges them.
func (l *Link) pass(c *conn, reports []vrrp.Report) error {
	for len(reports) > 0 && reports[0].Number <= l.acked {
		reports = reports[1:]
	}
	if len(reports) == 0 {
		return nil
	}
	l.Reports(reports)
	l.acked = reports[len(reports)-1].Number
	return c.send(message{Ack: l.acked})
}

// kill ends a sentinel that hangs. Its process is the one at the other end of the socket.
func kill(c *conn) {
	raw, err := c.Conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil && peer.Pid > 1 {
			_ = unix.Kill(int(peer.Pid), unix.SIGKILL)
		}
	})
}
