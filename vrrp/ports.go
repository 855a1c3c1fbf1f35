package vrrp

import (
	"context"
	"net/netip"
	"time"
)

// Kernel is the engine's way to interfaces and addresses. internal/kernel has the real one.
type Kernel interface {
	// Open opens the wire of an interface. It works before the interface is up or has addresses.
	Open(device string) (Wire, error)
	// Devices returns every interface as it is now.
	Devices() ([]Device, error)
	// Hold makes the virtual addresses of this machine equal to all: adds what is missing, removes what we put there and
	// is not in all. With refresh it renews the lifetime of every one. It returns the addresses that had
	// been there by its last call and that somebody else has removed. It is called from one goroutine.
	Hold(all []Holding, refresh bool) (restored []Holding, err error)
	// Left returns virtual addresses that an engine before this one has left and that have not expired.
	Left() ([]Holding, error)
	// Watch calls changed whenever links or addresses may have changed, our own refreshing of lifetimes excepted.
	Watch(ctx context.Context, changed func()) error
}

// Refresh is how often the lifetime of a virtual address is renewed, and Lifetime the least that it is renewed to. With
// everything of ours dead or frozen the kernel removes the address by itself.
const (
	Lifetime = 3 * time.Second
	Refresh  = time.Second
)

// Device is a network interface.
type Device struct {
	Index     int
	Name      string
	MAC       [6]byte
	Up        bool         // IFF_UP and carrier
	Addresses []netip.Addr // its own ones that can be used: no virtual, tentative or failed ones; the kernel's order
}

// Wire is one interface's way to its network, below addresses and firewall. Receive is called from one goroutine, the
// others from any.
type Wire interface {
	// Receive waits for the next frame with a VRRP or AH packet from somebody else and returns its length.
	Receive(frame []byte) (int, error)
	// Poll is Receive without waiting: 0 when nothing is there.
	Poll(frame []byte) (int, error)
	// Transmit sends an Ethernet frame past every queue.
	Transmit(frame []byte) error
	// Unicast sends an IP packet, header included, through the kernel's routes and neighbours.
	Unicast(packet []byte, to netip.Addr) error
	// Alive returns a channel that is closed with the first frame from another station that a switch has forwarded:
	// bridge protocols do not count.
	Alive() <-chan struct{}
	Close() error
}

// Claims is what a Wire may have beside: a look at who else uses a virtual address.
type Claims interface {
	// Guard sets the addresses to look for, in place of earlier ones.
	Guard(addresses []netip.Addr) error
	// Claim waits for the next sign that another station uses one of them. It ends with the wire, like Receive, and is called
	// from one goroutine.
	Claim() (Claim, error)
}

// Claim is an ARP message with an address as its sender's, or a neighbour advertisement for it. Whose MAC address it is, another
// router's or a stranger's, is for the engine to tell; a radio may also echo our own.
type Claim struct {
	Address netip.Addr
	MAC     [6]byte
}

// Holding is one election's virtual addresses on an interface.
type Holding struct {
	Index      int // of the interface
	ID         uint8
	Family     Family
	VirtualMAC bool // on an interface of their own that has the virtual MAC address
	Addresses  []netip.Prefix
	// Lifetime is how long the addresses outlive the last refresh: longer than a Backup takes to take over, so that
	// nobody misses them. Whole seconds.
	Lifetime time.Duration
}
