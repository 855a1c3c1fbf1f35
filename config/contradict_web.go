package config

import (
	"net/netip"

	"github.com/twinpath/twinpath/router"
)

// web looks at where the page is served: to the house, never to the Internet.
func (r *reading) web(cfg router.Config) {
	if !r.has("web.listen") && !r.has("web.tls") && !r.has("lan") {
		r.wants("web", "listen", `without a [lan] there is no address to choose: for example listen = ["192.0.2.10:80"]`)
	}
	seen := places{}
	for _, list := range [...]struct {
		at  string
		all []netip.AddrPort
	}{{"web.listen", cfg.Web.Listen}, {"web.tls", cfg.Web.TLS}} {
		for i, l := range list.all {
			if l.IsValid() {
				at := r.entry(list.at, i)
				r.unique(seen, l.String(), at, l.String())
				r.covered(seen, at, l)
				r.listener(at, l.Addr(), cfg)
			}
		}
	}
}

// covered adds a problem when another entry is every address of the family, with the same port.
func (r *reading) covered(seen places, at string, l netip.AddrPort) {
	every := netip.IPv6Unspecified()
	if l.Addr().Is4() {
		every = netip.IPv4Unspecified()
	}
	all, twice := seen[netip.AddrPortFrom(every, l.Port()).String()]
	if twice && l.Addr() != every {
		r.problem(at, "keep one of the two", "%s is served already: %s in line %d is every address", l, all, r.lines.of(all))
	}
}

// listener adds a problem when the page cannot, or must not, be served at one address.
func (r *reading) listener(at string, a netip.Addr, cfg router.Config) {
	for i, w := range cfg.WANs {
		if a == w.Static.Address.Addr() {
			r.problem(at, "the page is for the house: name an address of the LAN", "%s is the address of wan[%d] in line %d, which leads to the Internet",
				a, i, r.lines.of(element("wan", i)))
			return
		}
	}
	lan := cfg.LAN.Address
	switch {
	case a.IsUnspecified() && !r.has("lan"):
		r.problem(at, "name one address; only with a [lan] is it known which side may see the page", "%s is every address, those towards the Internet too", a)
	case a.IsUnspecified(), !r.has("lan"), !lan.IsValid():
	case a.IsLoopback():
		r.problem(at, "programs on this machine use the unix socket, or the LAN's address", "%s cannot be reached from the house", a)
	case a.Is4() && !lan.Contains(a) && !isVirtual(a, cfg):
		r.problem(at, "the page is for the house: name an address of the LAN", "%s is not in the LAN's network %s", a, lan.Masked())
	}
}

// isVirtual reports whether a is an address of a virtual router on the house's side.
func isVirtual(a netip.Addr, cfg router.Config) bool {
	for _, o := range cfg.VRRP {
		for _, p := range o.Addresses {
			if p.Addr() == a && segment(o, cfg) == cfg.LAN.Device() {
				return true
			}
		}
	}
	return false
}
