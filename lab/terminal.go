package lab

import (
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// takeTerminal makes this process the one that the terminal belongs to. A shell gives the terminal back to the process
// group it got it from, and cannot name a group from outside the sandbox's process namespace: so we need one inside.
func takeTerminal(in io.Reader) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return
	}
	signal.Ignore(unix.SIGTTOU) // who is in the background may not do this otherwise
	defer signal.Reset(unix.SIGTTOU)
	_ = unix.Setpgid(0, 0) // refused to a session's leader, which has a group already
	_ = unix.IoctlSetPointerInt(int(file.Fd()), unix.TIOCSPGRP, unix.Getpgrp())
}
