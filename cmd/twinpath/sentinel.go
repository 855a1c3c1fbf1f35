package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
	"github.com/twinpath/twinpath/vrrp/sentinel"
)

// runSentinel is "twinpath sentinel", which only the daemon starts: the process that speaks VRRP and outlives it.
func runSentinel(ctx context.Context, args []string, std stdio) error {
	flags := flag.NewFlagSet("sentinel", flag.ContinueOnError)
	socket := flags.String("socket", sentinelSocket(socketPath), "")
	state := flags.String("state", stateDir, "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(std.err, nil)).With("process", "sentinel")
	if err := urgent(); err != nil {
		log.Warn("no real-time priority: a busy machine may delay adverts", "err", err)
	}
	// One thread runs Go code at a time: waking a second one costs more than an advert. Who waits for the kernel is not counted.
	runtime.GOMAXPROCS(1)
	_ = os.WriteFile("/proc/self/comm", []byte("twinpath-vrrp"), 0o644) // for ps; else it is called "exe"
	stamps := sentinel.NewStamps(*state, log)
	s := &sentinel.Sentinel{
		Path: *socket, Version: version, Leave: ctx.Done(), Log: log,
		Engine: func(past []vrrp.Past) *vrrp.Engine {
			return vrrp.NewEngine(kernel.NewVirtual(log), stamps.Next, past, log)
		},
	}
	// The process ends when its last address is let go of, so the tasks have a context of their own.
	group, tasks := errgroup.WithContext(context.Background())
	tasks, cancel := context.WithCancel(tasks)
	defer cancel()
	group.Go(func() error { return stamps.Run(tasks) })
	group.Go(func() error {
		defer cancel()
		return s.Run(tasks)
	})
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// urgentMark tells the program that it has been through urgent already.
const urgentMark = "TWINPATH_URGENT"

// urgent runs the program anew with real-time priority, which every thread of the runtime then inherits: adverts leave in
// time on a machine that is busy with something else (sched(7)). The last process to be sacrificed, too.
func urgent() error {
	if os.Getenv(urgentMark) != "" {
		return os.Unsetenv(urgentMark)
	}
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("-900"), 0o644) // where it is refused, it is refused
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		return err
	}
	return syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), urgentMark+"=1"))
}

// sentinelSocket is the sentinel's socket beside the daemon's.
func sentinelSocket(socket string) string { return strings.TrimSuffix(socket, ".sock") + ".sentinel" }

// newLink is the daemon's end of a sentinel. The router is set later: it needs the link as a port.
func newLink(socket, state string, log *slog.Logger) *sentinel.Link {
	l := sentinel.NewLink()
	l.Path, l.Version, l.Log, l.Linger = sentinelSocket(socket), version, log, linger
	l.Command = func() *exec.Cmd {
		// Not by its path, where another version may be by now.
		cmd := exec.Command("/proc/self/exe", "sentinel", "--socket", l.Path, "--state", state)
		cmd.Args[0] = "twinpath"
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		return cmd
	}
	return l
}

// connect makes the router the link's daemon.
func connect(l *sentinel.Link, r *router.Router) {
	l.Alive = r.Alive
	l.Status = func(s vrrp.Status) { r.Tell(router.VRRPSeen{Status: s}) }
	l.Reports = func(all []vrrp.Report) { r.Tell(router.VRRPTold{Reports: all}) }
}

// linger is how long the sentinel waits for the next daemon: systemd may be about to start one (SIGTERM), an owner who
// presses Ctrl-C is not.
func linger(cause error) time.Duration {
	if cause != nil && strings.HasPrefix(cause.Error(), os.Interrupt.String()) { // signal.NotifyContext has it say so
		return 0
	}
	return sentinel.Linger
}
