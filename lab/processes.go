package lab

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// processes are the ids of all programs in the box's namespace, whoever started them: a sentinel has left its
// daemon's session and outlives it.
func (b *Box) processes() ([]int, error) { return processesIn(b.space) }

func processesIn(n *sandbox.Namespace) ([]int, error) {
	var here, there unix.Stat_t
	if err := n.Do(func() error { return unix.Stat("/proc/thread-self/ns/net", &here) }); err != nil {
		return nil, err
	}
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var all []int
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil || pid == os.Getpid() {
			continue
		}
		// One that has ended has no namespace any more.
		if unix.Stat(name+"/ns/net", &there) == nil && there.Ino == here.Ino && there.Dev == here.Dev {
			all = append(all, pid)
		}
	}
	return all, nil
}

// Sentinels are the ids of the box's sentinels.
func (b *Box) Sentinels() ([]int, error) {
	all, err := b.processes()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(pid int) bool {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		words := bytes.Split(line, []byte{0})
		return err != nil || len(words) < 2 || string(words[1]) != "sentinel"
	}), nil
}

// SignalAll sends a signal to every program of the box.
func (b *Box) SignalAll(s syscall.Signal) error {
	all, err := b.processes()
	if err != nil {
		return err
	}
	return b.signalEach(all, s)
}

// SignalSentinel sends a signal to the box's sentinel only.
func (b *Box) SignalSentinel(s syscall.Signal) error {
	all, err := b.Sentinels()
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s of %s's sentinel: there is none", s, b.Name)
	}
	if err != nil {
		return err
	}
	return b.signalEach(all, s)
}

func (b *Box) signalEach(pids []int, s syscall.Signal) error {
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("%s process %d of %s: %w", s, pid, b.Name, err)
		}
	}
	return nil
}

// Freeze stops every program of the box (SIGSTOP), its scripts included.
func (b *Box) Freeze() error { return b.SignalAll(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (b *Box) Thaw() error { return b.SignalAll(syscall.SIGCONT) }

// KillAll ends every program of the box at once (SIGKILL) and waits for their end.
func (b *Box) KillAll() error {
	// Stopped first, none starts another one that would be missed.
	if err := b.Freeze(); err != nil {
		return err
	}
	for end := time.Now().Add(patience); ; time.Sleep(look / 5) {
		all, err := b.processes()
		if err != nil {
			return err
		}
		if len(all) == 0 {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("kill %s: processes %v do not end", b.Name, all)
		}
		if err := b.signalEach(all, syscall.SIGKILL); err != nil {
			return err
		}
	}
	if b.daemon != nil {
		b.daemon.kill()
	}
	return nil
}
