package vrrp

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

// claimed is a Claim with the wire it came by.
type claimed struct {
	Claim
	wire *wire
}

// guard has a wire look for strangers that use the virtual addresses of its elections.
func (e *Engine) guard(w *wire) {
	claims, can := w.Wire.(Claims)
	if !can {
		return
	}
	var addresses []netip.Addr
	for _, in := range w.members {
		addresses = append(addresses, in.list...)
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	if slices.Equal(addresses, w.guarded) {
		return
	}
	w.guarded = addresses
	if err := claims.Guard(addresses); err != nil {
		e.log.Warn("look for other users of virtual addresses", "interface", w.device, "err", err)
	}
}

// watchClaims passes on what a wire sees until it is closed.
func (e *Engine) watchClaims(ctx context.Context, w *wire, claims Claims) {
	for {
		c, err := claims.Claim()
		if err != nil {
			return // the reader says why
		}
		select {
		case <-ctx.Done():
			return
		case e.claims <- claimed{c, w}:
		}
	}
}

// contest deals with somebody who uses a virtual address. Other routers of its election do so while they are Active, and a
// moment longer; a stranger is named, and told that the address is ours.
func (e *Engine) contest(now time.Time, c claimed) {
	for _, in := range c.wire.members {
		if !slices.Contains(in.list, c.Address) || !in.settled(now) || e.router(now, in, c.MAC) {
			continue
		}
		e.say(now, in, Conflict, "stranger", "the host "+net.HardwareAddr(c.MAC[:]).String()+" uses "+c.Address.String()+", too")
		e.announceAgain(now, in)
	}
}

// settled reports whether the election has been Active for long enough to have heard the routers that were it before: a
// Backup cannot know all the hardware addresses that the Active's machine may answer with.
func (in *instance) settled(now time.Time) bool {
	v := in.group.View(in.key)
	return v.State == Active && now.Sub(v.Since) > in.wish.Interval
}

// router reports whether a MAC address is that of a router of the election, ourselves included.
func (e *Engine) router(now time.Time, in *instance, mac [6]byte) bool {
	if mac == in.mac || mac == packet.VirtualMAC(in.place.ID, in.place.Family == IPv6) {
		return true
	}
	for _, h := range e.speakers.table {
		if h.in == in && h.mac == mac && now.Sub(h.Last) < stale {
			return true
		}
	}
	return false
}
