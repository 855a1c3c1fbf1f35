package kernel

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// eachTracked reads every conntrack entry into the buffer, one after the other.
func eachTracked(ctx context.Context, buffer []byte, take func(*tracked)) error {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return fmt.Errorf("open conntrack: %w", err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second)) // the kernel answers at once; this only bounds one that does not
	all := netlink.Message{Header: netlink.Header{Type: trackGet, Flags: netlink.Request | netlink.Dump}, Data: make([]byte, netfilterStart)}
	if _, err = c.Send(all); err != nil {
		return fmt.Errorf("list flows: %w", err)
	}
	raw, err := c.SyscallConn()
	for done := false; err == nil && !done; {
		done, err = readDump(raw, buffer, take)
	}
	if err != nil {
		return fmt.Errorf("list flows: %w", err)
	}
	return nil
}

// readDump reads one piece of a dump.
func readDump(raw syscall.RawConn, buffer []byte, take func(*tracked)) (done bool, err error) {
	var n int
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, _, failed = unix.Recvfrom(int(fd), buffer, unix.MSG_DONTWAIT)
		return failed != unix.EAGAIN && failed != unix.EINTR
	})
	if err = errors.Join(err, failed); err != nil {
		return true, err
	}
	for h, body := range netlinkMessages(buffer[:n]) {
		switch h.Type {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			return true, unix.Errno(-int32(value(body)))
		default:
			t := readTracked(body)
			take(&t)
		}
	}
	return false, nil
}
