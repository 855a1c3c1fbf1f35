package main

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/router"
)

// scout looks along WANs with one-shot pings, and remembers which first hops answer at all.
type scout struct {
	mu      sync.Mutex
	answers map[netip.Addr]bool
}

func newScout() *scout { return &scout{answers: map[netip.Addr]bool{}} }

// Learn implements router.Scout.
func (s *scout) Learn(ctx context.Context, look router.Suspected) {
	if !look.Gateway.IsValid() {
		return
	}
	path := pathOf(look)
	path.Targets, path.Servers, path.Portal = nil, nil, ""
	found := health.Diagnose(ctx, path)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[look.Gateway] = len(found.Answered) > 0
}

// Diagnose implements router.Scout.
func (s *scout) Diagnose(ctx context.Context, look router.Suspected) router.DiagnosisSeen {
	path := pathOf(look)
	s.mu.Lock()
	path.GatewayAnswersUsually = s.answers[look.Gateway]
	s.mu.Unlock()
	found := health.Diagnose(ctx, path)
	clause := found.Clause()
	if found.Fault == health.FirstHop {
		clause = fmt.Sprintf("%s (%s)", clause, look.Gateway)
	}
	return router.DiagnosisSeen{WAN: look.WAN, Clause: clause, Blame: blame(found.Fault)}
}

func pathOf(look router.Suspected) health.DiagnosePath {
	path := health.DiagnosePath{Mark: own(look.Mark), Gateway: look.Gateway}
	path.Device = look.Device
	path.Control = kernel.Control(look.Device, own(look.Mark))
	path.Targets, path.Servers, path.Portal = targets(look.Checks), servers(look.DNS), portal(look.Checks)
	return path
}

// targets are the addresses among the checks.
func targets(checks []health.CheckVerdict) []netip.Addr {
	var all []netip.Addr
	for _, c := range checks {
		if a, err := netip.ParseAddr(c.Check.Target); err == nil && c.Check.Kind == health.Ping {
			all = append(all, a)
		}
	}
	return all
}

// portal is the URL of a check that expects 204.
func portal(checks []health.CheckVerdict) string {
	for _, c := range checks {
		if c.Check.Kind == health.HTTP && (c.Check.Status == 0 || c.Check.Status == 204) {
			return c.Check.Target
		}
	}
	return ""
}

func servers(addresses []netip.Addr) []netip.AddrPort {
	var all []netip.AddrPort
	for _, a := range addresses {
		all = append(all, netip.AddrPortFrom(a, 53))
	}
	return all
}

func blame(f health.Fault) router.Blame {
	switch f {
	case health.FirstHop, health.Outside:
		return router.BlameISP
	case health.Resolver:
		return router.BlameDNS
	case health.Portal:
		return router.BlamePortal
	case health.Target:
		return router.BlameTarget
	}
	return router.BlameNobody
}
