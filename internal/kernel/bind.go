package kernel

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Control keeps a socket on one device and puts a firewall mark on its packets. It fits the Control
// field of net.Dialer and net.ListenConfig. An empty device or a zero mark leaves that half alone.
//
// Both are needed together: the mark chooses the routing table, and the device makes sure that an
// empty table is an error and not a way out by the other line.
func Control(device string, mark uint32) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if outer := c.Control(func(fd uintptr) { err = bind(int(fd), device, mark) }); outer != nil {
			return outer
		}
		return err
	}
}

func bind(fd int, device string, mark uint32) error {
	if device != "" {
		if err := unix.BindToDevice(fd, device); err != nil {
			return fmt.Errorf("bind socket to %s: %w", device, err)
		}
	}
	if mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(mark)); err != nil {
			return fmt.Errorf("mark socket with %#x: %w", mark, err)
		}
	}
	return nil
}
