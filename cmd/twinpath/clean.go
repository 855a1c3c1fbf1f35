package main

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/lan"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp/sentinel"
)

// cleanup is also what ends the service when it is stopped, and not restarted (twinpath-cleanup.service): the sentinel says
// good-bye first, while what the house's packets need is still there.
func cleanup(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("cleanup")
	state := flags.String("state", stateDir, "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(std.err, nil))
	var left error
	if !answers(*socket) {
		left = sentinel.End(ctx, sentinelSocket(*socket))
		lan.EndLeftover(*state, log) // of a daemon that was killed
		endSessions(*socket, router.Config{}, log)
	}
	return errors.Join(left, kernel.New(log).Cleanup())
}

// answers reports whether a daemon serves the socket: its sentinel is in use.
func answers(socket string) bool {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
