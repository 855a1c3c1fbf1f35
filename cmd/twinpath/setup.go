package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os/user"
	"path"
	"path/filepath"
	"slices"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/image/setup"
	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/wan"
	"github.com/twinpath/twinpath/web"
)

// setupFile is the configuration of setup mode.
const setupFile = "/run/twinpath-image/setup.toml"

// runSetup is "twinpath setup": only the image's unit starts it.
func runSetup(ctx context.Context, args []string, std stdio) error {
	flags := flag.NewFlagSet("setup", flag.ContinueOnError)
	boot := flags.String("config", bootFile, "")
	file := flags.String("file", setupFile, "")
	socket := flags.String("socket", socketPath, "")
	names := flags.String("ports", "", "") // a pattern, instead of every Ethernet port: the lab's are not of hardware
	account := flags.String("dnsmasq-user", dnsmasqUser(), "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if _, err := path.Match(*names, ""); err != nil {
		return usageError(fmt.Sprintf("--ports: %q is not a pattern", *names))
	}
	log := slog.New(slog.NewTextHandler(std.err, nil))
	s := &setup.Setup{
		Boot: *boot, File: *file, Hostname: hostname(), Log: log,
		Ports:   &sockets{Kernel: kernel.New(log), names: *names},
		Sockets: kernel.DHCPSockets{},
		Listen:  listenForPage,
		Dnsmasq: setup.Dnsmasq{Program: "dnsmasq", User: *account, Leases: filepath.Join(filepath.Dir(*file), "setup.leases")},
		Status:  web.NewClient(*socket).Status,
		Reload:  func(context.Context) error { return hangUp(*socket) },
		Ready:   func() { notify(daemon.SdNotifyReady) },
	}
	return s.Run(ctx)
}

// sockets are the machine's Ethernet sockets.
type sockets struct {
	*kernel.Kernel
	names string // a pattern; empty: those of hardware
}

var _ setup.Ports = (*sockets)(nil)

// Links implements setup.Ports.
func (s *sockets) Links() ([]router.Link, error) {
	all, err := s.Kernel.Links()
	return slices.DeleteFunc(all, func(l router.Link) bool {
		if s.names == "" {
			return !kernel.EthernetPort(l)
		}
		named, _ := path.Match(s.names, l.Name) // a bad pattern was refused
		return !named
	}), err
}

// Look implements setup.Ports.
func (s *sockets) Look(ctx context.Context, port string) (wan.Upstream, error) {
	return kernel.Look(ctx, port, hostname())
}

// listenForPage opens the page's socket for what comes in by one device only, whatever the firewall does.
func listenForPage(device string, address netip.Addr) (net.Listener, error) {
	config := net.ListenConfig{Control: kernel.Control(device, 0)}
	return config.Listen(context.Background(), "tcp", netip.AddrPortFrom(address, 80).String())
}

// hangUp sends SIGHUP to the daemon that listens on a socket (unix(7), SO_PEERCRED).
func hangUp(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return fmt.Errorf("find the daemon: %w", err)
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return fmt.Errorf("find the daemon: %w", err)
	}
	var peer *unix.Ucred
	outer := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(outer, err); err != nil {
		return fmt.Errorf("find the daemon: %w", err)
	}
	if peer.Pid <= 1 {
		return errors.New("find the daemon: it is in another process namespace")
	}
	if err := unix.Kill(int(peer.Pid), unix.SIGHUP); err != nil {
		return fmt.Errorf("reload the daemon: %w", err)
	}
	return nil
}

// dnsmasqUser is the account that Debian makes for dnsmasq, or root where there is none.
func dnsmasqUser() string {
	const name = "dnsmasq"
	if _, err := user.Lookup(name); err != nil {
		return "root"
	}
	return name
}
