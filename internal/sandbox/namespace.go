package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

const directory = "/run/netns" // as iproute2 has it: "ip netns exec NAME …" works too

// Namespace is one network namespace inside the sandbox: a host of its own.
type Namespace struct{ Name string }

// Add creates a namespace with its loopback up.
func Add(name string) (*Namespace, error) {
	if err := Check(); err != nil {
		return nil, err
	}
	path := filepath.Join(directory, name)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return nil, fmt.Errorf("add namespace %s: %w", name, err)
	}
	_ = file.Close()
	err = locked(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := loopback(); err != nil {
			return err
		}
		return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
	})
	if err != nil {
		return nil, fmt.Errorf("add namespace %s: %w", name, err)
	}
	return &Namespace{Name: name}, nil
}

// Remove takes the namespace's name away. Its interfaces go with the last socket and process in it.
func (n *Namespace) Remove() error {
	path := filepath.Join(directory, n.Name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("remove namespace %s: %w", n.Name, err)
	}
	return os.Remove(path)
}

// Do runs f on a thread inside the namespace. Sockets that f opens stay there; goroutines that it starts do not.
func (n *Namespace) Do(f func() error) error {
	file, err := os.Open(filepath.Join(directory, n.Name))
	if err != nil {
		return err
	}
	defer file.Close()
	return locked(func() error {
		if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter namespace %s: %w", n.Name, err)
		}
		return f()
	})
}

// locked runs f on a thread that ends with it, so that its namespace leaks to nobody.
func locked(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread with the goroutine
		done <- f()
	}()
	return <-done
}

// Start starts a program inside the namespace.
func (n *Namespace) Start(cmd *exec.Cmd) error { return n.Do(cmd.Start) }

// Run runs a command line inside the namespace and returns what it printed.
// Words are split at spaces; an error carries the output.
func (n *Namespace) Run(line string) (string, error) {
	words := strings.Fields(line)
	cmd := exec.Command(words[0], words[1:]...)
	return n.output(cmd, line)
}

// Feed is Run with text on standard input: n.Feed("nft -f -", rules).
func (n *Namespace) Feed(line, text string) (string, error) {
	words := strings.Fields(line)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin = strings.NewReader(text)
	return n.output(cmd, line)
}

func (n *Namespace) output(cmd *exec.Cmd, line string) (string, error) {
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := n.Do(cmd.Start); err != nil {
		return "", fmt.Errorf("%s: %s: %w", n.Name, line, err)
	}
	if err := cmd.Wait(); err != nil {
		return out.String(), fmt.Errorf("%s: %s: %w: %s", n.Name, line, err, strings.TrimSpace(out.String()))
	}
	return out.String(), nil
}

// loopback switches the calling thread's "lo" on.
func loopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request)
}
