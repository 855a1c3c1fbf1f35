package cage

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rules is struct landlock_ruleset_attr; how much of it a kernel knows depends on its version.
type rules struct{ files, ports, scope uint64 }

// port is struct landlock_net_port_attr: packed, as its fields are.
type port struct{ allowed, number uint64 }

// What the versions of Landlock can keep a process from (landlock(7)). Later ones know more than this package.
const (
	filesFirst  = unix.LANDLOCK_ACCESS_FS_REFER - 1 // version 1 has the thirteen before
	filesSecond = filesFirst | unix.LANDLOCK_ACCESS_FS_REFER
	filesThird  = filesSecond | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	filesFifth  = filesThird | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV

	ruleOfPort = 2 // LANDLOCK_RULE_NET_PORT
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

// noFiles forbids every file and every TCP port but those to connect to. It returns the version of Landlock, 0 when there is
// none: not in the kernel, not switched on at boot, or kept from us by a filter of system calls.
func (c Cage) noFiles() (int, error) {
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
	if version >= 4 {
		if err := c.open(set); err != nil {
			return 0, err
		}
	}
	return int(version), everywhere("close the cage by Landlock", unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0)
}

// open makes the exceptions.
func (c Cage) open(set uintptr) error {
	var all []error
	for _, number := range c.Connect {
		p := port{unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, uint64(number)}
		_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, set, ruleOfPort, uintptr(unsafe.Pointer(&p)), 0, 0, 0)
		if errno != 0 {
			all = append(all, fmt.Errorf("allow TCP port %d: %w", number, errno))
		}
	}
	return errors.Join(all...)
}
