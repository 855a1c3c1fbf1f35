// Package handover decides whose connections go where while the house moves from one router of a pair to the other.
//
// The router that takes the house over, or may have to, sends what belongs to the other one's connections on to it over the LAN; the other one, their
// owner, goes on as before and answers the devices directly. Machine is pure: it says which Diversion is wanted of the kernel and what else is to be done;
// internal/kernel makes the Diversion, cmd/twinpath carries lists and news to and fro.
package handover

import (
	"net/netip"
	"slices"
)

// Diversion is what is wanted of the kernel: which packets of the house's devices go on to the other router. The zero value: none, and nothing of it is left.
type Diversion struct {
	Mode Mode
	// Seen, with Listed: what All has remembered goes to the other router, too.
	Seen bool
	LAN  []string // kernel names of the devices that the house's packets come in by, the one with the router's own address first
	// Partner is the Ethernet address of the other router on the LAN: what comes from it is never sent back.
	Partner  string
	Gateway4 netip.Addr     // the other router on the LAN; invalid: no IPv4 goes to it
	Gateway6 netip.Addr     // its link-local address; invalid: no IPv6 goes to it
	Subnets  []netip.Prefix // the house's networks: what is for them stays here
	// Uplinks are the devices that lead to the Internet. What a route leads elsewhere, to a VPN or another router in the house, stays here.
	Uplinks []string
	// Sources6 are the IPv6 networks that leave by this router's lines alone: the other one could not send what comes from there anywhere.
	Sources6 []netip.Prefix
}

// Mode is which packets a Diversion means.
type Mode uint8

const (
	None     Mode = iota // and the kernel has nothing of ours
	Prepared             // none; lists can be loaded
	All                  // every packet to the Internet but those of this router's own flows, and their flows are remembered
	Listed               // those of listed flows, and what can only be the middle of a connection that this router does not know
)

func (m Mode) String() string { return [...]string{"none", "prepared", "all", "listed"}[m] }

// Is reports whether two are the same.
func (d Diversion) Is(other Diversion) bool {
	return d.Mode == other.Mode && d.Seen == other.Seen && d.Partner == other.Partner && d.Gateway4 == other.Gateway4 && d.Gateway6 == other.Gateway6 &&
		slices.Equal(d.LAN, other.LAN) && slices.Equal(d.Subnets, other.Subnets) && slices.Equal(d.Uplinks, other.Uplinks) && slices.Equal(d.Sources6, other.Sources6)
}

// Neighbour is a device on the LAN as one router knows it.
type Neighbour struct {
	Address netip.Addr `json:"address"`
	MAC     string     `json:"mac"` // "02:00:00:00:00:10"
}
