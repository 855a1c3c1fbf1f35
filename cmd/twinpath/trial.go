package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/image/slot"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// runTrial is "twinpath trial": only the image's unit starts it, once a boot.
func runTrial(ctx context.Context, args []string, std stdio) error {
	flags := flag.NewFlagSet("trial", flag.ContinueOnError)
	socket := flags.String("socket", socketPath, "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	m, err := findImage("/")
	if m.loader == nil {
		return err // what is missing is a part of the image itself
	}
	log := slog.New(slog.NewTextHandler(std.err, nil))
	if err != nil {
		log.Warn("the slots cannot be looked at", "reason", err) // to commit, or to go back, nobody needs the disk
	}
	return newJudge(m, web.NewClient(*socket).Status, log).Run(ctx)
}

func newJudge(m installed, status func(context.Context) (*router.Snapshot, error), log *slog.Logger) *slot.Judge {
	return &slot.Judge{
		Boot: m.boot, Version: m.about.Version, Loader: m.loader, Book: m.book, Restart: rebootForSure, Now: time.Now, Log: log,
		Ailment: func(ctx context.Context, toBeOnline bool) error {
			if m.lost && m.boot.Mode == slot.Trial {
				return errors.New("the data partition cannot be mounted") // the old system could, when it took the update
			}
			return ailment(ctx, status, toBeOnline)
		},
	}
}

// ailment says what keeps the system from being healthy: the daemon is silent, the kernel has not its plan, or the house
// that was online before the update is not.
func ailment(ctx context.Context, status func(context.Context) (*router.Snapshot, error), toBeOnline bool) error {
	s, err := status(ctx)
	switch {
	case err != nil:
		return err
	case s.Kernel.Error != "":
		return fmt.Errorf("the kernel refuses a part of the plan: %s", s.Kernel.Error)
	case toBeOnline && !online(s):
		return fmt.Errorf("the house was online before the update, and is not: %s", s.Sentence)
	}
	return nil
}

// rebootForSure restarts the machine, in good order if that works within a minute and a half: systemd's own patience
// with a service is as long.
func rebootForSure(ctx context.Context) error {
	err := reboot(ctx)
	if err == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(90 * time.Second):
		}
	}
	unix.Sync()
	return errors.Join(err, unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART))
}
