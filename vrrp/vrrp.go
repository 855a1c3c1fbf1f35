// Package vrrp lets several routers share addresses (RFC 9568, and RFC 3768 for version 2).
//
// Machine is one election and Group the elections that move together: both pure, without clock, socket or
// goroutine. Engine is the driver: it owns the machines, the interfaces' wires and the virtual addresses, and talks
// to the kernel through the ports in ports.go. The bytes on the wire are packet's. The engine runs in a
// process of its own (sentinel), so that adverts wait for nothing else and outlive the daemon.
package vrrp

import (
	"net/netip"
	"time"
)

// Family is the address family of one election.
type Family uint8

const (
	NoFamily Family = iota
	IPv4
	IPv6
)

func (f Family) String() string { return [...]string{"none", "ipv4", "ipv6"}[f] }

// FamilyOf returns the family of an address.
func FamilyOf(a netip.Addr) Family {
	switch {
	case a.Is4(), a.Is4In6():
		return IPv4
	case a.Is6():
		return IPv6
	}
	return NoFamily
}

// Owner is the priority of the router that owns the addresses by itself (RFC 9568 §5.2.4).
const Owner = 255

// State is where an election stands.
type State uint8

const (
	Unknown State = iota
	Waiting       // not ready yet: no link seen, no address, no frame received (RFC: Initialize)
	Fault         // must not be Active: the interface is down, a check fails (RFC: Initialize)
	Backup
	Active
)

func (s State) String() string {
	return [...]string{"unknown", "waiting", "fault", "backup", "active"}[s]
}

// Router is one [[vrrp]] section as the engine needs it: one election for each family of its addresses.
type Router struct {
	Name      string
	ID        uint8  // VRID, 1 to 255
	Interface string // kernel name
	Version   uint8  // 2 or 3
	Base      int    // configured priority, 1 to 255
	Interval  time.Duration
	Addresses []netip.Prefix // of one or both families; in version 2 all IPv4

	Preempt      bool
	FastPreempt  bool // a lower advert of the Active starts our skew time instead of being ignored
	PreemptDelay time.Duration

	VirtualMAC bool
	Checksum   Checksum     // of version 3 over IPv4
	Peers      []netip.Addr // unicast; empty: multicast
	Group      string       // explicit group; empty: the router's own two families
	Auth       Auth
}

// Checksum says which of the two version 3 checksums over IPv4 is sent (RFC 9568 §5.2.8 against RFC 5798 §5.2.8).
type Checksum uint8

const (
	ChecksumAuto    Checksum = iota // as the peers do; while none was heard, with a pseudo-header, as Linux peers do
	ChecksumMessage                 // RFC 9568: the message only
	ChecksumPseudo                  // keepalived, FRR: with a pseudo-header
)

// AuthKind says how adverts prove where they come from.
type AuthKind uint8

const (
	NoAuth   AuthKind = iota
	Password          // version 2, clear text
	AH                // version 2, RFC 2402 with keepalived's deviations
	HMAC              // draft-cassen-vrrp-auth-hmac-00
)

func (k AuthKind) String() string { return [...]string{"none", "password", "ah", "hmac"}[k] }

// Auth is how a router's adverts are authenticated.
type Auth struct {
	Kind   AuthKind
	Keys   map[uint8][]byte // by key id; password and AH: the only one has id 0 and counts up to 8 bytes
	Active uint8            // id of the key that signs; all of them are accepted
}

// Wanted is everything wanted of the engine; it replaces what was wanted before.
type Wanted struct {
	Routers []Wish
	// Keep is how long the addresses of a router that must not be Active any more wait for its successor; 0: as long as
	// it may take one to notice, less than 0: for ever.
	Keep time.Duration
}

// Wish is one router and what the rest of the box thinks of it now.
type Wish struct {
	Router
	Priority int    // in force, 1 to 255
	Fault    string // not empty: it must not be Active, and this is why
	// Gone is a router that is known to be dead, since now: as its follower this one takes over at once.
	Gone Gone
	// Grace is how much longer than PreemptDelay a lower Active is left alone that is not broken, since its connections would not survive yet;
	// 0: not longer. It is GraceMost at most.
	Grace time.Duration
}

// Gone is a router by its addresses on the network; the zero value is none.
type Gone struct{ IPv4, IPv6 netip.Addr }

// of returns its address in one family.
func (g Gone) of(f Family) netip.Addr {
	if f == IPv6 {
		return g.IPv6
	}
	return g.IPv4
}
