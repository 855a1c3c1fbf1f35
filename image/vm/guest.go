package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Guest is a machine that is switched on. It goes off with the context of its start, after its limit, and with Close.
type Guest struct {
	Console *Console
	Oopses  int // emulation faults that Boot has hidden by starting again

	machine Machine
	powered time.Time
	life    context.Context
	stop    context.CancelFunc
	dir     string
	talk    *talk
	off     chan struct{} // closed when it is off for good
	err     error         // how; for readers of off
	tidy    sync.Once

	mu        sync.Mutex // what a restart replaces
	cmd       *exec.Cmd
	monitor   *monitor
	unplugged map[string]bool // by SetCarrier
	killed    bool
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
	g := &Guest{machine: m, dir: dir, powered: time.Now(), off: make(chan struct{}), unplugged: map[string]bool{}}
	g.life, g.stop = context.WithTimeout(ctx, limit)
	g.Console, g.talk = newConsole(g.powered), newTalk(g.off)
	if err := g.start(); err != nil {
		g.stop()
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("start machine: %w", err)
	}
	return g, nil
}

// vars is the machine's own copy of the UEFI variables.
func (g *Guest) vars() string { return filepath.Join(g.dir, "vars") }

func (g *Guest) start() error {
	if g.machine.Arch == AMD64 && g.machine.Firmware == UEFI {
		empty, err := os.ReadFile(ovmfVars)
		if err != nil {
			return fmt.Errorf("%w\nhint: install the Debian package ovmf", err)
		}
		if err := os.WriteFile(g.vars(), empty, 0o600); err != nil {
			return err
		}
	}
	started := make(chan error)
	go g.run(started)
	err := <-started
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
	g.mu.Lock()
	g.killed = true
	_ = g.cmd.Process.Kill() // ended already: that is what we want
	g.mu.Unlock()
	<-g.off
}

// Reset presses the button: the machine starts again, and what it had in memory is lost.
func (g *Guest) Reset(ctx context.Context) error {
	return g.control().command(ctx, "system_reset", nil)
}

// SetCarrier pulls the cable of a network socket, or plugs it in again.
func (g *Guest) SetCarrier(ctx context.Context, nic string, up bool) error {
	if err := g.control().command(ctx, "set_link", map[string]any{"name": nic, "up": up}); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unplugged[nic] = !up
	return nil
}

// Close cuts the power, if it is still on, and removes what the machine leaves. It may be called twice.
func (g *Guest) Close() {
	g.tidy.Do(func() {
		g.Kill()
		g.stop()
		_ = os.RemoveAll(g.dir)
	})
}
