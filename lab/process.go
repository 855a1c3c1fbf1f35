package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// look is how often the lab looks for something that announces itself to nobody.
const look = 10 * time.Millisecond

// patience is how long a program may take to start or to stop.
const patience = 10 * time.Second

// process is a program that runs in a namespace, its output in a log file.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

func start(n *sandbox.Namespace, log, name string, args ...string) (*process, error) {
	return startWith(nil, n, log, name, args...)
}

// startWith is start with more in the program's environment.
func startWith(environment []string, n *sandbox.Namespace, log, name string, args ...string) (*process, error) {
	// Appending, for a sentinel of an earlier daemon may write to the same file.
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(append(os.Environ(), "TMPDIR=/run"), environment...) // what a killed program leaves goes with the sandbox
	if err := n.Start(cmd); err != nil {
		return nil, fmt.Errorf("start %s in %s: %w", name, n.Name, err)
	}
	p := &process{name: name, log: log, cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in the log and in ProcessState
	}()
	return p, nil
}

func (p *process) output() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// await waits until ready is true, and no longer than the program lives.
func (p *process) await(ctx context.Context, ready func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("%s ended at once: %s: %s", p.name, p.cmd.ProcessState, tail(p.output()))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %s", p.name, ctx.Err(), tail(p.output()))
		}
	}
	return nil
}

func (p *process) awaitLog(ctx context.Context, word string) error {
	return p.await(ctx, func() bool { return strings.Contains(p.output(), word) })
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("%s %s: %w", s, p.name, err)
	}
	return nil
}

// stop asks the program to end and waits for it.
func (p *process) stop() error {
	if err := p.signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("stop %s: still running after %s: %s", p.name, patience, tail(p.output()))
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // ended already: that is what we want
	<-p.done
}

// tail is the end of a log, enough to see why a program ended.
func tail(text string) string {
	const enough = 2000
	text = strings.TrimSpace(text)
	return text[max(0, len(text)-enough):]
}
