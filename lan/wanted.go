// Package lan serves the house: it hands out addresses and answers names, through the program dnsmasq.
//
// For says what the house is to be served with (pure), Wanted.arguments and Wanted.servers how dnsmasq is told (pure);
// Server keeps one dnsmasq running that way, for as long as this router is the one that serves. Share tells the leases to the other router
// of a pair, and Lookout looks whether somebody else in the house gives addresses away.
package lan

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// Wanted is what the house is to be served with. The zero value means nothing: no dnsmasq runs.
type Wanted struct {
	Device   string       // kernel name of the house's side
	Virtual  string       // pattern of its interfaces with a virtual MAC address; empty: none
	Own      netip.Prefix // this router's address
	Gateway  netip.Addr   // what devices are told: the virtual address, or Own
	Router   string       // this router's name
	DHCP     router.DHCPServer
	Domain   string
	Hosts    []router.Host
	Upstream []Upstream
}

// Upstream is a server to ask names of.
type Upstream struct {
	Server netip.Addr
	Device string // to ask it by, since an ISP's server answers its own customers only; empty: by any
}

// Quiet is w without the addresses: another DHCP server gives them away, or may.
func (w Wanted) Quiet() Wanted {
	w.DHCP = router.DHCPServer{}
	return w
}

// Asked reports whether the owner wants the house served with anything.
func Asked(l router.LAN) bool { return l.DHCP.First.IsValid() || l.DNS.On }

// For returns what the house is to be served with by this router now. The link is the house's; its zero value means that
// it is not there.
func For(cfg router.Config, house router.Link, snap *router.Snapshot) Wanted {
	l := cfg.LAN
	address, ours, virtual := gateway(cfg, house, snap)
	if !Asked(l) || !ours || house.Name == "" || !l.Address.IsValid() {
		return Wanted{}
	}
	w := Wanted{
		Device: house.Name, Own: l.Address, Gateway: address, Router: cfg.Name,
		DHCP: l.DHCP, Domain: l.DNS.Domain, Hosts: l.Hosts, Upstream: upstream(l.DNS.Upstream, snap.WANs),
	}
	if virtual {
		w.Virtual = vrrp.DevicePattern(house.Index)
	}
	return w
}

// gateway returns the address that devices send to, whether it is on this router now, and whether it has a MAC address of
// its own.
func gateway(cfg router.Config, house router.Link, snap *router.Snapshot) (address netip.Addr, ours, virtual bool) {
	lan := cfg.LAN.Address
	for _, v := range cfg.VRRP {
		election, held := electionOf(v.Name, snap)
		if v.Interface != "" && v.Interface != cfg.LAN.Device() && election.Interface != house.Name {
			continue
		}
		for _, p := range v.Addresses {
			if a := p.Addr(); a.Is4() && lan.Contains(a) {
				return a, held, v.VirtualMAC
			}
		}
	}
	return lan.Addr(), true, false
}

// electionOf returns the IPv4 election of a virtual router, and whether this router is its Active.
func electionOf(name string, snap *router.Snapshot) (router.VRRPSnapshot, bool) {
	for _, e := range snap.VRRP {
		if e.Name == name && e.Family == vrrp.IPv4.String() {
			return e, e.State == vrrp.Active.String()
		}
	}
	return router.VRRPSnapshot{}, false
}

// upstream returns the owner's servers, else those of the WANs that carry the house, else, with all of them down, those of
// every WAN: one may come back.
func upstream(owners []netip.Addr, wans []router.WANSnapshot) []Upstream {
	var all []Upstream
	for _, a := range owners {
		all = append(all, Upstream{Server: a})
	}
	if len(all) > 0 {
		return all
	}
	for _, w := range wans {
		if w.Active {
			all = append(all, servers(w, cmp.Or(w.Device, w.Interface))...)
		}
	}
	if len(all) > 0 {
		return all
	}
	for _, w := range wans {
		all = append(all, servers(w, "")...)
	}
	return slices.Compact(all)
}

// servers are a line's, those of its IPv6 behind the others and only while that leads anywhere.
func servers(w router.WANSnapshot, device string) []Upstream {
	texts := w.DNS
	if w.IPv6 != nil && w.IPv6.State == "up" {
		texts = slices.Concat(texts, w.IPv6.DNS)
	}
	var all []Upstream
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" && (device != "" || !a.IsLinkLocalUnicast()) {
			all = append(all, Upstream{Server: a, Device: device})
		}
	}
	return all
}
