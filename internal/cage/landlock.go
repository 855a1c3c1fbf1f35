package cage

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rules is struct landlock_ruleset_attr; how much of it a kernel knows depends on its version.
type rules struct{ files, ports, scope uint64 }

// What the versions of Landlock can keep a process from (landlock(7)). Later ones know more than this package.
const (
	filesFirst  = unix.LANDLOCK_ACCESS_FS_REFER - 1 // version 1 has the thirteen before
	filesSecond = filesFirst | unix.LANDLOCK_ACCESS_FS_REFER
	filesThird  = filesSecond | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	filesFifth  = filesThird | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// rulesOf returns everything that a version can forbid, and how many bytes of it the version knows.
func rulesOf(version int) (rules, uintptr) {
	const word = 8
	r, size := rules{files: filesFirst}, uintptr(word)
	if version >= 2 {
		r.files = filesSecond
	}
	if version >= 3 {
		r.files = filesThird
	}
	if version >= 4 {
		r.ports, size = unix.LANDLOCK_ACCESS_NET_BIND_TCP|unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, 2*word
	}
	if version >= 5 {
		r.files = filesFifth
	}
	if version >= 6 {
		r.scope, size = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET|unix.LANDLOCK_SCOPE_SIGNAL, 3*word
	}
	return r, size
}

// noFiles forbids every file and every TCP port. It returns the version of Landlock, 0 when there is
// none: not in the kernel, not switched on at boot, or kept from us by a filter of system calls.
func noFiles() (int, error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, nil
	}
	all, size := rulesOf(int(version))
	set, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&all)), size, 0)
	if errno != 0 {
		return 0, fmt.Errorf("make a Landlock ruleset: %w", errno)
	}
	defer unix.Close(int(set))
	return int(version), everywhere("close the cage by Landlock", unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0)
}
