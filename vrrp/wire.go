package vrrp

import (
	"context"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

const (
	// backlog is how many frames wait for the loop, all wires together; the kernel's buffer holds what comes on top.
	backlog = 64
	// frameSize holds the longest advert: 255 IPv6 addresses with every header and trailer.
	frameSize = 4608
)

// slot is a received frame on its way to the loop and back.
type slot struct {
	wire   *wire
	bytes  [frameSize]byte
	packet packet.Packet
	reject packet.Reject
}

// wire is one interface's open wire and the elections on it.
type wire struct {
	Wire
	device  string
	index   int
	opened  time.Time
	alive   <-chan struct{} // nil once it was heard
	free    chan *slot
	members map[memberKey]*instance
	guarded []netip.Addr
	cancel  context.CancelFunc
	done    chan struct{}
}

type memberKey struct {
	id     uint8
	family Family
}

// open returns the wire of an instance's interface, opening it when needed.
func (e *Engine) open(now time.Time, d Device) (*wire, error) {
	if w := e.wires[d.Name]; w != nil {
		return w, nil
	}
	port, err := e.kernel.Open(d.Name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &wire{
		Wire: port, device: d.Name, index: d.Index, opened: now, alive: port.Alive(),
		free: make(chan *slot, backlog), members: map[memberKey]*instance{},
		cancel: cancel, done: make(chan struct{}),
	}
	for range backlog / 4 {
		w.free <- &slot{wire: w}
	}
	e.wires[d.Name] = w
	go e.read(ctx, w)
	if claims, can := port.(Claims); can {
		go e.watchClaims(ctx, w, claims)
	}
	go func() {
		select {
		case <-ctx.Done():
		case <-port.Alive():
			e.lookAgain()
		}
	}()
	return w, nil
}

// read takes frames off a wire until it is closed or fails.
func (e *Engine) read(ctx context.Context, w *wire) {
	defer close(w.done)
	for {
		var s *slot
		select {
		case <-ctx.Done():
			return
		case s = <-w.free:
		}
		n, err := w.Receive(s.bytes[:])
		if err != nil {
			select {
			case <-ctx.Done():
			case e.lost <- w:
			}
			return
		}
		s.reject = s.packet.Parse(s.bytes[:n])
		select {
		case <-ctx.Done():
			return
		case e.frames <- s:
		}
	}
}

// lose closes a wire that has failed. One that fails at once each time is opened now and then only.
func (e *Engine) lose(now time.Time, w *wire) {
	for _, in := range e.order {
		if in.wire == w && now.Sub(w.opened) < reopen {
			in.retry = now.Add(reopen)
		}
	}
	e.closeWire(w)
	if now.Sub(w.opened) >= reopen {
		e.lookAgain()
	}
}

func (e *Engine) closeWire(w *wire) {
	if e.wires[w.device] != w {
		return
	}
	delete(e.wires, w.device)
	w.cancel()
	e.closing.Go(func() {
		_ = w.Close() // nothing was buffered
		<-w.done
	})
	for _, in := range e.order {
		if in.wire == w {
			in.wire = nil
		}
	}
}

func (e *Engine) closeWires() {
	for _, w := range e.wires {
		e.closeWire(w)
	}
	e.closing.Wait()
}

// drain hears everything that has arrived, in the order of its coming.
func (e *Engine) drain(now time.Time) {
	e.empty(now)
	e.poll(now)
	e.empty(now) // what the readers took off the wires meanwhile
}

// empty hears the frames that wait for the loop.
func (e *Engine) empty(now time.Time) {
	for range backlog {
		select {
		case s := <-e.frames:
			e.receive(now, s)
			continue
		default:
		}
		return
	}
}

// poll hears the frames that wait in the kernel.
func (e *Engine) poll(now time.Time) {
	spare := &slot{}
	for _, w := range e.wires {
		spare.wire = w
		for range 1024 { // more than a minute of adverts of one peer; a flood is not worth more
			n, err := w.Poll(spare.bytes[:])
			if err != nil || n == 0 {
				break
			}
			spare.reject = spare.packet.Parse(spare.bytes[:n])
			e.hear(now, spare)
		}
	}
}

// receive hears a frame and gives its slot back.
func (e *Engine) receive(now time.Time, s *slot) {
	e.hear(now, s)
	s.wire.free <- s // has room: there are fewer slots
}
