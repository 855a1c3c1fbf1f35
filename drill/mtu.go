package drill

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

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	// smallest is what IPv6 asks of any line (RFC 8200 §5); below it there is nothing to look for.
	smallest = 1280
	// overhead is what a ping has around its payload: IPv4 and ICMP.
	overhead = 28
	// tries of one size: a lost packet is not too large.
	tries = 2
)

// sizes finds the largest packet that comes through, there and back, unfragmented. That larger ones vanish without a word is what
// makes pages hang; it is no fault when the fetch, whose segments were as large as the line lets them be, came through.
func (p *prover) sizes(ctx context.Context, fetched bool) (string, error) {
	m, err := newMeter(ctx, p.Line, p.target, min(max(3*p.proof.RTT+100*time.Millisecond, 300*time.Millisecond), time.Second))
	if err != nil {
		return "", err
	}
	defer m.conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = m.conn.Close() }) // ends the wait for an answer
	defer stop()
	found, err := m.search(ctx, p.Line.MTU)
	if err != nil {
		if fetched {
			return err.Error(), nil // the megabyte came through: whoever answers pings has no time for large ones
		}
		return "", err
	}
	p.proof.MTU, p.proof.Hole = found, found < p.Line.MTU && !m.told
	switch {
	case !p.proof.Hole && found < p.Line.MTU:
		return fmt.Sprintf("%d bytes; the line says so of larger ones", found), nil
	case !p.proof.Hole:
		return fmt.Sprintf("%d bytes", found), nil
	case fetched:
		return fmt.Sprintf("%d bytes; larger ones vanish without a word, but the fetch came through", found), nil
	}
	return "", fmt.Errorf("packets of more than %d bytes vanish without a word", found)
}

// meter sends pings of any size that nobody may fragment.
type meter struct {
	conn   net.PacketConn
	target netip.Addr
	wait   time.Duration
	id     uint16
	seq    uint16
	cookie uint64
	told   bool // somebody said that a packet was too large
	hint   int  // the size that would pass, as somebody said; 0: nobody did
}

func newMeter(ctx context.Context, line Line, target netip.Addr, wait time.Duration) (*meter, error) {
	config := net.ListenConfig{Control: func(network, address string, c syscall.RawConn) error {
		if err := line.Control(network, address, c); err != nil {
			return err
		}
		return whole(c)
	}}
	conn, err := config.ListenPacket(ctx, "ip4:icmp", "0.0.0.0")
	if err != nil {
		return nil, fmt.Errorf("open a ping socket: %w", err)
	}
	return &meter{conn: conn, target: target, wait: wait, id: uint16(rand.Uint32()), cookie: rand.Uint64()}, nil
}

// whole has the socket's packets never fragmented, whatever the kernel believes of the path (ip(7), IP_PMTUDISC_PROBE).
func whole(c syscall.RawConn) error {
	var err error
	if outer := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
	}); outer != nil {
		return outer
	}
	return err
}

// search returns the largest size up to most that passes.
func (m *meter) search(ctx context.Context, most int) (int, error) {
	if most <= smallest || m.passes(ctx, most) {
		return most, nil
	}
	if m.hint > 0 && m.hint < most && m.passes(ctx, m.hint) {
		return m.hint, nil
	}
	if !m.passes(ctx, smallest) {
		return 0, errors.New("large pings are not answered at all")
	}
	good, bad := smallest, most
	for bad-good > 1 {
		if ctx.Err() != nil {
			return 0, errors.New("no time was left to find the largest packet")
		}
		if middle := (good + bad) / 2; m.passes(ctx, middle) {
			good = middle
		} else {
			bad = middle
		}
	}
	return good, nil
}

// passes reports whether a packet of a size is answered.
func (m *meter) passes(ctx context.Context, size int) bool {
	for range tries {
		if ctx.Err() != nil {
			return false
		}
		m.seq++
		if err := m.send(size); err != nil {
			m.told = m.told || errors.Is(err, unix.EMSGSIZE)
			return false
		}
		answered, toobig := m.hear(time.Now().Add(m.wait))
		if answered || toobig {
			return answered
		}
	}
	return false
}

func (m *meter) send(size int) error {
	data := make([]byte, size-overhead)
	binary.BigEndian.PutUint64(data, m.cookie)
	packet, err := (&icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: int(m.id), Seq: int(m.seq), Data: data}}).Marshal(nil)
	if err != nil {
		return err
	}
	_, err = m.conn.WriteTo(packet, &net.IPAddr{IP: m.target.AsSlice()})
	return err
}

// hear waits for the answer to the newest ping, or for somebody who says that it was too large.
func (m *meter) hear(until time.Time) (answered, toobig bool) {
	_ = m.conn.SetReadDeadline(until)
	buffer := make([]byte, 9216)
	for {
		n, from, err := m.conn.ReadFrom(buffer)
		if err != nil {
			return false, false
		}
		source, _ := netip.ParseAddr(from.String())
		switch b := buffer[:n]; {
		case m.ours(b) && source == m.target:
			return true, false
		case m.refused(b):
			m.told = true
			return false, true
		}
	}
}

// ours reports whether a message is the answer to the newest ping.
func (m *meter) ours(b []byte) bool {
	return len(b) >= 16 && b[0] == byte(ipv4.ICMPTypeEchoReply) && binary.BigEndian.Uint16(b[4:]) == m.id &&
		binary.BigEndian.Uint16(b[6:]) == m.seq && binary.BigEndian.Uint64(b[8:]) == m.cookie
}

// refused reports whether a message says that a ping of ours was too large to pass (RFC 1191 §4), and remembers what would.
func (m *meter) refused(b []byte) bool {
	const header, inner, fragmentation = 8, ipv4.HeaderLen, 4
	if len(b) < header+inner+header || b[0] != byte(ipv4.ICMPTypeDestinationUnreachable) || b[1] != fragmentation {
		return false
	}
	if quoted := b[header+inner:]; quoted[0] != byte(ipv4.ICMPTypeEcho) || binary.BigEndian.Uint16(quoted[4:]) != m.id {
		return false
	}
	if hint := int(binary.BigEndian.Uint16(b[6:])); hint >= smallest {
		m.hint = hint
	}
	return true
}
