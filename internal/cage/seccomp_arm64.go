package cage

import "golang.org/x/sys/unix"

const (
	architecture = unix.AUDIT_ARCH_AARCH64
	otherNumbers = 1 << 31 // there are none
)

// older are calls that newer architectures never had.
var older []uint32
