package lan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Times chosen here: a dnsmasq that cannot work costs the processor nothing, and one that works again is not noticed late.
const (
	firstPause = time.Second      // before a dnsmasq that has ended is started again; it doubles
	lastPause  = time.Minute      // and gets no longer
	steady     = 10 * time.Second // of serving make a dnsmasq that works
)

// program is a dnsmasq that runs.
type program interface {
	serving() <-chan struct{}   // closed when it serves
	ended() <-chan struct{}     // closed when it has ended
	changed() <-chan struct{}   // has something when leases are other ones
	why() error                 // how it ended; valid then
	ask(servers []string) error // of these from now on
	give(Lease, time.Time) error
	forget(netip.Addr) error // that somebody has it
	end()                    // it, and wait until it has
}

// State is how the house is served by this router now.
type State struct {
	Serving bool
	Leasing bool   // addresses, too
	Trouble string // a sentence: why it is not served as it should be; empty: it is, or should not be
}

// Server keeps one dnsmasq that serves the house as wanted.
type Server struct {
	record func(router.Event) // must not block
	noted  func()             // must not block: the State or the leases have changed
	log    *slog.Logger
	spawn  func(arguments, servers []string) (program, error)
	sweep  func() // ends what an earlier daemon has left
	book   *book
	state  atomic.Pointer[State]

	wishes chan Wanted // of one: the latest wins
	gifts  chan gift

	// Run's own.
	now    Wanted
	child  program
	told   []string // the arguments of child
	asked  []string // the servers it knows
	serves bool     // child has said so
	pause  time.Duration
	again  <-chan time.Time // when to start it again
	proven <-chan time.Time // when it has served for long enough
	broken string           // what the owner was told; empty: all is well
}

// gift is what the other router knew of leases and this one did not.
type gift struct {
	add  []Lease
	drop []netip.Addr
}

// New returns a server that keeps its leases in the directory state. It does nothing until Run; record and noted, which is called when
// State or Leases may have changed, must not block.
func New(state string, record func(router.Event), noted func(), log *slog.Logger) *Server {
	leases := newBook(Leases(state), log)
	s := &Server{
		record: record, noted: noted, log: log, wishes: make(chan Wanted, 1), gifts: make(chan gift, 1), book: leases,
		spawn: func(arguments, servers []string) (program, error) { return spawn(leases.path(), arguments, servers) },
		sweep: func() { EndLeftover(state, log) },
	}
	s.state.Store(&State{})
	return s
}

// State returns how the house is served. It is safe for concurrent use, as is Leases.
func (s *Server) State() State { return *s.state.Load() }

// Leases returns the addresses that devices of the house have, as far as this router knows.
func (s *Server) Leases(now time.Time) ([]Lease, error) { return s.book.all(now) }

// Leases is the file in the state directory that dnsmasq keeps leases in.
func Leases(state string) string {
	if whole, err := filepath.Abs(state); err == nil {
		state = whole
	}
	return filepath.Join(state, "dnsmasq.leases")
}

// Want says what the house is to be served with from now on. It never blocks; the latest wins.
func (s *Server) Want(w Wanted) {
	for {
		select {
		case s.wishes <- w:
			return
		case <-s.wishes:
		}
	}
}

// Run serves the house until ctx ends. What an earlier daemon left is ended first.
func (s *Server) Run(ctx context.Context) error {
	s.sweep()
	defer s.book.clear()
	defer s.stop()
	for {
		s.note()
		var serving, ended, changed <-chan struct{}
		if s.child != nil {
			ended, changed = s.child.ended(), s.child.changed()
			if !s.serves {
				serving = s.child.serving()
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case w := <-s.wishes:
			s.turn(w)
		case <-serving:
			s.serves, s.proven = true, time.After(steady)
			s.reask()
		case <-changed:
			s.noted()
		case g := <-s.gifts:
			s.take(g)
		case <-s.proven:
			s.works()
		case <-ended:
			err := s.child.why()
			s.lose()
			s.failed(err)
		case <-s.again:
			s.start()
		}
	}
}

// note makes the State known.
func (s *Server) note() {
	next := State{Serving: s.serves, Leasing: s.serves && s.now.DHCP.First.IsValid(), Trouble: s.broken}
	if next != *s.state.Load() {
		s.state.Store(&next)
		s.noted()
	}
}

// turn makes dnsmasq one that serves with w, by asking it where that is enough.
func (s *Server) turn(w Wanted) {
	if reflect.DeepEqual(w, s.now) {
		return
	}
	s.now = w
	if s.child != nil && w.Device != "" && slices.Equal(s.told, w.arguments()) {
		s.reask()
		return
	}
	s.stop()
	s.pause, s.again = 0, nil
	if w.Device == "" {
		s.broken = ""
		return
	}
	s.start()
}

func (s *Server) start() {
	s.again = nil
	arguments, servers := s.now.arguments(), s.now.servers()
	s.book.lend(time.Now())
	child, err := s.spawn(arguments, servers)
	if err != nil {
		s.book.giveBack()
		s.failed(err)
		return
	}
	s.child, s.told, s.asked = child, arguments, servers
	s.log.Info("dnsmasq serves the house", "device", s.now.Device, "address", s.now.Own, "gateway", s.now.Gateway, "addresses", s.now.DHCP.First.IsValid())
}

// reask tells a dnsmasq that serves the servers to ask. One that does not yet is told when it does. One that does not listen is of no use.
func (s *Server) reask() {
	servers := s.now.servers()
	if !s.serves || slices.Equal(servers, s.asked) {
		return
	}
	if err := s.child.ask(servers); err != nil {
		s.stop()
		s.failed(fmt.Errorf("have dnsmasq ask other servers: %w", err))
		return
	}
	s.asked = servers
}

// take has a dnsmasq that serves know of leases that the other router knew.
func (s *Server) take(g gift) {
	if s.child == nil {
		return
	}
	now := time.Now()
	var err error
	for _, a := range g.drop {
		if err == nil { // one that does not answer is waited for once
			err = s.child.forget(a)
		}
	}
	for _, l := range g.add {
		if err == nil {
			err = s.child.give(l, now)
		}
	}
	if err != nil {
		s.log.Warn("leases of the other router are not taken over", "err", err)
		return
	}
	s.log.Info("leases of the other router taken over", "leases", len(g.add))
	s.noted()
}

func (s *Server) stop() {
	if s.child == nil {
		return
	}
	s.child.end()
	s.lose()
}

// lose is what follows from the end of dnsmasq.
func (s *Server) lose() {
	s.child, s.told, s.asked, s.serves, s.proven = nil, nil, nil, false, nil
	s.book.giveBack()
}

// failed tells the owner, and tries again later.
func (s *Server) failed(err error) {
	s.pause = min(max(2*s.pause, firstPause), lastPause)
	s.again = time.After(s.pause)
	sentence, blame := trouble(err)
	if sentence == s.broken {
		return
	}
	s.broken = sentence
	s.log.Warn("dnsmasq does not serve the house", "err", err)
	s.record(router.Event{Time: time.Now(), Kind: router.EventRouter, Blame: blame, Sentence: sentence})
}

func (s *Server) works() {
	s.pause, s.proven = 0, nil
	if s.broken == "" {
		return
	}
	s.broken = ""
	s.record(router.Event{Time: time.Now(), Kind: router.EventRouter, Sentence: "The house gets addresses and names again."})
}

// trouble words why the house is not served, and whose fault that is.
func trouble(err error) (string, router.Blame) {
	const what = "The house gets neither addresses nor names: "
	text := err.Error()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return what + "the program dnsmasq is missing (install it: apt install dnsmasq-base).", router.BlameOwner
	case strings.Contains(text, "Address already in use"):
		return what + "another program on this machine does that already (stop it, for example: systemctl disable --now dnsmasq).", router.BlameOther
	}
	return what + text + ".", router.BlameOther
}
