package lab

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// roomy lets a socket keep what arrives while a busy machine does not let its reader run: what the lab itself drops would be counted as lost
// by the routers. Without the privilege the usual quarter of a megabyte must do.
func roomy(conn syscall.Conn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	const room = 8 << 20 // ten thousand small datagrams
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) })
}
