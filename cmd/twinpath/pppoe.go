package main

import (
	"log/slog"
	"path/filepath"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/wan"
)

// dialler is the client of a PPPoE line. Its packets before there is a lease are of no WAN yet: the device that they leave by is said.
func (h *household) dialler(a router.Attached) wan.Client {
	return &wan.PPPoE{
		Name: a.Config.Name, Device: a.Device,
		Account: wan.Account{User: a.Config.PPPoE.User, Password: a.Config.PPPoE.Password, Service: a.Config.PPPoE.Service},
		MTU:     a.Config.MTU, NoIPv6: a.Config.NoIPv6,
		Dir:    sessionsDir(h.socket.Path),
		Access: kernel.PPPoE{Device: a.Device, Mark: uint32(firewall.MarkOwn)},
		Report: a.Report,
		Log:    h.log,
	}
}

// sessionsDir is where a daemon keeps the facts of running PPPoE sessions: a restart finds them there, a reboot does not.
func sessionsDir(socket string) string { return filepath.Dir(socket) }

// endSessions ends the PPPoE sessions that an earlier daemon left and this configuration does not want.
func endSessions(socket string, cfg router.Config, log *slog.Logger) {
	wanted := map[string]bool{}
	for _, w := range cfg.WANs {
		wanted[w.Name] = w.Kind == router.PPPoE
	}
	if n := wan.EndSessions(sessionsDir(socket), func(name string) bool { return wanted[name] }); n > 0 {
		log.Info("ended earlier PPPoE sessions", "sessions", n)
	}
}
