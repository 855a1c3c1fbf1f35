package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/pair/pulse"
)

// Beats opens the sockets of signs of life between the two routers of a pair. It implements pulse.Net.
type Beats struct{}

// Open implements pulse.Net.
func (Beats) Open(w pulse.Way) (pulse.Wire, pulse.Prober, error) {
	wire, err := openBeats(w)
	if err != nil {
		return nil, nil, fmt.Errorf("open the socket of signs of life on %s: %w", w.Device, err)
	}
	asker, err := openAsker(w)
	if err != nil {
		_ = wire.Close()
		return nil, nil, fmt.Errorf("open the sockets that ask %s whether it lives on %s: %w", w.Partner, w.Device, err)
	}
	return wire, asker, nil
}

// beatWire is a UDP socket that is connected to the other router: what comes from elsewhere does not wake anybody.
type beatWire struct {
	conn *net.UDPConn
	raw  syscall.RawConn

	look  func(fd uintptr) // made once: a Poll costs no memory
	into  []byte
	found int
	err   error
}

func openBeats(w pulse.Way) (*beatWire, error) {
	d := net.Dialer{
		LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(w.Own, w.Port)),
		Control: func(_, _ string, c syscall.RawConn) error {
			var err error
			return errors.Join(c.Control(func(fd uintptr) { err = errors.Join(bind(int(fd), w.Device, 0), near(int(fd), w.Own)) }), err)
		},
	}
	conn, err := d.DialContext(context.Background(), "udp4", netip.AddrPortFrom(w.Partner, w.Port).String())
	if err != nil {
		return nil, err
	}
	b := &beatWire{conn: conn.(*net.UDPConn)}
	b.look = func(fd uintptr) { b.found, b.err = unix.Read(int(fd), b.into) }
	if b.raw, err = b.conn.SyscallConn(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return b, nil
}

// near keeps a socket's packets in the house, ahead of all others, and lets it have an address that is not there yet.
func near(fd int, own netip.Addr) error {
	return errors.Join(
		early(fd, own),
		unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TTL, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, lastPriority),
	)
}

func (b *beatWire) Send(beat []byte) error {
	_, err := b.conn.Write(beat)
	return err
}

func (b *beatWire) Receive(beat []byte) (int, error) { return b.conn.Read(beat) }

// Poll reads beside a Receive that waits, and past its lock.
func (b *beatWire) Poll(beat []byte) (int, error) {
	b.into, b.found, b.err = beat, 0, nil
	if err := b.raw.Control(b.look); err != nil {
		return 0, err
	}
	if b.into = nil; b.err != nil {
		b.found = 0
	}
	if errors.Is(b.err, unix.EAGAIN) {
		return 0, nil
	}
	return b.found, b.err
}

func (b *beatWire) Close() error { return b.conn.Close() }
