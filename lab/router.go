package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// Box is a router of the house: a namespace of its own name, and at most one daemon in it, Twinpath or a peer.
type Box struct {
	Name string

	house    *House
	space    *sandbox.Namespace
	lines    []*Line
	wans     []string
	lan      netip.Prefix
	upstairs bool
	macs     map[string]string // of its interfaces, which keep them without power
	dir      string            // config, state and log; it outlives the daemon
	binary   string            // as given to Start
	daemon   *process
	foreign  bool
	ports    []Port                           // of a foreign router
	tell     func(port string, up bool) error // as given to OnCable
	again    func(context.Context) error      // starts a peer as the last time; nil for Twinpath
	api      *http.Client
}

func (h *House) openBox(r Router) error {
	lan, err := netip.ParsePrefix(r.LAN)
	if err != nil {
		return err
	}
	space, err := h.space(r.Name)
	if err != nil {
		return err
	}
	b := &Box{Name: r.Name, house: h, space: space, wans: r.WANs, lan: lan, upstairs: r.Upstairs, foreign: r.Foreign,
		macs: map[string]string{}, dir: filepath.Join(h.dir, r.Name)}
	if err := os.MkdirAll(filepath.Join(b.dir, "state"), 0o700); err != nil {
		return err
	}
	b.api = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", b.Socket())
	}}}
	h.Boxes = append(h.Boxes, b)
	h.onClose(b.close)
	for _, name := range r.WANs {
		l, err := h.Line(name)
		if err != nil {
			return err
		}
		b.lines = append(b.lines, l)
	}
	return b.wire()
}

// wire lays the box's cables. Its interfaces have the MAC addresses of the first time.
func (b *Box) wire() error {
	for i, l := range b.lines {
		if err := b.cable(fmt.Sprintf("wan%d", i), l.space, "access"); err != nil {
			return err
		}
		if l.login.Wide {
			if err := ip(l.space, fmt.Sprintf("link set %s mtu %d", b.Name, wideMTU)); err != nil {
				return err
			}
		}
	}
	return b.cable("lan0", b.house.lan, storey(b.upstairs))
}

func (b *Box) cable(device string, to *sandbox.Namespace, bridge string) error {
	if b.foreign {
		return b.tap(device, to, bridge)
	}
	if err := connect(b.space, device, to, b.Name, bridge); err != nil {
		return err
	}
	if mac, known := b.macs[device]; known {
		return ip(b.space, fmt.Sprintf("link set dev %s address %s", device, mac))
	}
	return b.space.Do(func() error {
		link, err := net.InterfaceByName(device)
		if err == nil {
			b.macs[device] = link.HardwareAddr.String()
		}
		return err
	})
}

func (b *Box) close() {
	_ = b.KillAll() // what is left of it ends with the sandbox
	b.api.CloseIdleConnections()
	for _, p := range b.ports {
		_ = p.Tap.Close()
	}
}

// Socket is the daemon's unix socket.
func (b *Box) Socket() string { return filepath.Join(b.dir, "socket") }

// Config is the daemon's config file.
func (b *Box) Config() string { return filepath.Join(b.dir, "twinpath.toml") }

// State is the daemon's state directory. It outlives the daemon, and Close removes it.
func (b *Box) State() string { return filepath.Join(b.dir, "state") }

// Log is what the daemon has printed since its last start.
func (b *Box) Log() string {
	if b.daemon == nil {
		return ""
	}
	return b.daemon.output()
}

// PID is the daemon's process, or 0.
func (b *Box) PID() int {
	if !b.Running() {
		return 0
	}
	return b.daemon.cmd.Process.Pid
}

// Running reports whether the daemon runs (a paused one does).
func (b *Box) Running() bool { return b.daemon != nil && b.daemon.running() }

// Run runs a command line on the box and returns what it printed.
func (b *Box) Run(line string) (string, error) { return b.space.Run(line) }

// Feed is Run with text on standard input.
func (b *Box) Feed(line, text string) (string, error) { return b.space.Feed(line, text) }

// Start runs the daemon with a config and waits until its socket answers.
func (b *Box) Start(ctx context.Context, binary, config string) error {
	if b.Running() {
		return fmt.Errorf("start %s: it runs already", b.Name)
	}
	b.binary, b.again = binary, nil
	if err := os.WriteFile(b.Config(), []byte(config), 0o600); err != nil {
		return err
	}
	return b.Restart(ctx)
}

// Restart starts the daemon again as the last Start did, with the config and the state as they are now.
func (b *Box) Restart(ctx context.Context) (err error) {
	if b.Running() || b.binary == "" && b.again == nil {
		return fmt.Errorf("start %s: it runs already or was never started", b.Name)
	}
	if b.again != nil {
		return b.again(ctx)
	}
	_ = os.Remove(b.Socket()) // left by a killed one: it must not be taken for the new one's
	b.api.CloseIdleConnections()
	b.daemon, err = startWith(b.trust(), b.space, filepath.Join(b.dir, "log"), b.binary,
		"run", "--config", b.Config(), "--state", b.State(), "--socket", b.Socket())
	if err != nil {
		return err
	}
	return b.daemon.await(ctx, func() bool {
		conn, err := net.Dial("unix", b.Socket())
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// trust has the daemon trust the Internet's authority, if there is one.
func (b *Box) trust() []string {
	if b.house.authority == nil {
		return nil
	}
	return []string{"SSL_CERT_FILE=" + b.house.authority.file}
}

var errNotRunning = errors.New("the daemon is not running")

// Stop ends the daemon as systemd does (SIGTERM) and waits for it.
func (b *Box) Stop() error {
	if !b.Running() {
		return errNotRunning
	}
	return b.daemon.stop()
}

// Kill ends the daemon without a chance to tidy up (SIGKILL).
func (b *Box) Kill() error {
	if !b.Running() {
		return errNotRunning
	}
	b.daemon.kill()
	return nil
}

// Pause freezes the daemon (SIGSTOP) and waits until it stands still.
func (b *Box) Pause() error {
	if err := b.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	stat := fmt.Sprintf("/proc/%d/stat", b.PID())
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(stat)
		if err != nil {
			return err
		}
		if _, rest, _ := strings.Cut(string(text), ") "); strings.HasPrefix(rest, "T") {
			return nil
		}
	}
	return fmt.Errorf("pause %s: it does not stop", b.Name)
}

// Resume ends Pause.
func (b *Box) Resume() error { return b.signal(syscall.SIGCONT) }

// Reload makes the daemon read its config file again (SIGHUP).
func (b *Box) Reload() error { return b.signal(syscall.SIGHUP) }

func (b *Box) signal(s syscall.Signal) error {
	if !b.Running() {
		return errNotRunning
	}
	return b.daemon.signal(s)
}

// Call runs a subcommand of the started binary against the daemon's socket: b.Call(ctx, "drain", "fibre").
func (b *Box) Call(ctx context.Context, args ...string) (string, error) {
	if b.binary == "" || len(args) == 0 {
		return "", errNotRunning
	}
	words := append([]string{args[0], "--socket", b.Socket()}, args[1:]...)
	out, err := exec.CommandContext(ctx, b.binary, words...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", args[0], err, tail(string(out)))
	}
	return string(out), nil
}
