package cage

import "golang.org/x/sys/unix"

const (
	architecture = unix.AUDIT_ARCH_ARM
	otherNumbers = 1 << 31 // the private ones, such as set_tls, are far below
)

// older are calls that newer architectures never had.
var older = []uint32{unix.SYS_OPEN, unix.SYS_CREAT, unix.SYS_FORK, unix.SYS_VFORK}
