// Package ladder looks along lines: how far is the way out sound? The sockets are bound to the line; what is found is worded by
// package incident.
package ladder

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/incident"
	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/store"
)

const (
	// climbFor is how long a look along a line takes at most. It sends and receives less than 4 kB: 24 pings of 36 bytes and what
	// routers answer to them, a query to each of two name servers, and the beginning of a TCP connection.
	climbFor = 3 * time.Second
	// asked is how many name servers of a line are asked.
	asked = 2
)

// Climber looks along lines, and remembers the ways of those that worked. Make it with New.
type Climber struct {
	ports Ports
	mu    sync.Mutex
	known map[string]incident.Way // by line
}

// Ports are a Climber's ways to the world.
type Ports struct {
	View  func() (*router.Snapshot, <-chan struct{})
	Links func() ([]router.Link, error)
	Shelf Shelf // nil: what was learned is forgotten with the process
	Log   *slog.Logger
}

// Shelf keeps what was learned over restarts. store.Shelf is the real one.
type Shelf interface {
	Put(key string, value []byte) error
	All() ([]store.Item, error)
}

// New returns a climber that has learned nothing yet.
func New(ports Ports) *Climber {
	return &Climber{ports: ports, known: map[string]incident.Way{}}
}

// Climb looks along a line that is in trouble, for three seconds at most. It returns nothing for a line that there is not.
func (c *Climber) Climb(ctx context.Context, wan string) ([]router.Rung, netip.Addr) {
	w, there := c.line(wan)
	if !there {
		return nil, netip.Addr{}
	}
	ctx, cancel := context.WithTimeout(ctx, climbFor)
	defer cancel()
	return incident.Climb(c.look(ctx, w))
}

func (c *Climber) line(name string) (router.WANSnapshot, bool) {
	s, _ := c.ports.View()
	i := slices.IndexFunc(s.WANs, func(w router.WANSnapshot) bool { return w.Name == name })
	if i < 0 {
		return router.WANSnapshot{}, false
	}
	return s.WANs[i], true
}

// look asks everything at once.
func (c *Climber) look(ctx context.Context, w router.WANSnapshot) incident.Looked {
	l := incident.Looked{Device: w.Interface, Asking: w.Reason, Peer: w.Kind == router.Peer.String(), Target: farHost(w), Known: c.way(w.Name)}
	l.Address, _ = netip.ParseAddr(w.Address)
	l.Gateway, _ = netip.ParseAddr(w.Gateway)
	links, err := c.ports.Links()
	if err != nil {
		c.ports.Log.Warn("interfaces not listed", "err", err)
	}
	if i := slices.IndexFunc(links, func(k router.Link) bool { return k.Name == w.Interface }); i >= 0 {
		l.There, l.Carrier = true, links[i].Carrier
	}
	if l.Peer {
		l.Address, _ = netip.ParseAddr(w.Gateway) // it is the other router that has one
	}
	if !l.Carrier || !l.Address.IsValid() {
		return l
	}
	prober := health.NewProber(wayOut(w))
	defer prober.Close()
	var asking sync.WaitGroup
	asking.Go(func() { l.DNS = resolves(ctx, prober, w.DNS) })
	asking.Go(func() { l.Web = connects(ctx, prober, webHost(w, l.Target)) })
	if l.Target.IsValid() {
		traced, err := health.Trace(ctx, wayOut(w), l.Target)
		l.Traced, l.Hops, l.Reached = true, traced.Hops, traced.Reached
		if err != nil {
			c.ports.Log.Debug("trace", "wan", w.Name, "err", err)
		}
	}
	asking.Wait()
	return l
}

// wayOut is the way along a line for sockets of our own.
func wayOut(w router.WANSnapshot) health.Path {
	p := health.Path{Device: w.Interface, Control: kernel.Control(w.Interface, uint32(w.Mark|firewall.MarkOwn))}
	var servers []netip.AddrPort
	for _, text := range w.DNS {
		if a, err := netip.ParseAddr(text); err == nil {
			servers = append(servers, netip.AddrPortFrom(a, 53))
		}
	}
	p.DNS = func() []netip.AddrPort { return servers }
	return p
}

// farHost is a far address of those that the owner has the line checked with; failing that, of its name servers.
func farHost(w router.WANSnapshot) netip.Addr {
	for _, kind := range []string{"ping ", "tcp ", "dns "} {
		for _, check := range w.Checks {
			target, is := strings.CutPrefix(check.Target, kind)
			if host, _, err := net.SplitHostPort(target); err == nil {
				target = host
			}
			if a, err := netip.ParseAddr(target); is && err == nil {
				return a
			}
		}
	}
	for _, text := range w.DNS {
		if a, err := netip.ParseAddr(text); err == nil {
			return a
		}
	}
	return netip.Addr{}
}

// webHost is the host:port that proves that the web can be reached: of a check, or of the far address.
func webHost(w router.WANSnapshot, target netip.Addr) string {
	for _, check := range w.Checks {
		if text, is := strings.CutPrefix(check.Target, "http "); is {
			if u, err := url.Parse(text); err == nil && u.Hostname() != "" {
				port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
				if u.Port() != "" {
					port = u.Port()
				}
				return net.JoinHostPort(u.Hostname(), port)
			}
		}
	}
	for _, check := range w.Checks {
		if text, is := strings.CutPrefix(check.Target, "tcp "); is {
			return text
		}
	}
	if target.IsValid() {
		return netip.AddrPortFrom(target, 443).String()
	}
	return ""
}

// resolves asks the line's name servers: one is enough.
func resolves(ctx context.Context, prober health.Prober, servers []string) incident.Answer {
	if len(servers) == 0 {
		return incident.Answer{Detail: "the line has named no name server"}
	}
	servers = servers[:min(len(servers), asked)]
	answers := make(chan error, len(servers))
	for _, server := range servers {
		go func() {
			_, err := prober.Probe(ctx, health.Check{Kind: health.DNS, Target: server})
			answers <- err
		}()
	}
	var err error
	for range servers {
		if err = <-answers; err == nil {
			return incident.Answer{Asked: true, OK: true}
		}
	}
	return incident.Answer{Asked: true, Detail: silence(err)}
}

// connects opens a TCP connection. One that is refused has been out and back as well.
func connects(ctx context.Context, prober health.Prober, address string) incident.Answer {
	if address == "" {
		return incident.Answer{Detail: "no check names a host to try"}
	}
	_, err := prober.Probe(ctx, health.Check{Kind: health.TCP, Target: address})
	if err == nil || errors.Is(err, syscall.ECONNREFUSED) {
		return incident.Answer{Asked: true, OK: true}
	}
	return incident.Answer{Asked: true, Detail: address + ": " + silence(err)}
}

func silence(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer"
	}
	return err.Error()
}
