package main

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/twinpath/twinpath/drill"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/store"
	"github.com/twinpath/twinpath/web"
)

// newDriller connects rehearsals to the daemon's parts.
func (h *household) newDriller(cfg router.Config) *drill.Driller {
	return drill.New(cfg, drill.Ports{
		Source: h.router, Tell: h.router.Tell, Record: h.record, Shelf: drillShelf{h.store.Shelf("drill")},
		Line: drillLine, Prove: h.prove,
		House: func(ctx context.Context, target string) (time.Duration, error) {
			return h.prober.Probe(ctx, health.Check{Kind: health.Ping, Target: target})
		},
		Now: time.Now, Spread: rand.Float64(), Log: h.log,
	})
}

// prove is drill.Prove. What it sees of a path MTU black hole is looked at more closely, and TCP told of it.
func (h *household) prove(ctx context.Context, t drill.Task, say func(router.DrillStep)) drill.Proof {
	p := drill.Prove(ctx, t, say)
	if p.Hole || p.Hole6 {
		h.paths.Again(p.Line)
	}
	return p
}

// drillLine is a way that leads over one line: its device and its mark together let nothing leave by another one.
func drillLine(w router.WANSnapshot) drill.Line {
	line := drill.Line{
		Name: w.Name, Control: kernel.Control(cmp.Or(w.Device, w.Interface), own(w.Mark)), MTU: w.MTU, Metered: w.Metered, RTT: time.Duration(w.RTT),
		Targets: pingTargets(w.Checks),
	}
	if w.IPv6 != nil && w.IPv6.Gateway != "" {
		for _, a := range pathTargets(w, true) {
			line.Targets6 = append(line.Targets6, a.String())
		}
		line.MTU6 = w.MTU6
	}
	for _, text := range w.DNS {
		if a, err := netip.ParseAddr(text); err == nil {
			line.DNS = append(line.DNS, netip.AddrPortFrom(a, 53))
		}
	}
	return line
}

// pingTargets are the addresses among a line's checks, those that answer first; else those that lines are checked with by default.
func pingTargets(checks []router.CheckSnapshot) []string {
	all := pinged(checks)
	if len(all) > 0 {
		return all
	}
	for _, c := range health.DefaultChecks() {
		all = append(all, c.Target)
	}
	return all
}

// pinged are the addresses among a line's checks, those that answer first.
func pinged(checks []router.CheckSnapshot) []string {
	var all, silent []string
	for _, c := range checks {
		target, ping := strings.CutPrefix(c.Target, "ping ")
		switch _, err := netip.ParseAddr(target); {
		case !ping || err != nil:
		case c.OK:
			all = append(all, target)
		default:
			silent = append(silent, target)
		}
	}
	return append(all, silent...)
}

// drillShelf is where rehearsals are kept.
type drillShelf struct{ *store.Shelf }

// All implements drill.Shelf.
func (s drillShelf) All() ([][]byte, error) {
	items, err := s.Shelf.All()
	all := make([][]byte, 0, len(items))
	for _, i := range items {
		all = append(all, i.Value)
	}
	return all, err
}

// drills gives the API's name to what has to wait.
type drills struct{ *drill.Driller }

// Start implements web.Drills.
func (d drills) Start(wan string, full bool) (router.DrillView, error) {
	view, err := d.Driller.Start(wan, full)
	if errors.Is(err, drill.ErrBusy) {
		err = web.Conflict{Err: err}
	}
	return view, err
}
