package main

import (
	"errors"
	"net/netip"
	"slices"

	twin "github.com/twinpath/twinpath/pair"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web/front"
	"github.com/twinpath/twinpath/wizard"
)

// pairing brings other routers to this one, and this one to another.
func (h *household) pairing() *twin.Desk {
	return &twin.Desk{From: func() (netip.Addr, wizard.Pairing, error) { return offerOf(*h.page.Config()) }}
}

// behind is how far the second router's priority is below the first's: as far as that of a router on its backup line.
const behind = 50

// offerOf is where a configuration's page answers the second router, and what that needs to know.
func offerOf(cfg router.Config) (netip.Addr, wizard.Pairing, error) {
	var none netip.Addr
	if !cfg.Pair.Peer.IsValid() {
		return none, wizard.Pairing{}, errors.New("this router is not the first of two yet\nhint: choose that in the wizard; it adds [pair] and [[vrrp]]")
	}
	at := slices.IndexFunc(front.Virtuals(cfg), func(v router.VirtualRouter) bool { return len(v.Addresses) > 0 && v.Addresses[0].Addr().Is4() })
	if at < 0 {
		return none, wizard.Pairing{}, errors.New("the house has no virtual address that two routers could share\nhint: the wizard adds a [[vrrp]]")
	}
	own := cfg.LAN.Address.Addr()
	if !slices.Contains(front.URLs(cfg), "http://"+own.String()+"/") {
		return none, wizard.Pairing{}, errors.New("the other router would look for this page at http://" + own.String() + "/\nhint: have it there with [web] listen until both know each other")
	}
	virtual := front.Virtuals(cfg)[at]
	var link netip.Prefix
	if i := slices.IndexFunc(virtual.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() }); i >= 0 {
		link = virtual.Addresses[i]
	}
	return own, wizard.Pairing{
		Router: cfg.Name, Peer: own, Secret: cfg.Pair.Secret, Domain: cfg.LAN.DNS.Domain,
		LAN:     netip.PrefixFrom(cfg.Pair.Peer, cfg.LAN.Address.Bits()),
		Virtual: virtual.Addresses[0], Link: link, ID: int(virtual.ID), Version: int(virtual.Version), Priority: max(1, virtual.Base-behind),
		DHCP: [2]netip.Addr{cfg.LAN.DHCP.First, cfg.LAN.DHCP.Last},
	}, nil
}
