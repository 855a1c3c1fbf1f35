package pulse

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// errRefused is what a socket says after the other kernel's word that nobody listens there.
const errRefused = syscall.ECONNREFUSED

// reopen is how long after one that failed the next attempt to open sockets comes, and look between two looks at the own link.
const (
	reopen = time.Second
	look   = 2 * time.Second
)

// heart is what the loop owns.
type heart struct {
	*Pulse
	timer *time.Timer
	due   time.Time // when it fires
	told  View
	now   wanted // as obeyed

	wire    Wire
	prober  Prober
	in      chan datagram
	done    chan struct{} // of the reader
	readers sync.WaitGroup
	retry   time.Time // of opening; zero: not wanted

	cipher  *cipherer // of the session
	machine *Machine  // nil: nothing is expected
	care    Care      // of machines before it
	changes uint32    // of the own link, when it was last known to be good
	looked  time.Time
}

// datagram is what the reader has found.
type datagram struct {
	size    int
	refused bool // the other router's kernel says that nobody listens there: its box lives
	bytes   [beatSize + 1]byte
}

// obey follows what is wanted.
func (h *heart) obey(now time.Time) {
	h.mu.Lock()
	w := h.wanted
	h.mu.Unlock()
	old := h.now
	h.now = w
	fresh := w.number != old.number
	if fresh {
		h.cipher = nil
		h.end()
	}
	if w.way != old.way || w.bye {
		h.shut()
	}
	if !w.possible() {
		h.shut()
		return
	}
	if h.cipher == nil {
		h.cipher = newCipherer(w.session, w.way.Own, w.way.Partner)
	}
	if h.wire == nil {
		h.open(now)
	}
	if h.wire != nil && h.machine == nil {
		h.machine = NewMachine(now, w.session.Router, w.session.Beat, h.care)
		h.see(now)
	}
	if h.machine != nil && w.ended && (fresh || !old.ended) {
		h.machine.Unlink(now)
	}
}

// possible reports whether signs of life are wanted and can be.
func (w wanted) possible() bool {
	return w.number > 0 && !w.bye && w.session.Beat > 0 && w.way.Device != "" && w.way.Own.IsValid() && w.way.Partner.IsValid()
}

// open opens the sockets, ahead of any need.
func (h *heart) open(now time.Time) {
	wire, prober, err := h.net.Open(h.now.way)
	if err != nil {
		if h.retry.IsZero() {
			h.log.Warn("open the way of signs of life", "interface", h.now.way.Device, "err", err)
		}
		h.retry = now.Add(reopen)
		return
	}
	h.wire, h.prober, h.retry = wire, prober, time.Time{}
	h.in, h.done = make(chan datagram), make(chan struct{})
	h.readers.Go(func() { read(wire, h.in, h.done) })
}

// shut closes the sockets and forgets what was known by them.
func (h *heart) shut() {
	h.end()
	h.retry = time.Time{}
	if h.wire == nil {
		return
	}
	close(h.done)
	_, _ = h.wire.Close(), h.prober.Close()
	h.readers.Wait()
	h.wire, h.prober, h.in, h.done = nil, nil, nil, nil
}

// take is what one datagram says.
func (h *heart) take(now time.Time, d datagram) {
	if h.machine == nil {
		return
	}
	if d.refused {
		h.machine.Answer(now)
		return
	}
	h.hear(now, d.bytes[:d.size])
}

func (h *heart) hear(now time.Time, bytes []byte) {
	before := h.cipher.heard
	b, how := h.cipher.open(bytes)
	h.count([...]*uint64{&h.counts.Strange, &h.counts.Forged, &h.counts.Replayed, &h.counts.Heard}[how])
	if how != accepted {
		return
	}
	if before > 0 && b.number > before+1 {
		h.mu.Lock()
		h.counts.Lost += b.number - before - 1
		h.mu.Unlock()
	}
	age := b.age
	if b.heard == 0 {
		age = -1
	}
	h.machine.Hear(now, age)
}

// tick does what is due, after everything that others have said by now.
func (h *heart) tick(now time.Time) {
	if due(h.retry, now) {
		h.retry = now
		h.obey(now)
	}
	if h.machine == nil {
		return
	}
	behind := now.Sub(h.due)
	h.drain(now)
	if behind > late {
		h.machine.Anew(now, behind)
	}
	h.see(now)
	asking := h.machine.Asking()
	if asking && h.prober.Answered() {
		h.machine.Answer(now)
	}
	do := h.machine.Tick(now)
	if do.Beat {
		h.count(&h.counts.Sent)
		_ = h.wire.Send(h.cipher.seal(h.machine.Age(now))) // what does not arrive is what this is about
	}
	if do.Ask {
		if !asking {
			_ = h.prober.Answered() // of earlier times
		}
		h.count(&h.counts.Asked)
		_ = h.prober.Ask()
	}
}

// drain hears what has come in and was not handed on yet.
func (h *heart) drain(now time.Time) {
	const most = 256 // a flood must not keep the loop
	select {
	case d := <-h.in:
		h.take(now, d)
	default:
	}
	var bytes [beatSize + 1]byte
	for range most {
		n, err := h.wire.Poll(bytes[:])
		refused := errors.Is(err, errRefused)
		if n == 0 && !refused {
			return
		}
		h.take(now, datagram{size: n, refused: refused, bytes: bytes})
	}
}

// see looks at the own link: whenever the other router is in doubt, and at times while it is not, to know what was before.
func (h *heart) see(now time.Time) {
	if !h.machine.Asking() && now.Sub(h.looked) < look {
		return
	}
	changes, up, err := h.prober.Carrier()
	if h.machine.Asking() && (err != nil || !up || changes != h.changes) {
		h.machine.Blind(now)
	}
	h.changes, h.looked = changes, now
}

// tell passes on what has changed.
func (h *heart) tell() {
	v := View{Reason: h.now.silence()}
	if h.machine != nil {
		v = h.machine.View()
	}
	if v == h.told {
		return
	}
	if v.State != h.told.State {
		h.log.Info("pulse", "router", h.now.session.Router, "from", h.told.State, "to", v.State, "reason", v.Reason)
	}
	h.told = v
	h.seen(v)
}

// silence is why nothing is expected of the other router.
func (w wanted) silence() string {
	switch {
	case w.number == 0:
		return "there was no link to the other router yet"
	case w.bye:
		return w.session.Router + " has ended the link by its own word"
	case w.session.Beat <= 0:
		return "signs of life are switched off"
	}
	return "signs of life cannot be sent"
}

// wait sets the timer.
func (h *heart) wait() {
	h.due = h.retry
	if h.machine != nil {
		h.due = earliest(h.due, h.machine.Due())
	}
	if !h.due.IsZero() {
		h.timer.Reset(max(0, time.Until(h.due)))
		return
	}
	h.due = time.Now().Add(time.Hour)
	h.timer.Reset(time.Hour)
}

// end is that of a machine, but for what it has learned.
func (h *heart) end() {
	if h.machine != nil {
		h.care = h.machine.Care()
	}
	h.machine = nil
}

// read hands on what comes in until the wire is closed.
func read(wire Wire, in chan<- datagram, done <-chan struct{}) {
	const breath = 10 * time.Millisecond // of an error that stays
	for {
		var d datagram
		n, err := wire.Receive(d.bytes[:])
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, errRefused):
			d.refused = true
		case err != nil:
			time.Sleep(breath)
			continue
		}
		d.size = n
		select {
		case in <- d:
		case <-done:
			return
		}
	}
}
