package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/vrrp"
)

// downPause is how often the wire of an interface that went down looks whether it still exists. Chosen by us: the
// cable of a house is out for seconds, and four looks a second cost nothing.
const downPause = 250 * time.Millisecond

// wire is one interface below addresses and firewall: a packet socket that hears, one that sends past every queue, one
// that waits for a first sign of life, one for other users of virtual addresses, and sockets that are only there to be open.
type wire struct {
	name    string
	index   int
	in, out *os.File
	poll    poll
	alive   *os.File
	living  chan struct{}
	claims  *os.File
	guarded atomic.Pointer[[]netip.Addr]
	idle    []*os.File
	routed  map[bool]*os.File // for whole IP packets; true: IPv4

	lost    atomic.Bool // the interface is gone
	closing sync.Once
}

// poll is one read that does not wait. Its parts are kept, so that reading a frame allocates nothing.
type poll struct {
	mu    sync.Mutex
	conn  syscall.RawConn
	read  func(fd uintptr)
	frame []byte
	n     int
	err   error
}

func (p *poll) open(f *os.File) (err error) {
	p.read = func(fd uintptr) { p.n, p.err = unix.Read(int(fd), p.frame) }
	p.conn, err = f.SyscallConn()
	return err
}

func (p *poll) into(frame []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frame = frame
	defer func() { p.frame = nil }()
	if p.conn.Control(p.read) != nil {
		return 0, os.ErrClosed
	}
	return p.n, p.err
}

// Open implements vrrp.Kernel. The wire's only goroutine ends with the first frame, or with Close.
func (v *Virtual) Open(device string) (vrrp.Wire, error) {
	w := &wire{name: device, living: make(chan struct{}), routed: make(map[bool]*os.File, 2)}
	if err := w.open(); err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("open interface %s for vrrp: %w", device, err)
	}
	go w.listen()
	return w, nil
}

func (w *wire) open() (err error) {
	if w.index, err = indexOf(w.name); err != nil {
		return err
	}
	mac, err := macOf(w.name)
	if err != nil {
		return err
	}
	if w.in, err = packetSocket(w.index, adverts()); err != nil {
		return err
	}
	if err = w.poll.open(w.in); err != nil {
		return err
	}
	if w.out, err = sender(w.index); err != nil {
		return err
	}
	if w.alive, err = packetSocket(w.index, forwarded(mac)); err != nil {
		return err
	}
	if w.claims, err = packetSocket(w.index, dropAll()); err != nil {
		return err
	}
	return errors.Join(enlarge(w.in), accept(w.in, w.index), w.openRouted(), w.openIdle())
}

func (w *wire) openRouted() error {
	v4, err := unicast(unix.AF_INET)
	if err != nil {
		return err
	}
	w.routed[true] = v4
	if v6, err := unicast(unix.AF_INET6); err == nil { // else there is no IPv6, and nobody will ask
		w.routed[false] = v6
	}
	return nil
}

func (w *wire) openIdle() error {
	groups, err := joined(w.index)
	if err != nil {
		return err
	}
	w.idle = groups
	raw, err := deaf()
	w.idle = append(w.idle, raw...)
	return err
}

// enlarge gives a socket room for a flood, and a way into the first band should it have to send.
func enlarge(f *os.File) error {
	return control(f, func(fd int) error {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, floodBuffer) != nil { // a container may lack the right
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, floodBuffer)
		}
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, lastPriority)
	})
}

// Receive implements vrrp.Wire. It returns an error once the interface is gone, also when another has its name.
func (w *wire) Receive(frame []byte) (int, error) {
	n, err := w.read(w.in, frame)
	if err != nil {
		return 0, fmt.Errorf("receive on %s: %w", w.name, err)
	}
	return n, nil
}

// read waits for a frame. The kernel wakes it when the interface goes down but not when it vanishes after that, so that
// it has to look by itself until a frame shows that the interface is back.
func (w *wire) read(f *os.File, frame []byte) (int, error) {
	for down := false; ; {
		if w.lost.Load() {
			return 0, unix.ENODEV
		}
		n, err := f.Read(frame)
		switch {
		case err == nil:
			if down {
				err = f.SetReadDeadline(time.Time{})
			}
			return n, err
		case !errors.Is(err, unix.ENETDOWN) && !errors.Is(err, os.ErrDeadlineExceeded):
			return 0, err
		case w.gone():
			return 0, unix.ENODEV
		}
		down = true
		if err := f.SetReadDeadline(time.Now().Add(downPause)); err != nil {
			return 0, err
		}
	}
}

// Poll implements vrrp.Wire.
func (w *wire) Poll(frame []byte) (int, error) {
	n, err := w.poll.into(frame)
	switch {
	case w.lost.Load():
		err = unix.ENODEV
	case err == nil:
		return n, nil
	case err == unix.EAGAIN, err == unix.EINTR, err == unix.ENETDOWN && !w.gone():
		return 0, nil
	}
	return 0, fmt.Errorf("receive on %s: %w", w.name, err)
}

// gone reports whether the kernel has cut the socket off because its interface no longer exists. A socket of an
// interface that is merely down keeps its index.
func (w *wire) gone() bool {
	gone := true
	_ = control(w.in, func(fd int) error {
		name, err := unix.Getsockname(fd)
		if l, ok := name.(*unix.SockaddrLinklayer); ok && err == nil {
			gone = l.Ifindex != w.index
		}
		return err
	})
	if gone {
		w.lost.Store(true)
	}
	return gone
}

// Transmit implements vrrp.Wire. Past the queue a busy driver drops frames; these get a second chance in the queue's
// first band.
func (w *wire) Transmit(frame []byte) error {
	write := func(fd int) error { _, err := unix.Write(fd, frame); return err }
	err := control(w.out, write)
	if errors.Is(err, unix.ENOBUFS) {
		err = control(w.in, write)
	}
	if err != nil {
		return fmt.Errorf("send on %s: %w", w.name, err)
	}
	return nil
}

// Unicast implements vrrp.Wire.
func (w *wire) Unicast(packet []byte, to netip.Addr) error {
	to = to.Unmap()
	socket, there := w.routed[to.Is4()]
	if !there {
		return fmt.Errorf("send to %s: %w", to, unix.EAFNOSUPPORT)
	}
	address := sockaddr(to, w.index)
	err := control(socket, func(fd int) error { return unix.Sendto(fd, packet, unix.MSG_DONTWAIT, address) })
	if err != nil {
		return fmt.Errorf("send to %s: %w", to, err)
	}
	return nil
}

// Alive implements vrrp.Wire.
func (w *wire) Alive() <-chan struct{} { return w.living }

// listen waits for the first frame and gives the socket up: later ones would only cost time.
func (w *wire) listen() {
	defer w.alive.Close()
	if _, err := w.read(w.alive, make([]byte, etherHeader)); err == nil {
		close(w.living)
	}
}

// Close implements vrrp.Wire. It ends a Receive.
func (w *wire) Close() error {
	w.closing.Do(func() {
		for _, f := range []*os.File{w.in, w.out, w.alive, w.claims, w.routed[true], w.routed[false]} {
			if f != nil {
				_ = f.Close()
			}
		}
		shut(w.idle)
	})
	return nil
}
