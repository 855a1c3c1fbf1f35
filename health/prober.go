package health

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Prober sends one probe and waits for what becomes of it. It returns the round trip; ErrRedirected (wrapped) when a
// login page answered; an error that errors.Is context.DeadlineExceeded when nothing did until ctx ended; else
// one clause that says what came instead: "connection refused". It is safe for concurrent use.
type Prober interface {
	Probe(ctx context.Context, c Check) (time.Duration, error)
}

// ErrRedirected is wrapped by errors of HTTP probes that a login page answered (RFC 8910, §1: captive portals).
var ErrRedirected = errors.New("a login page answers")

// Path is the way that probes must take.
type Path struct {
	Device string // kernel name; probes are bound to it when Control is nil
	// Control prepares every socket before use: it binds to the device and marks it into the WAN's table.
	Control func(network, address string, c syscall.RawConn) error
	// DNS returns the WAN's name servers now; nil, or none: those of the system, over this path all the same.
	DNS func() []netip.AddrPort
}

// NetProber probes over the network, over its Path and no other. Its zero value is not usable.
type NetProber struct {
	path  Path
	names *names
	four  *echo
	six   *echo
}

// NewProber returns a prober for one WAN. It opens nothing before the first probe.
func NewProber(path Path) *NetProber {
	if path.Control == nil && path.Device != "" {
		path.Control = bind(path.Device)
	}
	return &NetProber{
		path:  path,
		names: &names{path: path},
		four:  newEcho(path, echo4()),
		six:   newEcho(path, echo6()),
	}
}

// Close closes the sockets of running and future pings and waits for their readers.
func (p *NetProber) Close() error { return errors.Join(p.four.close(), p.six.close()) }

// Probe implements Prober.
func (p *NetProber) Probe(ctx context.Context, c Check) (time.Duration, error) {
	var rtt time.Duration
	var err error
	switch c.Kind {
	case Ping:
		rtt, err = p.ping(ctx, c.Target)
	case TCP:
		rtt, err = p.connect(ctx, c.Target)
	case HTTP:
		rtt, err = p.fetch(ctx, c)
	case DNS:
		rtt, err = p.query(ctx, c.Target)
	default:
		return 0, fmt.Errorf("no way to probe %s", c)
	}
	if err != nil {
		return 0, plain(ctx, err)
	}
	return rtt, nil
}

func (p *NetProber) ping(ctx context.Context, target string) (time.Duration, error) {
	addr, err := p.names.resolve(ctx, target)
	if err != nil {
		return 0, err
	}
	if addr.Is4() {
		return p.four.ping(ctx, addr)
	}
	return p.six.ping(ctx, addr)
}

// plain shortens an error of package net to what a person can use: the cause.
func plain(ctx context.Context, err error) error {
	var cause syscall.Errno
	switch {
	case errors.Is(err, ErrRedirected):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &cause):
		return cause
	}
	return err
}

// bind returns a Control that binds to a device. It does not mark: that needs the WAN's number.
func bind(device string) func(string, string, syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptString(int(fd), syscall.SOL_SOCKET, syscall.SO_BINDTODEVICE, device)
		}); e != nil {
			return e
		}
		if err != nil {
			return fmt.Errorf("bind to %s: %w", device, err)
		}
		return nil
	}
}
