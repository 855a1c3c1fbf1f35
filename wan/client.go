package wan

import (
	"context"
	"net/netip"
)

// Client gets and keeps the lease of one WAN.
type Client interface {
	// Run works until the context ends, then returns nil. It never gives the lease back by itself:
	// a restart of the daemon must not be felt.
	Run(ctx context.Context) error
	// LinkUp says that the carrier came back: the lease may be another network's and is confirmed.
	// After Release it starts afresh.
	LinkUp()
	// Dead says that the link is up but nothing beyond it answers. It is meant to be repeated as long
	// as that is so; the client spaces out what it does about it.
	Dead()
	// Release gives the lease back and reports that there is none. It returns when that has been sent.
	Release() error
}

var (
	_ Client = (*DHCP)(nil)
	_ Client = (*Static)(nil)
	_ Client = (*Peer)(nil)
)

// Static is a WAN whose lease is written in the configuration.
type Static struct {
	Name   string
	Lease  Lease
	Report func(Update)
}

// Run reports the lease at once and waits for the context to end.
func (s *Static) Run(ctx context.Context) error {
	lease := s.Lease
	s.Report(Update{WAN: s.Name, Lease: &lease, Reason: "the address is fixed"})
	<-ctx.Done()
	return nil
}

// LinkUp changes nothing: a fixed address is good on every carrier.
func (s *Static) LinkUp() {}

// Dead changes nothing: there is nobody to ask again.
func (s *Static) Dead() {}

// Release reports that there is no lease any more.
func (s *Static) Release() error {
	s.Report(Update{WAN: s.Name, Reason: "the line has been given up"})
	return nil
}

// Peer is the other router of the house used as a WAN, over the LAN. Its lease has a Gateway and no
// Address: ours on the LAN serves.
type Peer struct {
	Name    string
	Gateway netip.Addr // the other router's own address on the LAN
	Report  func(Update)
}

// Run reports the other router at once and waits for the context to end.
func (p *Peer) Run(ctx context.Context) error {
	lease := Lease{Gateway: p.Gateway, DNS: []netip.Addr{p.Gateway}}
	p.Report(Update{WAN: p.Name, Lease: &lease, Reason: "through the router " + p.Gateway.String()})
	<-ctx.Done()
	return nil
}

// LinkUp changes nothing: the other router has no lease to confirm.
func (p *Peer) LinkUp() {}

// Dead changes nothing: the other router looks after its own lines.
func (p *Peer) Dead() {}

// Release reports that the other router is not used any more.
func (p *Peer) Release() error {
	p.Report(Update{WAN: p.Name, Reason: "the other router is not used any more"})
	return nil
}
