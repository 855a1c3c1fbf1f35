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

	engine  *vrrp.Engine
	stop    func()     // ends the engine and waits for that
	failed  chan error // its error
	wanted  vrrp.Wanted
	set     time.Time // when the engine was last told something
	acked   uint64
	tasks   sync.WaitGroup
	watched watch
}

// ErrRuns is returned by Run when another sentinel has the socket.
var ErrRuns = errors.New("another sentinel runs")

const (
	// patience is how long a fresh sentinel waits for its daemon's first word.
	patience = 5 * time.Second
	// settled is how long after a wish the engine's status may not show it yet.
	settled = 100 * time.Millisecond
)

// Run serves daemons, one at a time, until the last address is let go of after the daemon has left, or ctx ends.
func (s *Sentinel) Run(ctx context.Context) error {
	listener, unlock, err := s.claim()
	if err != nil {
		return err
	}
	defer unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer s.tasks.Wait()
	defer cancel()
	defer listener.Close()
	news := make(chan letter)
	s.failed = make(chan error, 1)
	s.tasks.Go(func() { s.accept(ctx, listener, news) })
	return s.attend(ctx, news)
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

// accept lets daemons in until the listener is closed.
func (s *Sentinel) accept(ctx context.Context, listener net.Listener, news chan<- letter) {
	for ctx.Err() == nil {
		c, err := listener.Accept()
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(Beat): // out of descriptors, for a while
			}
			continue
		}
		peer := newConn(c)
		s.tasks.Go(func() {
			defer peer.Close()
			defer context.AfterFunc(ctx, func() { _ = peer.Close() })()
			peer.read(ctx.Done(), news)
		})
	}
}

// watch is what the sentinel knows of its daemon.
type watch struct {
	daemon   *conn
	patience *time.Timer // with its silence
	doubted  bool        // it has run out, and a second look comes
	until    time.Time   // when the addresses are let go of; zero: the daemon is there
	why      string
	keep     time.Duration
	gone     bool // they have been let go of
	ending   bool // the process was asked to end: no daemon changes that
}

// attend is the sentinel's loop.
func (s *Sentinel) attend(ctx context.Context, news <-chan letter) error {
	s.watched = watch{patience: time.NewTimer(Hang), until: time.Now().Add(patience), keep: forEver}
	defer s.watched.patience.Stop()
	leave := s.Leave
	for {
		var changed <-chan struct{}
		if s.engine != nil {
			_, changed = s.engine.Status()
		}
		var over <-chan time.Time
		if w := &s.watched; !w.until.IsZero() && !w.gone {
			over = time.After(time.Until(w.until))
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.failed:
			return fmt.Errorf("run the vrrp engine: %w", err)
		case l := <-news:
			if retired := s.take(ctx, l); retired {
				return nil
			}
		case <-changed:
			s.inform()
		case <-over:
			s.letGo()
		case <-s.watched.patience.C:
			s.doubt()
		case <-leave:
			leave = nil
			s.end()
		}
		if s.idle() {
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

// end lets go because the process was asked to end.
func (s *Sentinel) end() {
	s.watched.ending, s.watched.until = true, time.Now()
	s.watched.why, s.watched.keep = "the router is being switched off", parting
	s.letGo()
}

// doubt deals with the daemon's silence. At first its word may be there already: who was not running himself has no word
// on others.
func (s *Sentinel) doubt() {
	w := &s.watched
	switch {
	case w.daemon == nil || !w.until.IsZero():
	case !w.doubted:
		w.doubted = true
		w.patience.Reset(again)
	default:
		s.Log.Warn("the daemon does not answer", "for", Hang)
		w.until, w.why, w.keep = time.Now().Add(Linger), "the daemon does not answer", forEver
	}
}

// believe notes a proof of the daemon's life.
func (w *watch) believe() {
	w.doubted = false
	w.patience.Reset(Hang)
}

// part notes that the daemon's connection is gone.
func (s *Sentinel) part(err error) {
	w := &s.watched
	_ = w.daemon.Close()
	w.daemon = nil
	if w.until.IsZero() {
		s.Log.Warn("the daemon has gone", "err", err)
		w.until, w.why, w.keep = time.Now().Add(Linger), "the daemon has gone", forEver
	}
}

// take obeys one letter. It reports whether the sentinel has retired.
func (s *Sentinel) take(ctx context.Context, l letter) bool {
	w := &s.watched
	switch {
	case l.Hello != nil:
		s.greet(ctx, l)
		return false
	case l.from != w.daemon:
		return false
	case l.err == nil && l.odd != nil:
		l.err = l.odd // half a wish is none
	}
	if l.err != nil {
		s.part(l.err)
		return false
	}
	w.believe()
	switch {
	case l.Retire:
		return s.retire()
	case l.Bye != nil:
		w.until, w.why, w.keep = time.Now().Add(l.Bye.Linger), "the daemon has stopped", 0
	case l.Want != nil:
		s.wanted = *l.Want
		s.resume(true)
	case l.Beat:
		if err := l.from.send(message{Beat: true}); err != nil {
			s.part(err)
			return false
		}
		s.resume(false)
	case l.Ack > 0:
		s.acked = max(s.acked, l.Ack)
	}
	return false
}

// retire makes room for a sentinel of another version: it touches nothing, and says what that needs to go on.
func (s *Sentinel) retire() bool {
	s.Log.Info("making room for another version")
	s.stop()
	status, _ := s.engine.Status()
	past := status.Past()
	_ = s.watched.daemon.send(message{Past: &past}) // unheard, the addresses tell most of it
	return true
}

// greet takes a new daemon in place of the old one.
func (s *Sentinel) greet(ctx context.Context, l letter) {
	w := &s.watched
	if w.daemon != nil && w.daemon != l.from {
		_ = w.daemon.Close()
	}
	w.daemon = l.from
	w.believe()
	if !w.ending {
		w.until = time.Time{}
	}
	if s.engine == nil {
		s.start(ctx, l.Hello.Past)
	}
	if err := l.from.send(message{Hello: &hello{Version: s.Version}}); err != nil {
		s.part(err)
		return
	}
	s.inform()
}

func (s *Sentinel) start(ctx context.Context, past []vrrp.Past) {
	s.engine = s.Engine(past)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	s.stop = func() { cancel(); <-ended }
	s.tasks.Go(func() {
		defer close(ended)
		if err := s.engine.Run(ctx); err != nil {
			s.failed <- err
		}
	})
}

// resume goes on as wanted, be it after a time alone. After a bye only a new wish counts.
func (s *Sentinel) resume(news bool) {
	w := &s.watched
	if w.ending || !w.until.IsZero() && w.keep != forEver && !news {
		return
	}
	if w.gone {
		s.Log.Info("the daemon is back")
	}
	if news || w.gone {
		s.tell(s.wanted)
	}
	w.until, w.gone = time.Time{}, false
}

func (s *Sentinel) tell(w vrrp.Wanted) {
	s.engine.Set(w)
	s.set = time.Now()
}

// letGo says priority 0 everywhere; the addresses stay for their successors.
func (s *Sentinel) letGo() {
	s.watched.gone = true
	if s.engine == nil {
		return
	}
	s.Log.Warn("letting go of the virtual addresses", "reason", s.watched.why)
	w := vrrp.Wanted{Routers: slices.Clone(s.wanted.Routers), Keep: s.watched.keep}
	for i := range w.Routers {
		w.Routers[i].Fault = s.watched.why
	}
	s.tell(w)
}

// idle reports whether nothing is held any more, nobody is served, and the process may end.
func (s *Sentinel) idle() bool {
	w := &s.watched
	unwanted := s.engine != nil && !s.set.IsZero() && len(s.wanted.Routers) == 0
	switch {
	case !w.gone && !unwanted:
		return false
	case s.engine == nil:
		return w.daemon == nil
	case w.daemon != nil && !w.ending && !unwanted, time.Since(s.set) < settled:
		return false // the daemon only hangs; or the status does not show it yet
	}
	status, _ := s.engine.Status()
	return !slices.ContainsFunc(status.Elections, func(e vrrp.Election) bool {
		return e.Holding || e.State == vrrp.Active || e.State == vrrp.Backup
	})
}

// inform tells the daemon what is new.
func (s *Sentinel) inform() {
	w := &s.watched
	if w.daemon == nil || s.engine == nil {
		return
	}
	status, _ := s.engine.Status()
	if err := w.daemon.send(message{Status: status}); err != nil {
		s.part(err)
		return
	}
	if reports := s.engine.Reports(s.acked); len(reports) > 0 {
		if err := w.daemon.send(message{Reports: &reports}); err != nil {
			s.part(err)
		}
	}
}
