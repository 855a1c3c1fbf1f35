package sentinel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
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

	wanted atomic.Pointer[vrrp.Wanted]
	wish   chan struct{} // of one: wanted is new
	past   []vrrp.Past
	acked  uint64
}

// NewLink returns a link that does nothing until Run.
func NewLink() *Link { return &Link{wish: make(chan struct{}, 1)} }

// Want replaces everything wanted of the engine. It never blocks.
func (l *Link) Want(w vrrp.Wanted) {
	l.wanted.Store(&w)
	select {
	case l.wish <- struct{}{}:
	default: // whoever is woken finds the newest
	}
}

// The wait before another attempt grows from soon to late with each in a row that did not last.
const (
	soon = 5 * time.Millisecond
	late = 500 * time.Millisecond
)

// Run keeps a sentinel at work until ctx ends, from the first wish that has a router in it.
func (l *Link) Run(ctx context.Context) error {
	wait := soon
	for ctx.Err() == nil {
		began := time.Now()
		c, err := l.reach(ctx)
		if c == nil && err == nil {
			l.Status(vrrp.Status{}) // whoever waits to hear what an earlier daemon has left: nothing
			l.pause(ctx, nil)
			continue
		}
		if err == nil {
			err = l.serve(ctx, c)
		}
		if ctx.Err() != nil {
			break
		}
		if !errors.Is(err, errAnother) && l.needed() {
			l.Log.Warn("sentinel", "err", err)
		}
		if time.Since(began) > 2*late {
			wait = soon
		}
		l.pause(ctx, time.After(wait))
		wait = min(2*wait, late)
	}
	return nil
}

// pause waits for the end of a time, or without one for a wish.
func (l *Link) pause(ctx context.Context, end <-chan time.Time) {
	wish := l.wish
	if end != nil {
		wish = nil
	}
	select {
	case <-ctx.Done():
	case <-end:
	case <-wish:
	}
}

// needed reports whether there is work for a sentinel.
func (l *Link) needed() bool {
	w := l.wanted.Load()
	return w != nil && len(w.Routers) > 0
}

// reach connects to the sentinel that runs, or to a new one if one is needed; nil when none is.
func (l *Link) reach(ctx context.Context) (*conn, error) {
	if c, err := net.Dial("unix", l.Path); err == nil {
		return newConn(c), nil
	}
	if !l.needed() {
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
			return nil, fmt.Errorf("the sentinel ended at once: %v", err)
		case <-limit:
			_ = cmd.Process.Kill()
			return nil, fmt.Errorf("the sentinel does not listen on %s and was killed", l.Path)
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
	news, done := make(chan letter), make(chan struct{})
	read := make(chan struct{})
	defer func() { <-read }()
	defer c.Close()
	defer close(done)
	go func() { defer close(read); c.read(done, news) }()
	if err := c.send(message{Hello: &hello{Version: l.Version, Past: l.past}}); err != nil {
		return err
	}
	l.acked = 0
	t := &talk{Link: l, conn: c, patience: time.NewTimer(Hang), owed: true}
	defer t.patience.Stop()
	beats, end := l.prove(ctx)
	defer end()
	return t.converse(ctx, news, beats)
}

// talk is one conversation with a sentinel.
type talk struct {
	*Link
	*conn
	wish     <-chan struct{} // nil until the sentinel has turned out to be of our version
	odd      bool            // it is of another version
	patience *time.Timer     // with an answer that is owed
	owed     bool
	doubted  bool // it has run out, and a second look comes
}

// ask notes that the sentinel owes an answer.
func (t *talk) ask() {
	if !t.owed {
		t.owed = true
		t.patience.Reset(Hang)
	}
}

// answered notes a sign of life.
func (t *talk) answered() {
	t.owed, t.doubted = false, false
	t.patience.Stop()
}

// converse goes on until the sentinel is gone, or is to go.
func (t *talk) converse(ctx context.Context, news <-chan letter, beats <-chan struct{}) error {
	for {
		select {
		case <-ctx.Done():
			_ = t.send(message{Bye: &bye{Linger: t.Linger(context.Cause(ctx))}}) // unheard, it is taken for a crash
			return nil
		case <-t.wish:
			if err := t.tell(); err != nil {
				return err
			}
		case n := <-news:
			if n.err != nil {
				return fmt.Errorf("the sentinel has gone: %w", n.err)
			}
			if err := t.take(n.message); err != nil {
				return err
			}
		case <-beats:
			if err := t.send(message{Beat: true}); err != nil {
				return err
			}
			t.ask()
		case <-t.patience.C:
			if t.doubted {
				dispatch(t.conn.Conn, unix.SIGKILL)
				return fmt.Errorf("the sentinel has not answered for %s and was killed", Hang)
			}
			t.doubted = true // its answer may be there already: the daemon may have stood still
			t.patience.Reset(again)
		}
	}
}

// tell says what is wanted.
func (t *talk) tell() error {
	if w := t.wanted.Load(); w != nil {
		return t.send(message{Want: w})
	}
	return nil
}

// prove gives a beat whenever the daemon's own loop answers, and none while it does not. The function that it returns ends
// that.
func (l *Link) prove(ctx context.Context) (<-chan struct{}, func()) {
	ctx, cancel := context.WithCancel(ctx)
	beats, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		beat := time.NewTicker(Beat)
		defer beat.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
			}
			if l.Alive(ctx) != nil {
				continue
			}
			select {
			case <-ctx.Done():
			case beats <- struct{}{}:
			}
		}
	}()
	return beats, func() { cancel(); <-done }
}

func (t *talk) take(m message) error {
	if !t.odd {
		t.answered()
	}
	switch {
	case m.Hello != nil && m.Hello.Version != t.Version:
		t.Log.Info("the sentinel is of another version and makes room for a new one", "version", m.Hello.Version)
		t.odd = true
		t.ask()
		return t.send(message{Retire: true})
	case m.Past != nil:
		t.past = *m.Past
		return errAnother
	case m.Hello != nil:
		t.wish = t.Link.wish
		return t.tell()
	case m.odd != nil:
		if !t.odd {
			return fmt.Errorf("read the sentinel's message: %w", m.odd)
		}
	case m.Status != nil:
		t.past = m.Status.Past()
		t.Status(*m.Status)
	case m.Reports != nil:
		return t.pass(*m.Reports)
	}
	return nil
}

// pass hands on the reports that are new and acknowledges them.
func (t *talk) pass(reports []vrrp.Report) error {
	for len(reports) > 0 && reports[0].Number <= t.acked {
		reports = reports[1:]
	}
	if len(reports) == 0 {
		return nil
	}
	t.Reports(reports)
	t.acked = reports[len(reports)-1].Number
	return t.send(message{Ack: t.acked})
}

// dispatch sends a signal to a sentinel. Its process is the one at the other end of the socket.
func dispatch(c net.Conn, number syscall.Signal) {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err == nil && peer.Pid > 1 && int(peer.Pid) != os.Getpid() {
			_ = unix.Kill(int(peer.Pid), number)
		}
	})
}
