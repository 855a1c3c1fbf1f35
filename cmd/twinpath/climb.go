package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

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
	// learnEvery is how often the way out of a line that works is learned: 2 kB each time, of which a metered line is spared most.
	learnEvery, learnMetered = time.Hour, 24 * time.Hour
	// steady is for how long a line must have worked before: what is learned while it comes back may be a detour.
	steady = 30 * time.Second
	// asked is how many name servers of a line are asked.
	asked = 2
)

// climber looks along lines: how far is the way out sound? It remembers the ways of lines that worked.
type climber struct {
	view  func() (*router.Snapshot, <-chan struct{})
	links func() ([]router.Link, error)
	shelf *store.Shelf // of the ways; nil: they are forgotten with the daemon
	log   *slog.Logger

	mu    sync.Mutex
	known map[string]incident.Way // by line
}

func (h *household) newClimber() *climber {
	return &climber{
		view: h.router.Snapshot, links: h.kernel.Links, shelf: h.store.Shelf("ways"), log: h.log, known: map[string]incident.Way{},
	}
}

// climb looks along a line. The climber is made after the book of incidents, and before anything runs.
func (h *household) climb(ctx context.Context, wan string) ([]router.Rung, netip.Addr) {
	return h.climber.climb(ctx, wan)
}

// climb looks along a line that is in trouble.
func (c *climber) climb(ctx context.Context, wan string) ([]router.Rung, netip.Addr) {
	w, there := c.line(wan)
	if !there {
		return nil, netip.Addr{}
	}
	ctx, cancel := context.WithTimeout(ctx, climbFor)
	defer cancel()
	return incident.Climb(c.look(ctx, w))
}

func (c *climber) line(name string) (router.WANSnapshot, bool) {
	s, _ := c.view()
	i := slices.IndexFunc(s.WANs, func(w router.WANSnapshot) bool { return w.Name == name })
	if i < 0 {
		return router.WANSnapshot{}, false
	}
	return s.WANs[i], true
}

// look asks everything at once.
func (c *climber) look(ctx context.Context, w router.WANSnapshot) incident.Looked {
	l := incident.Looked{Device: w.Interface, Asking: w.Reason, Peer: w.Kind == router.Peer.String(), Target: farHost(w), Known: c.way(w.Name)}
	l.Address, _ = netip.ParseAddr(w.Address)
	l.Gateway, _ = netip.ParseAddr(w.Gateway)
	links, err := c.links()
	if err != nil {
		c.log.Warn("interfaces not listed", "err", err)
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
			c.log.Debug("trace", "wan", w.Name, "err", err)
		}
	}
	asking.Wait()
	return l
}

// wayOut is the way along a line for sockets of our own.
func wayOut(w router.WANSnapshot) health.Path {
	p := health.Path{Device: w.Interface, Control: kernel.Control(w.Interface, own(w.Mark))}
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

// Run learns the ways of lines that work until ctx ends.
func (c *climber) Run(ctx context.Context) error {
	const often = 30 * time.Second
	c.recall()
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		s, _ := c.view()
		for _, w := range s.WANs {
			if c.due(time.Now(), s, w) {
				c.learn(ctx, w)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// due reports whether the way of a line is to be learned again.
func (c *climber) due(now time.Time, s *router.Snapshot, w router.WANSnapshot) bool {
	every := learnEvery
	if w.Metered {
		every = learnMetered
	}
	age := now.Sub(c.way(w.Name).At)
	return w.State == health.Up.String() && farHost(w).IsValid() && s.Time.Sub(w.Since) >= steady && (age >= every || age < 0)
}

func (c *climber) learn(ctx context.Context, w router.WANSnapshot) {
	traced, err := health.Trace(ctx, wayOut(w), farHost(w))
	way := incident.Way{At: time.Now().UTC(), Hops: traced.Hops}
	after, still := c.line(w.Name)
	if err != nil || !traced.Reached && len(traced.Hops) == 0 || !still || after.State != w.State {
		way = c.way(w.Name) // it does not answer such questions, or has just failed: not again at once
		way.At = time.Now().UTC()
	}
	c.mu.Lock()
	c.known[w.Name] = way
	maps.DeleteFunc(c.known, func(name string, _ incident.Way) bool { _, there := c.line(name); return !there })
	text, err := json.Marshal(c.known)
	c.mu.Unlock()
	if err == nil && c.shelf != nil {
		err = c.shelf.Put("known", text)
	}
	if err != nil {
		c.log.Debug("ways of the lines not kept", "err", err)
	}
}

// recall takes over what an earlier run has learned.
func (c *climber) recall() {
	if c.shelf == nil {
		return
	}
	items, _ := c.shelf.All() // what cannot be read is learned again
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range items {
		_ = json.Unmarshal(i.Value, &c.known)
	}
}

func (c *climber) way(name string) incident.Way {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[name]
}
