package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/image/firstboot"
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
	claim := flags.String("claim", firstboot.Claim(imageRun), "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if _, err := path.Match(*names, ""); err != nil {
		return usageError(fmt.Sprintf("--ports: %q is not a pattern", *names))
	}
	log := slog.New(slog.NewTextHandler(std.err, nil))
	password, err := claimHash(*claim)
	if err != nil {
		log.Error("nobody can claim this box by its page", "err", err)
	}
	s := &setup.Setup{
		Boot: *boot, File: *file, Hostname: hostname(), Log: log, Claim: *claim, Password: password,
		Ports:   &sockets{Kernel: kernel.New(log), names: *names},
		Sockets: kernel.DHCPSockets{},
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
	for i := range all {
		if s.names != "" && strings.HasPrefix(all[i].Name, "usb") { // no driver can say it of the lab's
			all[i].Driver = "cdc_ether"
		}
	}
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

// claimHash is the password of setup mode: the code as it is shown. The page's login knows what people make of that.
func claimHash(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the claim code: %w", err)
	}
	code := strings.TrimSpace(string(text))
	if code == "" {
		return "", fmt.Errorf("read the claim code: %s is empty", file)
	}
	return hashPassword(code)
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
