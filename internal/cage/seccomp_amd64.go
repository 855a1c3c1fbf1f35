package cage

import "golang.org/x/sys/unix"

// The numbers of x32 begin at otherNumbers.
const (
	architecture = unix.AUDIT_ARCH_X86_64
	otherNumbers = 0x40000000
)

// older are calls that newer architectures never had.
var older = []uint32{unix.SYS_OPEN, unix.SYS_CREAT, unix.SYS_FORK, unix.SYS_VFORK}
