package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// PairNet opens the sockets of the link between two routers: bound to the LAN's device, and ended by the kernel within three seconds when the
// other box is dead, whether something is under way or not.
type PairNet struct{}

// alive asks the other box each second; what is not answered for 2.5 s, probe or data, ends the connection (tcp(7), TCP_USER_TIMEOUT).
var alive = net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 3}

const unanswered = 2500 // ms

// Listen waits for calls to an address that need not be there yet.
func (PairNet) Listen(device string, at netip.AddrPort) (net.Listener, error) {
	config := net.ListenConfig{KeepAliveConfig: alive, Control: pairControl(device, at.Addr())}
	config.SetMultipathTCP(false)
	return config.Listen(context.Background(), "tcp", at.String())
}

// Dial calls the other router.
func (PairNet) Dial(ctx context.Context, device string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{
		KeepAliveConfig: alive, Control: pairControl(device, from),
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)),
	}
	dialer.SetMultipathTCP(false)
	return dialer.DialContext(ctx, "tcp", to.String())
}

func pairControl(device string, own netip.Addr) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		outer := c.Control(func(fd uintptr) {
			err = errors.Join(bind(int(fd), device, 0), early(int(fd), own))
			if e := unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, unanswered); e != nil {
				err = errors.Join(err, fmt.Errorf("bound the time without an answer: %w", e))
			}
		})
		return errors.Join(outer, err)
	}
}
