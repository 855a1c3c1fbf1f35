package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
	"github.com/twinpath/twinpath/web/door"
	"github.com/twinpath/twinpath/web/front"
)

// noticeName is the file beside the daemon's socket with the fingerprint of the page's certificate.
const noticeName = "web-fingerprint"

// openPage connects the API and the page to the daemon's parts.
func (h *household) openPage(cfg router.Config) {
	h.page = front.New(
		&front.Doors{Links: h.kernel.Links, Lines: h.lines, Record: h.record, Log: h.log},
		&front.Papers{File: filepath.Join(h.keeper.State, "web.pem"), Notice: filepath.Join(filepath.Dir(h.socket.Path), noticeName)},
		version, h.log)
	h.page.Origin = h.origin
	h.page.Use(cfg)
	check := verifier{program: front.OwnProgram}
	entry := &door.Door{
		File: filepath.Join(h.keeper.State, "sessions.json"), Hash: h.page.Password, Verify: check.verify, Log: h.log,
	}
	entry.Load(time.Now())
	out := &lookout{record: h.record}
	entry.Guessed = func(source netip.Addr) { out.guessed(time.Now(), source) }
	api := &web.API{
		Source: movable{h.router, h.couple.mover}, History: h.store, Applier: h, Configs: kept{h}, Door: entry,
		Measures: h.past, Counters: h.kernel.Counters, Pairing: h.pairing(), Drills: drills{h.drill},
		Settings: h.page.Settings, Serves: h.page.Serves, Ports: h.newPorts().list, TestAlert: h.testAlert,
		SetPassword: func(ctx context.Context, password string) error { return h.setPassword(ctx, check, password) },
		Incidents:   h.store, Report: evidence{source: h.router, incidents: h.store, measures: h.past}.report,
		TestAlerts: h.tellers.test, Letters: h.tellers.post.Receive,
		PairLeases: h.lan.post.Receive, HouseLeases: h.lan.leases,
	}
	h.socket.Handler = api.Handler()
	h.page.Handler = api.Guarded()
}

// lines are the devices that lead to the Internet.
func (h *household) lines() []string {
	s, _ := h.router.Snapshot()
	var all []string
	for _, w := range s.WANs {
		if w.Interface != "" && w.Kind != router.Peer.String() { // a peer is in the house
			all = append(all, w.Interface)
			if w.Device != "" {
				all = append(all, w.Device)
			}
		}
	}
	return all
}

func (h *household) origin() front.Origin {
	_, _, fallback := h.keeper.Current()
	return front.Origin{Setup: fallback, Hostname: hostname()}
}

// kept implements web.Configs.
type kept struct{ *household }

var _ web.Configs = kept{}

// Current implements web.Configs.
func (k kept) Current() (text []byte, revision string, setup bool) { return k.keeper.Current() }

// ApplyOver implements web.Configs.
func (k kept) ApplyOver(ctx context.Context, revision, name string, text []byte, confirm time.Duration) error {
	if err := k.keeper.ApplyOver(ctx, revision, name, text, confirm); err != nil {
		return conflicting(err)
	}
	k.waits()
	return nil
}

// Revert implements web.Configs.
func (k kept) Revert() error {
	if err := k.keeper.Revert(); err != nil {
		return conflicting(err)
	}
	k.router.Tell(router.PendingSet{})
	return nil
}

// Kept implements web.Configs.
func (k kept) Kept() ([]web.Kept, error) {
	list, err := k.keeper.Kept()
	var all []web.Kept
	for _, g := range list {
		all = append(all, web.Kept{Number: g.Number, Modified: g.Modified})
	}
	return all, err
}

// KeptText implements web.Configs.
func (k kept) KeptText(number int) ([]byte, error) { return k.keeper.KeptText(number) }

// conflicting marks the errors that mean that something else has to happen first.
func conflicting(err error) error {
	for _, other := range []error{config.ErrChanged, config.ErrPending, config.ErrNothingPending} {
		if errors.Is(err, other) {
			return web.Conflict{Err: err}
		}
	}
	return err
}

// setPassword changes one line of the running configuration, for good.
func (h *household) setPassword(ctx context.Context, by verifier, password string) error {
	if h.origin().Setup {
		return web.Conflict{Err: errors.New("this router has no configuration of its own yet\nhint: the wizard asks for a password")}
	}
	hash, err := by.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("set the password: %w", err)
	}
	text, revision, _ := h.keeper.Current()
	return conflicting(h.keeper.ApplyOver(ctx, revision, filepath.Base(bootFile), []byte(withPassword(string(text), hash)), 0))
}
