package ddns

import (
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// hidden is a file without a name: who runs inadyn reads it, and nobody else finds it, on the disk or in the arguments.
func hidden(text string) (*os.File, error) {
	fd, err := unix.MemfdCreate("inadyn.conf", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "inadyn.conf")
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// nobody is the account that inadyn gets, which talks to strangers; nil, this one, where we cannot become another.
func nobody() *syscall.Credential {
	u, err := user.Lookup("nobody")
	if os.Geteuid() != 0 || err != nil || !whole() {
		return nil
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		return nil
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// whole reports whether all accounts are there: a user namespace of somebody else has its own only (user_namespaces(7)).
func whole() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	fields := strings.Fields(string(text))
	return err == nil && len(fields) == 3 && fields[0] == "0" && fields[2] == "4294967295"
}
