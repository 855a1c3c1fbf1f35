package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listen opens a TCP socket for what comes in by one device, to an address of it or, unspecified, to any. The address
// need not be there yet. Whoever gets the file accepts on it.
func Listen(device string, at netip.AddrPort) (*os.File, error) {
	config := net.ListenConfig{Control: func(network, address string, c syscall.RawConn) error {
		var err error
		outer := c.Control(func(fd uintptr) { err = errors.Join(bind(int(fd), device, 0), early(int(fd), at.Addr())) })
		return errors.Join(outer, err)
	}}
	config.SetMultipathTCP(false) // nobody in a house has two ways to its router
	address := at.String()
	if at.Addr().IsUnspecified() {
		address = fmt.Sprintf(":%d", at.Port()) // both families
	}
	listener, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	return listener.(*net.TCPListener).File()
}

// early lets a socket use an address that is not there yet.
func early(fd int, address netip.Addr) error {
	level, free := unix.SOL_IP, unix.IP_FREEBIND
	if address.Is6() && !address.IsUnspecified() {
		level, free = unix.SOL_IPV6, unix.IPV6_FREEBIND
	}
	if err := unix.SetsockoptInt(fd, level, free, 1); err != nil {
		return fmt.Errorf("listen on an address that is not there yet: %w", err)
	}
	return nil
}
