package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Tunnel is a VPN as WireGuard makes one: one port at each end, which both send by themselves, and the far end sends to wherever the newest
// packet came from.
type Tunnel struct {
	near, far tunnelEnd
	stop      chan struct{}
	tasks     sync.WaitGroup
}

// tunnelEnd is one of the two.
type tunnelEnd struct {
	conn *net.UDPConn

	mu    sync.Mutex
	sent  uint64
	heard map[uint64]bool // of the other end's numbers
	to    netip.AddrPort  // invalid: not known yet
	from  []netip.Addr    // where packets came from, in order of change
	last  time.Time       // of what was heard
	gap   time.Duration   // longest time without a word
	quiet bool            // it sends seldom: a gap says nothing
	wake  chan struct{}   // closed by the first that is heard after it was made
}

// TunnelPort is WireGuard's usual port. A second tunnel has the one above.
const TunnelPort = 51820

// StartTunnel opens a tunnel from a device to the Internet. Both ends send at each interval; with interval 0 only the near one, once.
func (h *House) StartTunnel(d *Device, port int, interval time.Duration) (*Tunnel, error) {
	t := &Tunnel{stop: make(chan struct{})}
	far := netip.AddrPortFrom(netip.MustParseAddr(EchoAddress), uint16(port))
	err := h.internet.space.Do(func() error { return t.far.listen(far.String()) })
	if err == nil {
		err = d.space.Do(func() error { return t.near.listen(fmt.Sprintf(":%d", port)) })
	}
	if err != nil {
		t.far.close()
		return nil, fmt.Errorf("open tunnel: %w", err)
	}
	t.near.to = far
	t.near.quiet, t.far.quiet = interval == 0, interval == 0
	for _, e := range []*tunnelEnd{&t.near, &t.far} {
		t.tasks.Go(e.receive)
		if interval > 0 {
			t.tasks.Go(func() { e.keep(interval, t.stop) })
		}
	}
	t.near.send()
	return t, nil
}

func (e *tunnelEnd) listen(address string) error {
	at, err := net.ResolveUDPAddr("udp4", address)
	if err != nil {
		return err
	}
	e.conn, err = net.ListenUDP("udp4", at)
	e.heard, e.last = map[uint64]bool{}, time.Now()
	return err
}

func (e *tunnelEnd) close() {
	if e.conn != nil {
		_ = e.conn.Close()
	}
}

func (e *tunnelEnd) keep(interval time.Duration, stop <-chan struct{}) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			e.send()
		}
	}
}

// send sends the next packet, if it is known where to.
func (e *tunnelEnd) send() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.to.IsValid() {
		return
	}
	packet := binary.BigEndian.AppendUint64(nil, e.sent)
	e.sent++
	_, _ = e.conn.WriteToUDPAddrPort(packet, e.to) // what cannot be sent is a lost packet
}

func (e *tunnelEnd) receive() {
	buffer := make([]byte, 64)
	for {
		n, from, err := e.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if number, ok := number(buffer[:n]); ok {
			e.hear(number, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		}
	}
}

func (e *tunnelEnd) hear(number uint64, from netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if !e.quiet {
		e.gap = max(e.gap, now.Sub(e.last))
	}
	e.heard[number], e.last, e.to = true, now, from
	if len(e.from) == 0 || e.from[len(e.from)-1] != from.Addr() {
		e.from = append(e.from, from.Addr())
	}
	if e.wake != nil {
		close(e.wake)
		e.wake = nil
	}
}

// speak has this end say a word and waits until the other one has heard it.
func (e *tunnelEnd) speak(to *tunnelEnd, within time.Duration) bool {
	woken := make(chan struct{})
	to.mu.Lock()
	to.wake = woken
	to.mu.Unlock()
	e.send()
	select {
	case <-woken:
		return true
	case <-time.After(within):
		return false
	}
}

// Wake has the far end of a quiet tunnel speak first, and then the near one. Words that are lost show in the result.
func (t *Tunnel) Wake() {
	const enough = time.Second
	t.far.speak(&t.near, enough)
	t.near.speak(&t.far, enough)
}

// silence ends the sending; what arrives still counts.
func (t *Tunnel) silence() { close(t.stop) }

// settled reports whether each end has heard all that the other one has sent.
func (t *Tunnel) settled() bool {
	return t.near.count() == t.far.hearing() && t.far.count() == t.near.hearing()
}

func (e *tunnelEnd) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return int(e.sent)
}

func (e *tunnelEnd) hearing() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.heard)
}

// result ends the tunnel.
func (t *Tunnel) result() TunnelResult {
	t.near.close()
	t.far.close()
	t.tasks.Wait()
	return TunnelResult{
		Sent: int(t.near.sent + t.far.sent),
		Up:   int(t.near.sent) - len(t.far.heard), Down: int(t.far.sent) - len(t.near.heard),
		Lost: int(t.near.sent+t.far.sent) - len(t.near.heard) - len(t.far.heard),
		Gap:  max(t.near.gap, t.far.gap),
		Via:  slices.Clone(t.far.from),
	}
}

// TunnelResult is what a Tunnel has measured.
type TunnelResult struct {
	Sent, Lost int           // packets of both ends
	Up, Down   int           // those lost on the way to the Internet, and to the house
	Gap        time.Duration // the longest time in which one end heard nothing; 0 for a quiet one
	Via        []netip.Addr  // the source addresses that the far end saw, in order of change
}

func (r TunnelResult) String() string {
	return fmt.Sprintf("%d of %d lost (%d up, %d down), longest gap %s, via %v", r.Lost, r.Sent, r.Up, r.Down, round(r.Gap), r.Via)
}
