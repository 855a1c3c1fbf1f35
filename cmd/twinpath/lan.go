package main

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/lan"
	twin "github.com/twinpath/twinpath/pair"
	"github.com/twinpath/twinpath/router"
)

// steward has the house served with addresses and names as the configuration in force wants it, while this router is the one
// that serves, and the other one know who has which address. Make it with newSteward.
type steward struct {
	server  *lan.Server
	lookout *lan.Lookout
	share   *lan.Share
	post    *twin.Post // of leases
	links   func() ([]router.Link, error)
	view    func() (*router.Snapshot, <-chan struct{})
	house   *houseView
	log     *slog.Logger

	config atomic.Pointer[router.Config]
	linked chan struct{} // of one: configuration or interfaces may have changed
	told   chan struct{} // of one: the server, the lookout or the other router has something new
}

func (h *household) newSteward(cfg router.Config) *steward {
	s := &steward{
		links: h.kernel.Links, view: h.router.Snapshot, house: h.house, log: h.log,
		linked: make(chan struct{}, 1), told: make(chan struct{}, 1),
	}
	s.server = lan.New(h.keeper.State, h.record, func() { s.share.Look(); s.note() }, h.log)
	s.post = twin.NewPost(twin.Leases, func(letter []byte) ([]byte, error) { return s.share.Receive(letter) })
	s.share = lan.NewShare(s.server, s.post, func() bool { snap, _ := s.view(); return !snap.ClockUnset }, s.note, h.log)
	look := func(ctx context.Context, device string) ([]router.Stranger, error) {
		return kernel.DHCPServers(ctx, device, hostname())
	}
	s.lookout = lan.NewLookout(look, h.record, s.note, h.log)
	s.Use(cfg)
	return s
}

// Use makes a configuration the one that counts. It never blocks.
func (s *steward) Use(cfg router.Config) {
	s.config.Store(&cfg)
	s.post.Use(cfg.Pair.Peer, cfg.Pair.Secret)
	dhcp := cfg.LAN.DHCP
	s.share.Use(cfg.Pair.Peer.IsValid() && cfg.Pair.Secret != "" && dhcp.First.IsValid(), dhcp.Lease)
	s.Look()
}

// Look has the steward look at the interfaces again. It never blocks.
func (s *steward) Look() { ring(s.linked) }

func (s *steward) note() { ring(s.told) }

// ring wakes who listens, who need not be told twice.
func ring(bell chan<- struct{}) {
	select {
	case bell <- struct{}{}:
	default: // it looks soon
	}
}

// Run serves the house until ctx ends.
func (s *steward) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, task := range []func(context.Context) error{s.server.Run, s.lookout.Run, s.share.Run, s.direct} {
		group.Go(func() error { return task(ctx) })
	}
	return group.Wait()
}

// direct tells the others what to do, and the house's readers how it is.
func (s *steward) direct(ctx context.Context) error {
	const runOut = time.Minute // leases end without news
	tick := time.NewTicker(runOut)
	defer tick.Stop()
	var house router.Link
	for {
		cfg := s.config.Load()
		snap, changed := s.view()
		wanted := s.want(*cfg, house, snap)
		s.describe(*cfg, house, wanted)
		if !lan.Asked(cfg.LAN) {
			changed = nil // nothing to be woken for
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-s.linked:
			house = s.side()
		case <-s.told:
			s.count()
		case <-tick.C:
			s.count()
		}
	}
}

// want tells the server what to serve, and the lookout where to look.
func (s *steward) want(cfg router.Config, house router.Link, snap *router.Snapshot) lan.Wanted {
	wanted := lan.For(cfg, house, snap)
	var watched lan.Watched
	if cfg.LAN.DHCP.First.IsValid() && house.Name != "" {
		watched = lan.Watched{Device: house.Name, Carrier: house.Carrier, Ours: ours(cfg)}
		if stranger, looked := s.lookout.View(house.Name); stranger != nil || !looked {
			wanted = wanted.Quiet()
		}
	}
	s.lookout.Want(watched)
	s.server.Want(wanted)
	return wanted
}

// ours are the addresses by which the routers of this house give addresses away.
func ours(cfg router.Config) []netip.Addr {
	all := []netip.Addr{cfg.LAN.Address.Addr(), cfg.Pair.Peer}
	for _, v := range cfg.VRRP {
		for _, p := range v.Addresses {
			all = append(all, p.Addr())
		}
	}
	return all
}

// describe tells how the house is served with addresses and names.
func (s *steward) describe(cfg router.Config, house router.Link, wanted lan.Wanted) {
	if !lan.Asked(cfg.LAN) {
		s.house.change(func(v *router.HouseView) { v.Serving, v.Reason, v.Stranger, v.Shared = false, "", nil, nil })
		return
	}
	state := s.server.State()
	stranger, looked := s.lookout.View(house.Name)
	var shared *time.Time
	if at := s.share.Shared().Truncate(time.Minute).UTC(); at.Unix() > 0 {
		shared = &at // each change costs the house's readers a new page
	}
	reason := ""
	switch {
	case house.Name == "":
		reason = "The house's interface " + cfg.LAN.Device() + " is not there."
	case state.Trouble != "":
		reason = state.Trouble
	case wanted.Device == "":
		reason = "The other router serves the house."
	case stranger != nil:
		reason = lan.Foreign(*stranger)
	case cfg.LAN.DHCP.First.IsValid() && !looked:
		reason = "It is looked whether another DHCP server answers in the house."
	}
	s.house.change(func(v *router.HouseView) {
		v.Serving, v.Reason, v.Stranger, v.Shared = state.Serving, reason, stranger, shared
	})
}

// count tells how many addresses are given away.
func (s *steward) count() {
	leases, err := s.server.Leases(time.Now())
	if err != nil {
		s.log.Warn("leases not counted", "err", err)
		return
	}
	s.house.change(func(v *router.HouseView) { v.Leases = len(leases) })
}

// side is the interface of the house's side; the zero value while it is not there.
func (s *steward) side() router.Link {
	l := s.config.Load().LAN
	if !lan.Asked(l) {
		return router.Link{}
	}
	links, err := s.links()
	if err != nil {
		s.log.Warn("interfaces not listed", "err", err)
		return router.Link{}
	}
	link, _ := l.Link(links)
	return link
}
