package kernel

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

// Virtual is the VRRP engine's kernel: wires, virtual addresses, and the interfaces that carry virtual MAC addresses, in
// the network namespace of the calling thread. It implements vrrp.Kernel.
type Virtual struct {
	log  *slog.Logger
	news news

	// What follows is Hold's, and as its last look and its changes since have it.
	devices   map[int]device
	own       map[int][]netip.Prefix // addresses that are not virtual, by interface
	boards    map[string]*board
	left      map[addressKey]bool // virtual addresses that we did not put there
	held      map[addressKey]place
	refreshed time.Time
}

// place is a virtual address that we put on an interface.
type place struct {
	seat
	noRoute  bool
	lifetime time.Duration
}

// seat is a virtual address as an election knows it, whatever interface it has to be on.
type seat struct {
	index      int
	id         uint8
	family     vrrp.Family
	virtualMAC bool
	address    netip.Prefix
}

var _ vrrp.Kernel = (*Virtual)(nil)

// NewVirtual returns a Virtual that has done nothing yet.
func NewVirtual(log *slog.Logger) *Virtual {
	return &Virtual{
		log:    log,
		boards: make(map[string]*board),
		held:   make(map[addressKey]place),
	}
}

// Devices implements vrrp.Kernel. The interfaces of virtual MAC addresses are left out: no election is held on one.
func (v *Virtual) Devices() ([]vrrp.Device, error) {
	links, addresses, err := survey()
	if err != nil {
		return nil, err
	}
	usable := make(map[int][]netip.Addr)
	for _, a := range addresses {
		if !a.virtual && a.flags&unusable == 0 {
			usable[a.index] = append(usable[a.index], a.prefix.Addr())
		}
	}
	all := make([]vrrp.Device, 0, len(links))
	for _, d := range links {
		if isBoard(d) {
			continue
		}
		one := vrrp.Device{Index: d.Index, Name: d.Name, Up: d.Up && d.Carrier, Addresses: usable[d.Index]}
		if mac, err := net.ParseMAC(d.MAC); err == nil {
			copy(one.MAC[:], mac)
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b vrrp.Device) int { return a.Index - b.Index })
	return all, nil
}

// survey lists all interfaces and addresses.
func survey() (map[string]device, []shownAddress, error) {
	s, err := dial()
	if err != nil {
		return nil, nil, err
	}
	defer s.close()
	links, err := s.links()
	if err != nil {
		return nil, nil, err
	}
	addresses, err := s.addressList()
	return links, addresses, err
}

// Left implements vrrp.Kernel. On an interface with a virtual MAC address its name tells whose they are; elsewhere
// the VRID is 0.
func (v *Virtual) Left() ([]vrrp.Holding, error) {
	links, addresses, err := survey()
	if err != nil {
		return nil, fmt.Errorf("look for virtual addresses: %w", err)
	}
	boards := make(map[int]vrrp.Holding)
	for _, d := range links {
		if !isBoard(d) {
			continue
		}
		parent, id, family, _ := vrrp.ParseDeviceName(d.Name)
		boards[d.Index] = vrrp.Holding{Index: parent, ID: id, Family: family, VirtualMAC: true}
	}
	var all []vrrp.Holding
	for _, a := range addresses {
		if !a.virtual {
			continue
		}
		h, there := boards[a.index]
		if !there {
			h = vrrp.Holding{Index: a.index, Family: vrrp.FamilyOf(a.prefix.Addr())}
		}
		all = join(all, h, a.prefix)
	}
	return all, nil
}

// join adds an address to its holding in a list.
func join(all []vrrp.Holding, h vrrp.Holding, address netip.Prefix) []vrrp.Holding {
	for i, o := range all {
		if o.Index == h.Index && o.ID == h.ID && o.Family == h.Family && o.VirtualMAC == h.VirtualMAC {
			all[i].Addresses = append(o.Addresses, address)
			return all
		}
	}
	h.Addresses = []netip.Prefix{address}
	return append(all, h)
}
