package vm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// run keeps the machine on until it is switched off. At each restart of the guest QEMU starts anew, with the same disks: after a
// reset of its own it writes for minutes over pages of memory from which it has run code before (seen with QEMU 7.2, 2026-11-21).
// Errors of the first start go to started.
//
// It keeps its thread: the kernel takes the thread that has started a program for its parent, and ends the program with it
// (prctl(2), PR_SET_PDEATHSIG).
func (g *Guest) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := g.powerOn()
	started <- err
	if err != nil {
		return
	}
	for again := true; again; {
		g.replug()
		g.err = g.cmd.Wait()
		again = g.control().restarting() && !g.machine.Once && g.life.Err() == nil
		g.control().close()
		if again {
			if err := g.powerOn(); err != nil {
				g.err, again = err, false
			}
		}
	}
	g.talk.close()
	close(g.off)
}

var errKilled = errors.New("the power was cut")

// powerOn starts QEMU.
func (g *Guest) powerOn() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.killed {
		return errKilled
	}
	args, err := g.machine.arguments(g.vars(), g.powered)
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
		return errors.Join(err, agent.Close())
	}
	defer controlEnd.Close()
	cmd := exec.CommandContext(g.life, g.machine.program(), args...)
	cmd.Stdout, cmd.Stderr = g.Console, g.Console
	cmd.ExtraFiles = []*os.File{agentEnd, controlEnd}
	for _, n := range g.machine.NICs {
		cmd.ExtraFiles = append(cmd.ExtraFiles, n.Tap)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, agent.Close(), control.Close())
	}
	g.cmd, g.monitor = cmd, newMonitor(control)
	g.talk.attach(agent)
	return nil
}

// replug has the monitor say why QEMU ends, and pulls the cables that were pulled before a restart. Its errors are those of a QEMU
// that ends.
func (g *Guest) replug() {
	q := g.control()
	if err := q.command(g.life, "query-status", nil); err != nil {
		fmt.Fprintf(g.Console, "QEMU does not answer: %v\n", err)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for nic, out := range g.unplugged {
		if out {
			_ = q.command(g.life, "set_link", map[string]any{"name": nic, "up": false})
		}
	}
}

func (g *Guest) control() *monitor {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.monitor
}
