// Package cage takes from this process what it has no use for: a web server that somebody has taken over is to be left with
// nothing but the connections it was given.
//
// Everything here is for good: no way back is in the kernel. What a process already has open stays open.
package cage

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Cage says what is left inside, beside the connections that are open already: nothing can be opened.
type Cage struct {
	Files   uint64 // open at a time
	Threads uint64 // of all processes of this account; 0: as many as before, for an account that is not ours alone
	Nice    int    // at least, 0 to 19, for every thread
}

// Enter shuts the cage for every thread of this process and returns the version of Landlock that helps to, 0 where the kernel has
// none (landlock(7)). An error means that a bar is missing that every kernel has.
func (c Cage) Enter() (landlock int, err error) {
	for _, bar := range []func() error{noPrivileges, c.yield, c.bound} {
		if err := bar(); err != nil {
			return 0, err
		}
	}
	if landlock, err = noFiles(); err != nil {
		return 0, err
	}
	return landlock, errors.Join(noCapabilities(), noCalls())
}

// bound limits what can be used up. A limit of 0 on the size of files means that none can be written.
func (c Cage) bound() error {
	limits := map[int]uint64{unix.RLIMIT_NOFILE: c.Files, unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 0}
	if c.Threads > 0 {
		limits[unix.RLIMIT_NPROC] = c.Threads
	}
	for what, most := range limits {
		if err := unix.Setrlimit(what, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("set resource limit %d to %d: %w", what, most, err)
		}
	}
	return nil
}

// yield lets everybody else go first. In Linux a thread's niceness is its own (setpriority(2)).
func (c Cage) yield() error {
	const kernels = 20 // the kernel's answer is 20 less the niceness
	now, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return fmt.Errorf("be nice: %w", err)
	}
	nice := max(c.Nice, kernels-now) // there is no way back to less
	return everywhere("be nice", unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, uintptr(nice))
}

// noPrivileges keeps programs from giving any, and other processes of the account from reading this one's memory.
func noPrivileges() error {
	if err := everywhere("set no_new_privs", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil { // of the process, not of a thread
		return fmt.Errorf("be closed to debuggers: %w", err)
	}
	return nil
}

// noCapabilities empties every set. The bounding set can only be emptied by who may do it; without new privileges nothing
// comes out of it any more.
func noCapabilities() error {
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		err := everywhere("drop a capability", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, capability, 0)
		if errors.Is(err, unix.EPERM) {
			break
		}
		if err != nil && !errors.Is(err, unix.EINVAL) { // a kernel that does not know it
			return err
		}
	}
	err := everywhere("clear the ambient capabilities", unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0)
	if err != nil {
		return err
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return everywhere("drop all capabilities", unix.SYS_CAPSET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&none[0])), 0)
}

// everywhere makes a system call on every thread, those that come later inherit its effect.
func everywhere(what string, trap, a, b, c uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall6(trap, a, b, c, 0, 0, 0)
	switch errno {
	case 0:
		return nil
	case unix.ENOTSUP:
		return fmt.Errorf("%s: this program is built with cgo, whose threads cannot be reached\nhint: build it with CGO_ENABLED=0", what)
	}
	return fmt.Errorf("%s: %w", what, errno)
}
