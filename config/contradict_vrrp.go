package config

import (
	"fmt"
	"net/netip"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// virtual looks at the virtual routers beside each other and beside the rest of the file.
func (r *reading) virtual(cfg router.Config) {
	names, ids, addresses := places{}, places{}, places{}
	for i, o := range cfg.VRRP {
		at := element("vrrp", i)
		r.unique(names, o.Name, join(at, "name"), o.Name)
		r.wans(join(at, "track"), o.Track, cfg)
		r.virtualInterface(at, o, cfg)
		r.virtualID(ids, at, o, cfg)
		for n, p := range o.Addresses {
			if p.IsValid() {
				r.virtualAddress(addresses, r.entry(join(at, "addresses"), n), p.Addr(), o, cfg)
			}
		}
		r.virtualPeers(at, o, cfg)
		checks := places{}
		for n, c := range o.Checks {
			if c.Target != "" {
				r.unique(checks, fmt.Sprint(c.Kind, c.Target), join(element(join(at, "check"), n), c.Kind.String()), c.Target)
			}
			r.unique(checks, "name "+c.Name, join(element(join(at, "check"), n), "name"), c.Name)
		}
	}
}

func (r *reading) virtualInterface(at string, o router.VirtualRouter, cfg router.Config) {
	if o.Interface == "" {
		if !r.has("lan") && !r.has(join(at, "interface")) {
			r.wants(at, "interface", `for example interface = "eth0"`)
		}
		return
	}
	own := use{device: o.Interface, at: join(at, "interface")}
	for i, port := range cfg.LAN.Ports {
		if port == o.Interface || fits(o.Interface, port) || fits(port, o.Interface) {
			r.problem(own.at, "leave it out: without interface it is the house's side",
				"%s is a port of the house's bridge: %s in line %d", o.Interface, element("lan.ports", i), r.lines.of(element("lan.ports", i)))
		}
	}
	for i, w := range cfg.WANs {
		other := element("wan", i) + ".interface"
		if w.Kind != router.Peer && w.Interface != "" && (w.Interface == o.Interface || fits(o.Interface, w.Interface) || fits(w.Interface, o.Interface)) {
			r.problem(own.at, "adverts are for the house, never for an ISP", "%s may be the WAN in line %d", o.Interface, r.lines.of(other))
		}
	}
}

// segment names where a virtual router lives, so that two of them can be compared.
func segment(o router.VirtualRouter, cfg router.Config) string {
	if o.Interface == "" {
		return cfg.LAN.Device()
	}
	return o.Interface
}

func (r *reading) virtualID(seen places, at string, o router.VirtualRouter, cfg router.Config) {
	if o.ID == 0 {
		return
	}
	for _, family := range [...]vrrp.Family{vrrp.IPv4, vrrp.IPv6} {
		if !families(&o)[family] {
			continue
		}
		key := fmt.Sprint(segment(o, cfg), o.ID, family)
		if first, twice := seen[key]; twice {
			r.problem(join(at, "id"), "choose another id, or put the addresses into one section",
				"%d is in use for %s on this interface already: %s in line %d", o.ID, family, first, r.lines.of(first))
			return
		}
		seen[key] = join(at, "id")
	}
}

func (r *reading) virtualAddress(seen places, at string, a netip.Addr, o router.VirtualRouter, cfg router.Config) {
	key := a.String()
	if a.IsLinkLocalUnicast() {
		key += "%" + segment(o, cfg)
	}
	r.unique(seen, key, at, a.String())
	lan := cfg.LAN
	switch {
	case lan.Address.IsValid() && a == lan.Address.Addr() && o.Base != vrrp.Owner:
		r.problem(at, "give lan.address one of its own; or priority = 255, if this router owns the address",
			"%s is the router's own address", a)
	case within(a, lan.DHCP.First, lan.DHCP.Last):
		r.problem(at, "choose one outside of lan.dhcp.range", "%s may be given to another device: it is in the DHCP range %s to %s",
			a, lan.DHCP.First, lan.DHCP.Last)
	}
	for i, h := range lan.Hosts {
		if h.Address == a {
			r.problem(at, "", "%s belongs to a device: lan.host[%d] in line %d", a, i, r.lines.of(element("lan.host", i)))
		}
	}
	for i, w := range cfg.WANs {
		if w.Peer == a {
			r.problem(at, "the peer is reached under the address that it keeps", "%s is the gateway of wan[%d] in line %d",
				a, i, r.lines.of(element("wan", i)))
		}
	}
}

func (r *reading) virtualPeers(at string, o router.VirtualRouter, cfg router.Config) {
	seen := places{}
	for i, peer := range o.Peers {
		place := element(join(at, "peers"), i)
		if !peer.IsValid() {
			continue
		}
		r.unique(seen, peer.String(), place, peer.String())
		if peer == cfg.LAN.Address.Addr() {
			r.problem(place, "a peer is the other router", "%s is the router's own address", peer)
		}
		for _, p := range o.Addresses {
			if p.Addr() == peer {
				r.problem(place, "a peer is reached under the address that it keeps", "%s is the virtual address", peer)
			}
		}
	}
}
