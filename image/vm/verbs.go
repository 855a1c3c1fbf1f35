package vm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Boot switches the machine on and waits until its agent has spoken. A kernel that stumbles over the emulation, which
// happens on x86 about once in a hundred boots and never on a real processor, is switched off and on once, and counted.
// The context is the guest's life, as with Start.
func (m Machine) Boot(ctx context.Context) (*Guest, error) {
	g, err := m.boot(ctx)
	var stumbled *oopsError
	if m.Arch == AMD64 && errors.As(err, &stumbled) {
		if g, err = m.boot(ctx); err == nil {
			g.Oopses = 1
		}
	}
	return g, err
}

// bootPatience is how long a start may take: an emulated one half a minute, on a busy machine two.
const bootPatience = 4 * time.Minute

// oopsError is a fault of the kernel's own before the agent spoke.
type oopsError struct{ line, console string }

func (e *oopsError) Error() string { return "the kernel stumbled: " + e.line + "\n" + e.console }

func (m Machine) boot(ctx context.Context) (*Guest, error) {
	g, err := m.Start(ctx)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	if _, err := g.AwaitBoot(waiting, 0); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// Boots is every start of the guest's system until now, of which the agent has spoken.
func (g *Guest) Boots() []Boot {
	boots, _ := g.talk.seen()
	return boots
}

// AwaitBoot waits until the agent of the n-th start has spoken; the first is 0.
func (g *Guest) AwaitBoot(ctx context.Context, n int) (Boot, error) {
	const glance = 500 * time.Millisecond // at the console, for an oops: it may go on in silence for ever
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		boots, more := g.talk.seen()
		if len(boots) > n {
			return boots[n], nil
		}
		if line := g.Console.oops(); line != "" {
			return Boot{}, &oopsError{line, g.Console.Tail(shown)}
		}
		select {
		case <-more:
		case <-tick.C:
		case <-g.off:
			return Boot{}, fmt.Errorf("wait for the agent: %w: %v\n%s", errOff, g.err, g.Console.Tail(shown))
		case <-ctx.Done():
			return Boot{}, fmt.Errorf("wait for the agent: %w\n%s", ctx.Err(), g.Console.Tail(shown))
		}
	}
}

// Run runs a shell command in the guest as root and returns what it printed to both of its outputs. It takes as long
// as the context allows, a minute where that says nothing. A status other than 0 is a *StatusError.
func (g *Guest) Run(ctx context.Context, command string) (string, error) {
	return g.talk.run(ctx, command, nil)
}

// Feed is Run with standard input, of 4 MiB at most.
func (g *Guest) Feed(ctx context.Context, command string, input []byte) (string, error) {
	return g.talk.run(ctx, command, input)
}

// Put writes a file of 4 MiB at most into the guest; larger ones travel as a Disk.
func (g *Guest) Put(ctx context.Context, path string, content []byte) error {
	_, err := g.Feed(ctx, "cat >"+Quote(path), content)
	return err
}

// Get reads a file of the guest; of a larger one it is the last 4 MiB.
func (g *Guest) Get(ctx context.Context, path string) ([]byte, error) {
	out, err := g.Run(ctx, "cat "+Quote(path))
	return []byte(out), err
}

// Await runs a command again and again until it succeeds, and returns what it printed then.
func (g *Guest) Await(ctx context.Context, command string) (string, error) {
	const pause = 200 * time.Millisecond // a command takes the emulated processor some 20 ms
	for {
		out, err := g.Run(ctx, command)
		var status *StatusError
		if err == nil || !errors.As(err, &status) {
			return out, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return out, fmt.Errorf("wait for success: %w", err)
		}
	}
}

// Restart starts the guest's system again as its owner does, and waits for it.
func (g *Guest) Restart(ctx context.Context) (Boot, error) {
	n := len(g.Boots())
	if _, err := g.Run(ctx, "systemctl --no-block reboot"); err != nil && !errors.Is(err, errRestarted) {
		return Boot{}, err
	}
	return g.AwaitBoot(ctx, n)
}

// PowerOff switches the guest's system off as its owner does, and waits for it.
func (g *Guest) PowerOff(ctx context.Context) error {
	if _, err := g.Run(ctx, "systemctl --no-block poweroff"); err != nil && !errors.Is(err, errOff) {
		return err
	}
	return g.Wait(ctx)
}

// Quote makes one word of a text for the guest's shell.
func Quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
