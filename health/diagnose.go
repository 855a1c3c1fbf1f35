package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	probing "github.com/prometheus-community/pro-bing"
)

const (
	lookFor   = time.Second            // the longest a diagnosis takes
	lookEvery = 200 * time.Millisecond // between two pings of an address
)

// DiagnosePath is the way to look along, and what to look at.
type DiagnosePath struct {
	Path
	Mark    uint32     // of the WAN, for pings; Path.Control sets it for the rest
	Gateway netip.Addr // invalid on a point-to-point link
	// GatewayAnswersUsually is false for the many gateways that answer no pings at all: their silence says nothing.
	GatewayAnswersUsually bool
	Targets               []netip.Addr
	Servers               []netip.AddrPort // name servers; none: not asked
	Portal                string           // URL that answers 204; empty: not asked
}

// Diagnose looks once, for at most a second, and names the first broken thing.
func Diagnose(ctx context.Context, path DiagnosePath) Diagnosis {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	l := look{path: path}
	if path.Gateway.IsValid() {
		l.ask(func() { l.gateway = l.ping(ctx, path.Gateway) })
	}
	for _, target := range path.Targets {
		l.ask(func() {
			if l.ping(ctx, target) {
				l.targets.Add(1)
			}
		})
	}
	prober := NewProber(path.Path)
	defer prober.Close()
	for _, server := range path.Servers {
		l.ask(func() {
			if _, err := prober.Probe(ctx, Check{Kind: DNS, Target: server.String()}); err == nil {
				l.servers.Add(1)
			}
		})
	}
	if path.Portal != "" {
		l.ask(func() {
			_, err := prober.Probe(ctx, Check{Kind: HTTP, Target: path.Portal})
			l.portal = errors.Is(err, ErrRedirected)
		})
	}
	l.asked.Wait()
	l.found.Fault, l.found.Tells = l.fault(), l.gateway || path.GatewayAnswersUsually
	return l.found
}

// look is one Diagnose.
type look struct {
	path             DiagnosePath
	asked            sync.WaitGroup
	gateway, portal  bool
	targets, servers atomic.Int32

	mu    sync.Mutex
	found Diagnosis
}

func (l *look) ask(f func()) { l.asked.Go(f) }

// fault goes from the house outwards and stops at the first broken thing.
func (l *look) fault() Fault {
	p := l.path
	targets := int(l.targets.Load())
	switch {
	case l.portal:
		return Portal
	case len(p.Targets) > 0 && targets == 0:
		if p.Gateway.IsValid() && !l.gateway && p.GatewayAnswersUsually {
			return FirstHop
		}
		return Outside
	case len(p.Targets) == 0 && p.Gateway.IsValid() && !l.gateway && p.GatewayAnswersUsually:
		return FirstHop
	case len(p.Servers) > 0 && l.servers.Load() == 0:
		return Resolver
	case targets < len(p.Targets):
		return Target
	}
	return NoFault
}

// ping pings an address until it answers or the time is up, and notes which.
func (l *look) ping(ctx context.Context, addr netip.Addr) bool {
	rtt, err := pingOnce(ctx, l.path, addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && rtt > 0 {
		l.found.Answered = append(l.found.Answered, addr)
		return true
	}
	l.found.Silent = append(l.found.Silent, addr)
	if err != nil && l.found.Detail == "" {
		l.found.Detail = fmt.Sprintf("%s: %v", addr, err)
	}
	return false
}

// pingOnce pings with pro-bing and returns the round trip of the first answer, 0 when none came.
// The guards are those of the library notes §3; each is said where it is.
func pingOnce(ctx context.Context, path DiagnosePath, addr netip.Addr) (time.Duration, error) {
	if err := reachable(ctx, path.Path, addr); err != nil {
		return 0, plain(ctx, err)
	}
	pinger := probing.New(addr.String()) // for one run only: a second one would return old figures
	pinger.SetIPAddr(&net.IPAddr{IP: addr.AsSlice(), Zone: addr.Zone()})
	pinger.SetPrivileged(true)
	pinger.SetLogger(escape{})
	pinger.SetMark(uint(path.Mark)) // mark and interface: one alone leaves by the other line, or asks the link for far addresses
	pinger.InterfaceName = path.Device
	pinger.RecordRtts, pinger.RecordTTLs = false, false
	pinger.Interval, pinger.Timeout = lookEvery, lookFor
	var rtt time.Duration
	var mu sync.Mutex
	sent := make(map[int]time.Time) // its own round trips are wall clock: a clock that is set falsifies them
	pinger.OnSend = func(p *probing.Packet) {
		mu.Lock()
		defer mu.Unlock()
		sent[p.Seq] = time.Now()
	}
	pinger.OnRecv = func(p *probing.Packet) {
		mu.Lock()
		defer mu.Unlock()
		if at, ok := sent[p.Seq]; ok && rtt == 0 {
			rtt = max(time.Since(at), 1)
			pinger.Stop()
		}
	}
	err := pinger.RunWithContext(ctx)
	mu.Lock()
	defer mu.Unlock()
	if rtt > 0 || ctx.Err() != nil {
		err = nil
	}
	if err != nil {
		err = plain(ctx, err)
	}
	return rtt, err
}

// reachable asks the kernel for the way without sending anything. A forbidden one (EACCES) must not reach pro-bing, which takes
// it for a broadcast address and tries again for ever, whatever its timeout.
func reachable(ctx context.Context, path Path, addr netip.Addr) error {
	control := path.Control
	if control == nil && path.Device != "" {
		control = bind(path.Device)
	}
	dialer := net.Dialer{Control: control}
	conn, err := dialer.DialContext(ctx, "udp", netip.AddrPortFrom(addr, 9).String())
	if err != nil {
		return err
	}
	return conn.Close()
}

// escape ends pro-bing's goroutine when a route becomes forbidden in the middle of a run: its only call of Infof is in the
// endless loop that reachable keeps us out of otherwise.
type escape struct{ probing.NoopLogger }

func (escape) Infof(string, ...any) { runtime.Goexit() }
