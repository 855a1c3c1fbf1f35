package pathmtu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// limit is how long a search may take.
const limit = 10 * time.Second

// An answer is waited for as long as answers took so far, and a half more, within these bounds. Chosen here: nobody waits for a search.
const (
	shortest = 300 * time.Millisecond
	longest  = time.Second
)

// Line is the way that is measured.
type Line struct {
	// Control prepares the socket: it binds it to the line's device and marks it into the line's table.
	Control func(network, address string, c syscall.RawConn) error
	Targets []netip.Addr // that answer pings, all of one family, the best first
	RTT     time.Duration
	Most    int // as in Wish
	Guess   int
}

// Measure finds the largest packet that passes a line. It takes ten seconds and 40 packets at most, and one packet where everything
// passes. The error is one of Find's, or why there is no socket.
func Measure(ctx context.Context, line Line) (Found, error) {
	if len(line.Targets) == 0 {
		return Found{}, ErrSilent
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	m, err := newMeter(ctx, line)
	if err != nil {
		return Found{}, err
	}
	defer m.conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = m.conn.Close() }) // ends the wait for an answer
	defer stop()
	six := line.Targets[0].Is6()
	w := Wish{Six: six, Targets: len(line.Targets), Most: min(line.Most, Internet), Guess: line.Guess}
	return Find(w, func(target, size, tries int) Answer { return m.ask(ctx, line.Targets[target], size, tries) })
}

// meter sends pings of any size that nobody may fragment.
type meter struct {
	*family
	conn   net.PacketConn
	rtt    time.Duration // the longest one seen
	id     uint16
	seq    uint16
	cookie uint64
	buffer []byte
}

func newMeter(ctx context.Context, line Line) (*meter, error) {
	m := &meter{family: four(), rtt: line.RTT, id: uint16(rand.Uint32()), cookie: rand.Uint64(), buffer: make([]byte, 2*Internet)}
	if line.Targets[0].Is6() {
		m.family = six()
	}
	config := net.ListenConfig{Control: func(network, address string, c syscall.RawConn) error {
		if err := line.Control(network, address, c); err != nil {
			return err
		}
		var err error
		if outer := c.Control(func(fd uintptr) { err = m.whole(int(fd)) }); outer != nil {
			return outer
		}
		return err
	}}
	conn, err := config.ListenPacket(ctx, m.network, m.any)
	if err != nil {
		return nil, fmt.Errorf("open a ping socket: %w", err)
	}
	if err := m.filter(conn); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("filter a ping socket: %w", err)
	}
	m.conn = conn
	return m, nil
}

// ask implements Ask: the next try goes out before the one before is given up.
func (m *meter) ask(ctx context.Context, target netip.Addr, size, tries int) Answer {
	var a Answer
	first, wait := m.seq+1, min(max(2*m.rtt+150*time.Millisecond, shortest), longest)
	for n := range tries {
		if err := m.send(target, size); errors.Is(err, unix.EMSGSIZE) {
			return Answer{Fate: Refused, Sent: a.Sent}
		}
		a.Sent++
		patience := wait / 2
		if n == tries-1 {
			patience = wait
		}
		heard := m.hear(target, size, first, time.Now().Add(patience))
		if ctx.Err() != nil {
			return Answer{Sent: a.Sent}
		}
		if a.Fate, a.MTU = heard.Fate, heard.MTU; a.Fate != Lost {
			return a
		}
	}
	return a
}

func (m *meter) send(target netip.Addr, size int) error {
	m.seq++
	data := make([]byte, size-m.header-icmpHeader)
	binary.BigEndian.PutUint64(data, m.cookie)
	packet, err := m.request(m.id, m.seq, data)
	if err != nil {
		return err
	}
	_, err = m.conn.WriteTo(packet, &net.IPAddr{IP: target.AsSlice(), Zone: target.Zone()})
	return err
}

// hear waits for the answer to one of the newest pings, or for somebody who says that it was too large.
func (m *meter) hear(target netip.Addr, size int, first uint16, until time.Time) Answer {
	began := time.Now()
	_ = m.conn.SetReadDeadline(until)
	for {
		n, from, err := m.conn.ReadFrom(m.buffer)
		if err != nil {
			return Answer{Fate: Lost}
		}
		source, _ := netip.ParseAddr(from.String())
		what := m.parse(m.buffer[:n])
		switch {
		case what.id != m.id || what.seq-first > m.seq-first:
		case what.kind == refused && what.target == target.WithZone(""):
			return Answer{Fate: Refused, MTU: what.mtu}
		case what.kind != echoed || what.cookie != m.cookie || source.WithZone("") != target.WithZone(""):
		case n < size-m.header:
			return Answer{Fate: Short}
		default:
			m.rtt = max(m.rtt, time.Since(began))
			return Answer{Fate: Whole}
		}
	}
}
