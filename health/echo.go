package health

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Reopening a socket that lost its device starts at once and slows down to this.
const (
	reopenFirst = 100 * time.Millisecond
	reopenLast  = 5 * time.Second
)

// echo pings over one raw socket of one family: a reader that sleeps until an answer of ours comes, instead of a socket, a
// goroutine and a poll timer per target (pro-bing: 2.5 % of a core for four targets; this: 0.06 %, library notes §3).
type echo struct {
	path   Path
	family *family
	id     uint16 // tells our echoes from everyone else's on this machine
	cookie uint64 // and from forged ones

	mu      sync.Mutex
	conn    *net.IPConn
	closed  bool
	seq     uint16
	waiting map[uint16]*caller
	retry   time.Time
	backoff time.Duration
	readers sync.WaitGroup
}

// caller waits for the answer to one echo.
type caller struct {
	addr   netip.Addr
	answer chan reply
}

type reply struct {
	at  time.Time
	err error
}

func newEcho(path Path, f *family) *echo {
	return &echo{path: path, family: f, id: nonce16(), cookie: rand.Uint64(), waiting: make(map[uint16]*caller)}
}

func nonce16() uint16 { return uint16(rand.Uint32()) }

// ping sends one echo request and waits for its answer, an ICMP error, or the end of ctx.
func (e *echo) ping(ctx context.Context, addr netip.Addr) (time.Duration, error) {
	c := &caller{addr: addr.WithZone(""), answer: make(chan reply, 1)}
	conn, seq, err := e.enter(ctx, c)
	if err != nil {
		return 0, err
	}
	defer e.leave(seq)
	began := time.Now()
	packet := e.family.request(e.id, seq, e.cookie)
	if _, err := conn.WriteToIP(packet, &net.IPAddr{IP: addr.AsSlice(), Zone: addr.Zone()}); err != nil {
		if lostDevice(err) {
			e.drop(conn)
		}
		return 0, err
	}
	select {
	case r := <-c.answer:
		return r.at.Sub(began), r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// enter registers a caller and returns the socket to use.
func (e *echo) enter(ctx context.Context, c *caller) (*net.IPConn, uint16, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conn == nil {
		if err := e.open(ctx); err != nil {
			return nil, 0, err
		}
	}
	for range 1 << 16 {
		e.seq++
		if e.waiting[e.seq] == nil {
			e.waiting[e.seq] = c
			return e.conn, e.seq, nil
		}
	}
	return nil, 0, errors.New("too many pings at once")
}

func (e *echo) leave(seq uint16) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.waiting, seq)
}

// open makes the socket and its reader; e.mu is held.
func (e *echo) open(ctx context.Context) error {
	if e.closed {
		return net.ErrClosed
	}
	if now := time.Now(); now.Before(e.retry) {
		return fmt.Errorf("open a ping socket on %s: waiting after an error", e.path.Device)
	}
	config := net.ListenConfig{Control: e.path.Control}
	packets, err := config.ListenPacket(ctx, e.family.network, e.family.any)
	if err == nil {
		err = e.family.filter(packets, e.id)
		if err != nil {
			_ = packets.Close()
		}
	}
	if err != nil {
		e.delay()
		return fmt.Errorf("open a ping socket: %w", err)
	}
	conn := packets.(*net.IPConn)
	e.conn = conn
	e.readers.Go(func() { e.read(conn) })
	return nil
}

func (e *echo) delay() {
	e.backoff = min(max(2*e.backoff, reopenFirst), reopenLast)
	e.retry = time.Now().Add(e.backoff)
}

// drop gives up a socket; the next ping opens another.
func (e *echo) drop(conn *net.IPConn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conn == conn {
		e.conn = nil
		e.delay()
	}
	_ = conn.Close()
}

// close ends the reader and refuses further pings.
func (e *echo) close() error {
	e.mu.Lock()
	e.closed = true
	conn := e.conn
	e.conn = nil
	e.mu.Unlock()
	var err error
	if conn != nil {
		err = conn.Close()
	}
	e.readers.Wait()
	return err
}

// read hands answers to their callers until the socket closes or fails. The kernel's filter lets nothing foreign wake it.
func (e *echo) read(conn *net.IPConn) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFromIP(buffer)
		if err != nil {
			e.drop(conn)
			return
		}
		at := time.Now()
		source, _ := netip.AddrFromSlice(from.IP)
		e.deliver(e.family.parse(buffer[:n]), source.Unmap(), at)
	}
}

// deliver wakes the caller of an answer, if it is one: an echo from the right place with our cookie, or an error about a request of ours.
func (e *echo) deliver(m message, source netip.Addr, at time.Time) {
	if m.kind == foreign || m.id != e.id {
		return
	}
	e.mu.Lock()
	c := e.waiting[m.seq]
	e.backoff = 0
	e.mu.Unlock()
	if c == nil {
		return
	}
	r := reply{at: at}
	switch m.kind {
	case echoed:
		if source != c.addr || m.cookie != e.cookie {
			return
		}
	case refused:
		if m.target != c.addr {
			return
		}
		r.err = fmt.Errorf("%s says: %s", source, m.reason)
	}
	select {
	case c.answer <- r:
	default: // answered already
	}
}

// lostDevice reports whether an error means that the socket's device is gone or was made anew.
func lostDevice(err error) bool {
	return errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENETDOWN)
}
