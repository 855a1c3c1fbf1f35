package main

import (
	"context"
	"log/slog"
	"net/netip"
	"reflect"
	"sync/atomic"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/lan/advert"
	"github.com/twinpath/twinpath/router"
)

// herald has IPv6 announced to the house as the configuration in force and the lines have it. Make it with newHerald.
type herald struct {
	sender *advert.Sender
	links  func() ([]router.Link, error)
	own    func(index int) (netip.Addr, error) // the link-local address of an interface
	view   func() (*router.Snapshot, <-chan struct{})
	log    *slog.Logger

	config atomic.Pointer[router.Config]
	news   chan struct{} // of one: configuration, interfaces or addresses may have changed
}

func (h *household) newHerald(cfg router.Config) *herald {
	show := func(v router.HouseView) {
		h.house.change(func(all *router.HouseView) {
			all.Advertise, all.Prefixes, all.Retired = v.Advertise, v.Prefixes, v.Retired
			all.Router6, all.Default6, all.Routers6 = v.Router6, v.Default6, v.Routers6
		})
	}
	a := &herald{
		sender: advert.New(h.keeper.State, func(device string) (advert.Line, error) { return kernel.OpenAdvert(device) }, h.record, show, h.log),
		links:  h.kernel.Links, own: h.kernel.LinkLocal, view: h.router.Snapshot, log: h.log, news: make(chan struct{}, 1),
	}
	a.Use(cfg)
	return a
}

// Use makes a configuration the one that counts. It never blocks.
func (a *herald) Use(cfg router.Config) {
	a.config.Store(&cfg)
	a.Look()
}

// Look has the herald look at the house's side again. It never blocks.
func (a *herald) Look() {
	select {
	case a.news <- struct{}{}:
	default: // it looks soon
	}
}

// Run tells the sender what to announce until ctx ends.
func (a *herald) Run(ctx context.Context) error {
	var house advert.House
	var told advert.Wanted
	for {
		cfg := a.config.Load()
		snap, changed := a.view()
		if w := advert.For(*cfg, house, snap); !reflect.DeepEqual(w, told) {
			told = w
			a.sender.Want(w)
		}
		if house.Name == "" {
			changed = nil // nothing to be woken for
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-a.news:
			house = a.house()
		}
	}
}

// house is the house's side; the zero value while it is not there, or IPv6 is not wanted.
func (a *herald) house() advert.House {
	l := a.config.Load().LAN
	if !l.IPv6 || l.Device() == "" {
		return advert.House{}
	}
	links, err := a.links()
	if err != nil {
		a.log.Warn("interfaces not listed", "err", err)
		return advert.House{}
	}
	link, found := l.Link(links)
	if !found {
		return advert.House{}
	}
	own, err := a.own(link.Index)
	if err != nil {
		a.log.Warn("addresses not listed", "err", err)
	}
	return advert.House{Link: link, Own: own}
}
