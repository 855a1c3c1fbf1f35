package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/wan"
	"github.com/twinpath/twinpath/wan/inet6"
)

// ports connects the router to the real world.
func (h *household) ports(state string) router.Ports {
	start := wholeSecond(time.Now())
	return router.Ports{
		Kernel:   h.kernel,
		Client:   func(a router.Attached) wan.Client { return h.client(a, state) },
		Client6:  func(a router.Attached) wan.Client { return client6(a, state, h.log) },
		Monitor:  func(w router.Watched) router.Monitor { return newMonitor(w, start, h.log) },
		Scout:    newScout(),
		USB:      kernel.NewUSB(),
		Record:   h.record,
		VRRP:     h.link,
		Checks:   h.checks,
		Script:   h.script.Change,
		Now:      time.Now,
		Counters: h.kernel.Counters,
		Offer:    func(lines []router.PartnerLine) { h.couple.lending.Offer(lines) },
	}
}

// wholeSecond is when the second began by the wall clock: probes then go out when the store takes its measurements, and the machine
// is woken once for both.
func wholeSecond(now time.Time) time.Time { return now.Add(-now.Sub(now.Truncate(time.Second))) }

func (h *household) client(a router.Attached, state string) wan.Client {
	name := a.Config.Name
	switch a.Config.Kind {
	case router.Static:
		return &wan.Static{Name: name, Lease: *router.FixedLease(a.Config), Report: a.Report}
	case router.Peer:
		return &wan.Peer{Name: name, Gateway: a.Config.Peer, Report: a.Report}
	case router.PPPoE:
		return h.dialler(a)
	}
	return &wan.DHCP{
		Name: name, Device: a.Device, Hostname: hostname(),
		Sockets: kernel.DHCPSockets{Mark: own(a.Mark)},
		Store:   wan.FileStore{Path: filepath.Join(state, "lease-"+name+".json")},
		Report:  a.Report,
		Log:     h.log,
		Uptime:  wan.ReadUptime,
	}
}

func client6(a router.Attached, state string, log *slog.Logger) wan.Client {
	name := a.Config.Name
	return &inet6.Client{
		Name: name, Device: a.Device, Cloned: a.Config.MAC != "",
		Sockets: kernel.Inet6Sockets{Mark: own(a.Mark)},
		Store:   inet6.FileStore{Path: filepath.Join(state, "wan-"+name+".lease6.json")},
		Report:  a.Report6,
		Log:     log,
		Uptime:  wan.ReadUptime,
	}
}

// own is the mark of our own sockets on a WAN.
func own(m firewall.Mark) uint32 { return uint32(m | firewall.MarkOwn) }

// monitor is a health.Monitor with the sockets of its probes.
type monitor struct {
	*health.Monitor
	prober *health.NetProber
}

func newMonitor(w router.Watched, epoch time.Time, log *slog.Logger) *monitor {
	prober := health.NewProber(health.Path{Device: w.Device, Control: kernel.Control(w.Device, own(w.Mark)), DNS: w.DNS})
	return &monitor{
		Monitor: &health.Monitor{
			Config: w.Health, Prober: prober, Suspect: w.Suspect, Report: w.Report, Tally: w.Tally, Log: log.With("wan", w.WAN),
			Epoch: epoch, // the same for all WANs, so that they are probed in one go
		},
		prober: prober,
	}
}

// Run watches until ctx ends and leaves no socket behind.
func (m *monitor) Run(ctx context.Context) error {
	defer m.prober.Close()
	return m.Monitor.Run(ctx)
}

// anyWay is the path of checks that concern no WAN: wherever the routing table leads.
func anyWay() health.Path {
	return health.Path{Control: func(string, string, syscall.RawConn) error { return nil }}
}

// look makes one network check of a virtual router.
func (h *household) look(ctx context.Context, c check.Check) error {
	kind := map[check.Kind]health.Kind{check.Ping: health.Ping, check.TCP: health.TCP, check.HTTP: health.HTTP, check.DNS: health.DNS}[c.Kind]
	_, err := h.prober.Probe(ctx, health.Check{Kind: kind, Target: c.Target, Status: c.Status})
	if errors.Is(err, health.ErrRedirected) { // a service has no login page: the rest of the sentence is the news
		return errors.New(strings.TrimPrefix(err.Error(), health.ErrRedirected.Error()+": "))
	}
	return err
}
