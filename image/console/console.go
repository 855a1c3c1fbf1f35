package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// pause is the least between two texts: a serial line of 115200 baud shows one in 0.2 s, a person reads it in more.
	pause = 5 * time.Second
	// again is when an unchanged text is repeated, for who attaches a serial line later or finds the kernel's messages instead.
	again = 15 * time.Minute
)

// Console shows a state again whenever it changes.
type Console struct {
	Look func(ctx context.Context, now time.Time) State
	Show func(text string) error
	Log  *slog.Logger
}

// Run shows until ctx ends.
func (c *Console) Run(ctx context.Context) error {
	var shown, failed string
	var at time.Time
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		now := time.Now()
		if text := c.Look(ctx, now).Text(); text != shown || now.Sub(at) >= again {
			err := c.Show(text)
			if reason := fmt.Sprint(err); reason != failed {
				failed = reason
				if err != nil {
					c.Log.Warn("not shown everywhere", "err", err)
				}
			}
			shown, at = text, now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// patience is how long a console may take for a text: a serial line whose other end refuses takes for ever.
const patience = 5 * time.Second

// Show writes text to every console of the machine whose root is given: those that the kernel writes to, else /dev/console.
func Show(root, text string) error { return show(root, text, patience) }

func show(root, text string, patience time.Duration) error {
	active, err := os.ReadFile(filepath.Join(root, "sys/class/tty/console/active"))
	names := strings.Fields(string(active))
	if err != nil || len(names) == 0 {
		names = []string{"console"}
	}
	var failed []error
	for _, name := range names {
		if err := write(filepath.Join(root, "dev", name), text, patience); err != nil {
			failed = append(failed, fmt.Errorf("write to console %s: %w", name, err))
		}
	}
	return errors.Join(failed...)
}

func write(device, text string, patience time.Duration) error {
	// Without O_NONBLOCK a serial line would wait for its carrier (tty_ioctl(4)).
	f, err := os.OpenFile(device, os.O_WRONLY|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.SetWriteDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return err
	}
	_, err = f.WriteString(strings.ReplaceAll(text, "\n", "\r\n"))
	return err
}
