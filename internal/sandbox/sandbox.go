// Package sandbox keeps everything that plays with networks away from the machine's own.
//
// Enter re-executes the program in network, mount and process namespaces of its own (and a user
// namespace when it is not root). Whatever it creates there ends with it: interfaces, rules, mounts
// and every process it started.
package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

const variable = "TWINPATH_SANDBOX"

// Inside reports whether Enter has entered: files that are to be passed in are opened before.
func Inside() bool { return os.Getenv(variable) != "" }

// Enter runs the rest of the program inside the sandbox. In the outer process it returns the inner
// one's exit status and true: the caller exits with it. In the inner process it returns false, and the
// files of the outer one are open there as 3, 4 ….
func Enter(files ...*os.File) (status int, outer bool, err error) {
	if Inside() {
		return 0, false, furnish()
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = files
	host, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return 1, true, err
	}
	cmd.Env = append(os.Environ(), variable+"="+host)
	cmd.SysProcAttr = attributes()
	// An interrupt from the terminal reaches the inner process by itself; this one only must outlive it.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 1, true, fmt.Errorf("open a sandbox: %w (needs root, or unprivileged user namespaces)", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s)
		case err := <-done:
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				return max(exit.ExitCode(), 1), true, nil
			}
			return 0, true, err
		}
	}
}

func attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Geteuid() != 0 {
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return a
}

// furnish gives the inner process its own /proc and /run and a working loopback.
func furnish() error {
	if err := Check(); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, m := range [][3]string{{"proc", "/proc"}, {"tmpfs", "/run", "mode=755"}} {
		if err := unix.Mount(m[0], m[1], m[0], 0, m[2]); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m[0], m[1], err)
		}
	}
	if err := os.Mkdir(directory, 0o755); err != nil {
		return err
	}
	return loopback()
}

// Check refuses to go on in the network namespace that Enter was called from.
func Check() error {
	host := os.Getenv(variable)
	here, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	if host == "" || host == here {
		return errors.New("this would change the machine's own network: it only runs inside the sandbox (sandbox.Enter)")
	}
	return nil
}

// Tests runs a test binary's tests inside the sandbox: os.Exit(sandbox.Tests(m.Run)) in TestMain.
func Tests(run func() int) int {
	status, outer, err := Enter()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if outer {
		return status
	}
	return run()
}
