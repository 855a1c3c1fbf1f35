package pulse

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ether is the network between two boxes, in memory.
type ether struct {
	mu    sync.Mutex
	boxes map[netip.Addr]*box
	cut   map[netip.Addr]bool // what comes from there by UDP is lost
	seen  [][]byte            // every beat that was sent
}

// box is one router's kernel and the Pulse on it.
type box struct {
	ether   *ether
	own     netip.Addr
	partner netip.Addr
	off     bool // no power
	carrier uint32
	down    bool // its own link
	refuse  error
	opened  int
	wire    *fakeWire
	asked   bool
	stall   time.Duration // of its next Send

	*Pulse
	views  []View
	cancel context.CancelFunc
	ended  chan struct{}
}

// newEther returns two boxes whose pulses run until the test ends.
func newEther(t *testing.T) (main, backup *box) {
	e := &ether{boxes: map[netip.Addr]*box{}, cut: map[netip.Addr]bool{}}
	main, backup = &box{ether: e, own: low, partner: high}, &box{ether: e, own: high, partner: low}
	for _, b := range []*box{main, backup} {
		e.boxes[b.own] = b
		b.start(t)
	}
	return main, backup
}

func (b *box) start(t *testing.T) {
	b.Pulse = New(b, func(v View) {
		b.ether.mu.Lock()
		b.views = append(b.views, v)
		b.ether.mu.Unlock()
	}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel, b.ended = cancel, make(chan struct{})
	go func() { defer close(b.ended); _ = b.Run(ctx) }()
	t.Cleanup(b.kill)
	b.Use(b.way())
}

func (b *box) way() Way {
	return Way{Device: "lan0", Index: 2, Own: b.own, Partner: b.partner, Port: 61112}
}

func (b *box) kill() {
	b.cancel()
	<-b.ended
}

// begin begins a session on both.
func begin(id uint64, boxes ...*box) {
	for _, b := range boxes {
		s := session(id, "secret")
		if b.own == high {
			s.Router = "main"
		}
		b.Begin(s)
	}
}

// do changes the world between two moments.
func (b *box) do(f func()) {
	b.ether.mu.Lock()
	defer b.ether.mu.Unlock()
	f()
}

// view is the newest one.
func (b *box) view() (v View) {
	synctest.Wait()
	b.do(func() {
		if len(b.views) > 0 {
			v = b.views[len(b.views)-1]
		}
	})
	return v
}

func (b *box) shows(t *testing.T, s State, reason string) {
	t.Helper()
	if v := b.view(); v.State != s || v.Reason != reason {
		t.Fatalf("%s: %s, %q; want %s, %q", b.own, v.State, v.Reason, s, reason)
	}
}

// never reports whether a box ever had a state.
func (b *box) had(s State) (had bool) {
	synctest.Wait()
	b.do(func() { had = slices.ContainsFunc(b.views, func(v View) bool { return v.State == s }) })
	return had
}

func (b *box) Open(Way) (Wire, Prober, error) {
	b.ether.mu.Lock()
	defer b.ether.mu.Unlock()
	if b.opened++; b.refuse != nil {
		return nil, nil, b.refuse
	}
	b.wire = &fakeWire{box: b, in: make(chan []byte, 1<<12), closed: make(chan struct{})}
	return b.wire, (*fakeProber)(b), nil
}

// fakeWire is a Wire in memory.
type fakeWire struct {
	box    *box
	in     chan []byte
	closed chan struct{}
}

func (w *fakeWire) Send(beat []byte) error {
	b := w.box
	b.ether.mu.Lock()
	stall := b.stall
	b.stall = 0
	b.ether.seen = append(b.ether.seen, slices.Clone(beat))
	there := b.ether.boxes[b.partner]
	if !b.off && !b.down && !there.off && !there.down && !b.ether.cut[b.own] && there.wire != nil {
		there.wire.in <- slices.Clone(beat)
	}
	b.ether.mu.Unlock()
	time.Sleep(stall)
	return nil
}

func (w *fakeWire) Receive(beat []byte) (int, error) {
	select {
	case d := <-w.in:
		return copy(beat, d), nil
	case <-w.closed:
		return 0, net.ErrClosed
	}
}

func (w *fakeWire) Poll(beat []byte) (int, error) {
	select {
	case d := <-w.in:
		return copy(beat, d), nil
	default:
		return 0, nil
	}
}

func (w *fakeWire) Close() error {
	w.box.do(func() { w.box.wire = nil })
	close(w.closed)
	return nil
}

// fakeProber asks the other box's kernel.
type fakeProber box

func (p *fakeProber) Ask() error {
	b := (*box)(p)
	b.do(func() {
		b.asked = b.asked || !b.down && !b.ether.boxes[b.partner].off && !b.ether.boxes[b.partner].down
	})
	return nil
}

func (p *fakeProber) Answered() (answered bool) {
	b := (*box)(p)
	b.do(func() { answered, b.asked = b.asked, false })
	return answered
}

func (p *fakeProber) Carrier() (changes uint32, up bool, err error) {
	b := (*box)(p)
	b.do(func() { changes, up = b.carrier, !b.down })
	return changes, up, nil
}

func (p *fakeProber) Close() error { return nil }

var errNoDevice = errors.New("no such device")

// numbers are those of every beat of one sender's session.
func (e *ether) numbers(from, until int, id uint64) map[uint64]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[uint64]int{}
	for _, d := range e.seen[from:min(until, len(e.seen))] {
		if binary.BigEndian.Uint64(d[atSession:]) == id {
			all[binary.BigEndian.Uint64(d[atNumber:])]++
		}
	}
	return all
}
