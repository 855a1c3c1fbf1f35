package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Guest is a machine that is switched on. It goes off with the context of its start, after its limit, and with Close.
type Guest struct {
	Console *Console
	Oopses  int // emulation faults that Boot has hidden by starting again

	powered time.Time
	cmd     *exec.Cmd
	stop    context.CancelFunc
	dir     string
	talk    *talk
	monitor *monitor
	off     chan struct{} // closed when QEMU has ended
	err     error         // how; for readers of off
	tidy    sync.Once
}

// Start powers the machine on and returns at once. The guest lives no longer than the context.
func (m Machine) Start(ctx context.Context) (*Guest, error) {
	limit := m.Limit
	if limit == 0 {
		limit = usualLimit
	}
	dir, err := os.MkdirTemp("", "vm-")
	if err != nil {
		return nil, fmt.Errorf("start machine: %w", err)
	}
	g := &Guest{dir: dir, powered: time.Now(), off: make(chan struct{})}
	ctx, g.stop = context.WithTimeout(ctx, limit)
	g.Console = newConsole(g.powered)
	if err := g.start(ctx, m); err != nil {
		g.stop()
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("start machine: %w", err)
	}
	return g, nil
}

func (g *Guest) start(ctx context.Context, m Machine) error {
	vars := filepath.Join(g.dir, "vars")
	if m.Arch == AMD64 && m.Firmware == UEFI {
		empty, err := os.ReadFile(ovmfVars)
		if err != nil {
			return fmt.Errorf("%w\nhint: install the Debian package ovmf", err)
		}
		if err := os.WriteFile(vars, empty, 0o600); err != nil {
			return err
		}
	}
	args, err := m.arguments(vars)
	if err != nil {
		return err
	}
	agent, agentEnd, err := pair()
	if err != nil {
		return err
	}
	defer agentEnd.Close()
	control, controlEnd, err := pair()
	if err != nil {
		return err
	}
	defer controlEnd.Close()
	g.cmd = exec.CommandContext(ctx, m.program(), args...)
	g.cmd.Stdout, g.cmd.Stderr = g.Console, g.Console
	g.cmd.ExtraFiles = []*os.File{agentEnd, controlEnd}
	for _, n := range m.NICs {
		g.cmd.ExtraFiles = append(g.cmd.ExtraFiles, n.Tap)
	}
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	g.talk, g.monitor = newTalk(agent, g.off), newMonitor(control)
	return g.launch()
}

// launch runs QEMU in a goroutine that keeps its thread: the kernel takes the thread that has started a program for
// its parent, and ends the program with it (prctl(2), PR_SET_PDEATHSIG).
func (g *Guest) launch() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := g.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		g.err = g.cmd.Wait()
		g.talk.close()
		g.monitor.close()
		close(g.off)
	}()
	err := <-started
	if err != nil {
		g.talk.close()
		g.monitor.close()
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w\nhint: install the Debian packages qemu-system-x86 and qemu-system-arm", err)
	}
	return err
}

// pair is a socket with two ends, one for us and one for QEMU.
func pair() (ours net.Conn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	mine := os.NewFile(uintptr(fds[0]), "host")
	defer mine.Close() // FileConn makes a copy
	theirs = os.NewFile(uintptr(fds[1]), "qemu")
	if ours, err = net.FileConn(mine); err != nil {
		_ = theirs.Close()
	}
	return ours, theirs, err
}

// Powered is when the machine was switched on.
func (g *Guest) Powered() time.Time { return g.powered }

// Off reports whether the machine is switched off.
func (g *Guest) Off() bool {
	select {
	case <-g.off:
		return true
	default:
		return false
	}
}

// Wait waits until the machine has switched itself off. An end of QEMU for another reason is an error.
func (g *Guest) Wait(ctx context.Context) error {
	select {
	case <-g.off:
		if g.err != nil {
			return fmt.Errorf("the machine ended: %w\n%s", g.err, g.Console.Tail(shown))
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the machine to switch off: %w\n%s", ctx.Err(), g.Console.Tail(shown))
	}
}

// shown is how many lines of the console an error brings.
const shown = 60

// Kill cuts the power (SIGKILL to QEMU): what the guest's disks were not given is lost.
func (g *Guest) Kill() {
	_ = g.cmd.Process.Kill() // ended already: that is what we want
	<-g.off
}

// Reset presses the button: the machine starts again, and what it had in memory is lost.
func (g *Guest) Reset(ctx context.Context) error {
	return g.monitor.command(ctx, "system_reset", nil)
}

// SetCarrier pulls the cable of a network socket, or plugs it in again.
func (g *Guest) SetCarrier(ctx context.Context, nic string, up bool) error {
	return g.monitor.command(ctx, "set_link", map[string]any{"name": nic, "up": up})
}

// Close cuts the power, if it is still on, and removes what the machine leaves. It may be called twice.
func (g *Guest) Close() {
	g.tidy.Do(func() {
		g.Kill()
		g.stop()
		_ = os.RemoveAll(g.dir)
	})
}
