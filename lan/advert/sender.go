package advert

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"reflect"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Line is the house's side as a socket. internal/kernel has the real one.
type Line interface {
	// Receive waits for a solicitation or an advert of a router that came from no farther than the link (hop limit 255), and returns
	// whom it is from, without a zone, and the ICMPv6 message. Both are the caller's.
	Receive() (from netip.Addr, message []byte, err error)
	Send(frame []byte) error
	Close() error // it ends a Receive
}

// Waits before a socket is opened again. Chosen by us: the interface may be about to come back.
const (
	firstWait = time.Second
	lastWait  = time.Minute
	// writePause is the least time between two writes of the file: whoever shouts false adverts must not wear out a memory card.
	writePause = 10 * time.Second
)

// Sender announces IPv6 to the house.
type Sender struct {
	open   func(device string) (Line, error)
	record func(router.Event)
	show   func(router.HouseView)
	log    *slog.Logger
	file   string
	wishes chan Wanted // of one: the latest wins

	// Run's own.
	machine *Machine
	wanted  Wanted
	line    Line
	heard   chan Heard
	broken  chan error // of the line that is open
	again   <-chan time.Time
	wait    time.Duration
	silent  bool // the newest packet could not be sent
	written time.Time
	view    router.HouseView
}

// File is where a Sender keeps the prefixes that devices know, below the state directory.
func File(state string) string { return filepath.Join(state, "advert.json") }

// New returns a sender that does nothing until Run. Record and show must not block.
func New(state string, open func(device string) (Line, error), record func(router.Event), show func(router.HouseView), log *slog.Logger) *Sender {
	return &Sender{open: open, record: record, show: show, log: log, file: File(state), wishes: make(chan Wanted, 1)}
}

// Want says what is to be announced from now on. It never blocks; the latest wins.
func (s *Sender) Want(w Wanted) {
	for {
		select {
		case s.wishes <- w:
			return
		case <-s.wishes:
		}
	}
}

// Run announces until ctx ends. Devices go on as they were told: the kernel forwards without us, and a daemon that is started
// again must not be felt.
func (s *Sender) Run(ctx context.Context) error {
	var remembers memory
	if err := remembers.read(s.file, time.Now()); err != nil {
		s.log.Warn("prefixes of before are not known", "err", err)
	}
	s.machine = newMachine(time.Now(), remembers, rand.N[time.Duration])
	defer s.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.written = time.Time{}
			s.save()
			return nil
		case w := <-s.wishes:
			s.turn(w)
		case h := <-s.heard:
			s.machine.Hear(time.Now(), h)
		case err := <-s.broken:
			s.lost(err)
		case <-s.again:
			s.connect()
		case <-timer.C:
		}
		s.step()
		timer.Stop()
		if next := s.next(time.Now()); !next.IsZero() {
			timer.Reset(max(time.Until(next), time.Millisecond))
		}
	}
}

// next is when there is something to do without any news; zero: never.
func (s *Sender) next(now time.Time) (next time.Time) {
	if s.line != nil {
		next = s.machine.Next(now)
	}
	if s.machine.unsaved {
		next = sooner(next, s.written.Add(writePause))
	}
	return next
}

// turn takes in a new wish. What the old line has to say is said before it is closed.
func (s *Sender) turn(w Wanted) {
	if reflect.DeepEqual(w, s.wanted) {
		return
	}
	moved := w.Index != s.wanted.Index || w.Name != s.wanted.Name
	s.wanted = w
	s.machine.Want(time.Now(), w)
	if !moved {
		return
	}
	s.send(s.machine.sayBye(time.Now()))
	s.close()
	s.wait = 0
	s.connect()
}

// connect opens the line that is wanted.
func (s *Sender) connect() {
	s.again = nil
	if s.wanted.Name == "" {
		return
	}
	line, err := s.open(s.wanted.Name)
	if err != nil {
		s.lost(err)
		return
	}
	s.line, s.heard, s.broken = line, make(chan Heard), make(chan error, 1)
	go listen(line, s.heard, s.broken)
}

// listen passes on what a line hears, until it is closed.
func listen(line Line, heard chan<- Heard, broken chan<- error) {
	defer close(heard)
	for {
		from, message, err := line.Receive()
		if err != nil {
			broken <- err
			return
		}
		heard <- Heard{from, message}
	}
}

func (s *Sender) close() {
	if s.line == nil {
		return
	}
	if err := s.line.Close(); err != nil {
		s.log.Debug("close socket of adverts", "err", err)
	}
	for range s.heard { // until the listener has ended
	}
	s.line, s.heard, s.broken = nil, nil, nil
}

// lost has the line opened again later.
func (s *Sender) lost(err error) {
	s.close()
	if s.wait == 0 {
		s.log.Warn("IPv6 is not announced to the house", "device", s.wanted.Name, "err", err)
	}
	s.wait = min(max(2*s.wait, firstWait), lastWait)
	s.again = time.After(s.wait)
}

// step does what is due.
func (s *Sender) step() {
	now := time.Now()
	if s.line != nil {
		s.send(s.machine.Step(now))
	}
	for _, e := range s.machine.Events() {
		s.log.Info("router advertisement", "reason", e.Sentence)
		s.record(e)
	}
	s.save()
	if v := s.machine.View(now); !reflect.DeepEqual(v, s.view) {
		s.view = v
		s.show(v)
	}
}

func (s *Sender) send(packets []Packet) {
	for _, p := range packets {
		if s.line == nil || p.Message == nil {
			continue
		}
		err := s.line.Send(p.frame())
		if err != nil && !s.silent {
			s.log.Warn("router advertisement not sent", "to", p.To, "err", err)
		}
		s.silent = err != nil
	}
}

// save keeps the memory, when it has changed in a way that matters after a restart. The disk is asked a few times a day.
func (s *Sender) save() {
	now := time.Now()
	if !s.machine.unsaved || now.Before(s.written.Add(writePause)) {
		return
	}
	s.machine.unsaved, s.written = false, now
	if err := s.machine.memory.write(s.file); err != nil {
		s.log.Warn("prefixes are not kept", "err", err)
	}
}
