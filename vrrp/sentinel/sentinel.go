package sentinel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

// Sentinel is the process that speaks VRRP. All fields are filled in before Run.
type Sentinel struct {
	Path    string // of the unix socket
	Version string
	Engine  func(past []vrrp.Past) *vrrp.Engine
	Leave   <-chan struct{} // closed when the process is to end in order (SIGTERM)
	Log     *slog.Logger

	engine   *vrrp.Engine
	wanted   vrrp.Wanted
	acked    uint64
	unwanted bool // the daemon has no router any more
}

// ErrRuns is returned by Run when another sentinel has the socket.
var ErrRuns = errors.New("another sentinel runs")

// patience is how long a fresh sentinel waits for its daemon's first word.
const patience = 5 * time.Second

// Run serves daemons, one at a time, until the last address is let go of after the daemon has left, or ctx ends.
func (s *Sentinel) Run(ctx context.Context) error {
	listener, unlock, err := s.claim()
	if err != nil {
		return err
	}
	defer unlock()
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel()
	defer listener.Close()
	news := make(chan letter)
	tasks.Go(func() { s.accept(ctx, &tasks, listener, news) })
	return s.attend(ctx, &tasks, news)
}

// claim takes the socket's path. A lock that dies with its process tells a live sentinel from a dead one's socket.
func (s *Sentinel) claim() (net.Listener, func(), error) {
	lock, err := os.OpenFile(s.Path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("lock the sentinel's socket: %w", err)
	}
	if err := take(lock); err != nil {
		_ = lock.Close()
		return nil, nil, fmt.Errorf("%w at %s", ErrRuns, s.Path)
	}
	_ = os.Remove(s.Path) // nobody's: the lock is ours
	listener, err := net.Listen("unix", s.Path)
	if err != nil {
		_ = lock.Close()
		return nil, nil, fmt.Errorf("listen on the sentinel's socket: %w", err)
	}
	if err := os.Chmod(s.Path, 0o600); err != nil {
		_ = listener.Close()
		_ = lock.Close()
		return nil, nil, err
	}
	return listener, func() { _ = lock.Close() }, nil
}

// take locks a file. One that makes room for us is about to end.
func take(lock *os.File) error {
	const room = time.Second
	for deadline := time.Now().Add(room); ; time.Sleep(time.Millisecond) {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// letter is what a daemon said, or its silence.
type letter struct {
	from *conn
	message
	err error
}

func (s *Sentinel) accept(ctx context.Context, tasks *sync.WaitGroup, listener net.Listener, news chan<- letter) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		peer := newConn(c)
		tasks.Go(func() {
			defer peer.Close()
			defer context.AfterFunc(ctx, func() { _ = peer.Close() })()
			for {
				m, err := peer.receive()
				select {
				case news <- letter{peer, m, err}:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
			}
		})
	}
}

// watch is what the sentinel knows of its daemon.
type watch struct {
	daemon *conn
	quiet  silence
	until  time.Time // when the addresses are let go of; zero: the daemon is there
	keep   time.Duration
	gone   bool // they have been let go of
	ending bool // the process was asked to end: no daemon changes that
}

// attend is the sentinel's loop.
func (s *Sentinel) attend(ctx context.Context, tasks *sync.WaitGroup, news <-chan letter) error {
	w := watch{quiet: silence{looked: time.Now()}, until: time.Now().Add(patience), keep: forEver}
	beat := time.NewTicker(Beat / 2)
	defer beat.Stop()
	leave := s.Leave
	for {
		var changed <-chan struct{}
		if s.engine != nil {
			_, changed = s.engine.Status()
		}
		select {
		case <-ctx.Done():
			return nil
		case l := <-news:
			if retired := s.take(ctx, tasks, &w, l); retired {
				return nil
			}
		case <-changed:
			s.inform(&w)
		case <-beat.C:
			s.check(&w)
		case <-leave:
			leave = nil
			s.Log.Info("asked to end: letting go of the virtual addresses")
			w.gone, w.ending, w.until, w.keep = true, true, time.Now(), parting
			s.letGo("the router is being switched off", parting)
		}
		if (w.gone || s.unwanted) && s.idle(&w) {
			return nil
		}
	}
}

// How long addresses wait for a successor: for ever after a crash, since a house without one is better off with a router
// that still forwards; and not for long when somebody switches it off.
const (
	forEver = -1
	parting = 1500 * time.Millisecond
)

// check looks whether the daemon is still there, and proves that we are.
func (s *Sentinel) check(w *watch) {
	now := time.Now()
	if w.daemon != nil {
		if err := w.daemon.send(message{Beat: true}); err != nil {
			s.part(w, "its connection failed")
		}
	}
	if length := w.quiet.look(now); w.daemon != nil && w.until.IsZero() && length > Hang {
		s.Log.Warn("the daemon does not answer", "since", length.Round(time.Millisecond))
		w.until, w.keep = now.Add(Linger), forEver
	}
	if !w.until.IsZero() && !now.Before(w.until) && !w.gone {
		w.gone = true
		if s.engine != nil {
			s.Log.Warn("the daemon stays away: letting go of the virtual addresses")
			s.letGo("the daemon does not answer", w.keep)
		}
	}
}

// part notes that the daemon's connection is gone.
func (s *Sentinel) part(w *watch, why string) {
	_ = w.daemon.Close()
	w.daemon = nil
	if w.until.IsZero() {
		s.Log.Warn("the daemon has gone", "reason", why)
		w.until, w.keep = time.Now().Add(Linger), forEver
	}
}

// take obeys one letter. It reports whether the sentinel has retired.
func (s *Sentinel) take(ctx context.Context, tasks *sync.WaitGroup, w *watch, l letter) bool {
	if l.err != nil {
		if l.from == w.daemon {
			s.part(w, l.err.Error())
		}
		return false
	}
	if l.Hello != nil {
		s.greet(ctx, tasks, w, l)
		return false
	}
	if l.from != w.daemon {
		return false
	}
	w.quiet.broken()
	switch {
	case l.Retire:
		past := s.past()
		s.Log.Info("making room for another version")
		return l.from.send(message{Past: &past}) == nil
	case l.Bye != nil:
		w.until, w.keep = time.Now().Add(l.Bye.Linger), 0
	case l.Want != nil:
		s.wanted, s.unwanted = *l.Want, len(l.Want.Routers) == 0
		s.resume(w, true)
	case l.Beat:
		s.resume(w, false)
	case l.Ack > 0:
		s.acked = max(s.acked, l.Ack)
	}
	return false
}

// greet takes a new daemon in place of the old one.
func (s *Sentinel) greet(ctx context.Context, tasks *sync.WaitGroup, w *watch, l letter) {
	if w.daemon != nil && w.daemon != l.from {
		_ = w.daemon.Close()
	}
	w.daemon = l.from
	w.quiet.broken()
	if !w.ending {
		w.until = time.Time{}
	}
	if s.engine == nil {
		s.engine = s.Engine(l.Hello.Past)
		tasks.Go(func() {
			if err := s.engine.Run(ctx); err != nil {
				s.Log.Error("vrrp engine ended", "err", err)
				_ = l.from.Close() // the daemon starts another sentinel
			}
		})
	}
	if err := l.from.send(message{Hello: &hello{Version: s.Version}}); err != nil {
		s.part(w, err.Error())
		return
	}
	s.inform(w)
}

// resume goes on as wanted, be it after a time alone. After a bye only a new wish counts.
func (s *Sentinel) resume(w *watch, news bool) {
	if w.ending || !w.until.IsZero() && w.keep != forEver && !news {
		return
	}
	if w.gone {
		s.Log.Info("the daemon is back")
	}
	if news || w.gone {
		s.engine.Set(s.wanted)
	}
	w.until, w.gone = time.Time{}, false
}

// letGo says priority 0 everywhere; the addresses stay for their successors.
func (s *Sentinel) letGo(reason string, keep time.Duration) {
	if s.engine == nil {
		return
	}
	w := vrrp.Wanted{Routers: slices.Clone(s.wanted.Routers), Keep: keep}
	for i := range w.Routers {
		w.Routers[i].Fault = reason
	}
	s.engine.Set(w)
}

// idle reports whether nothing is held any more, nobody is served, and the process may end.
func (s *Sentinel) idle(w *watch) bool {
	if s.engine == nil {
		return w.daemon == nil
	}
	if w.daemon != nil && !w.ending && !s.unwanted {
		return false // it only hangs
	}
	status, _ := s.engine.Status()
	return !slices.ContainsFunc(status.Elections, func(e vrrp.Election) bool {
		return e.Holding || e.State == vrrp.Active || e.State == vrrp.Backup
	})
}

// inform tells the daemon what is new.
func (s *Sentinel) inform(w *watch) {
	if w.daemon == nil || s.engine == nil {
		return
	}
	status, _ := s.engine.Status()
	if err := w.daemon.send(message{Status: status}); err != nil {
		s.part(w, err.Error())
		return
	}
	if reports := s.engine.Reports(s.acked); len(reports) > 0 {
		if err := w.daemon.send(message{Reports: &reports}); err != nil {
			s.part(w, err.Error())
		}
	}
}

// past is what the next engine needs to go on as this one.
func (s *Sentinel) past() []vrrp.Past {
	if s.engine == nil {
		return nil
	}
	status, _ := s.engine.Status()
	return status.Past()
}
