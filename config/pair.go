package config

import (
	"github.com/twinpath/twinpath/router"
)

func pairKeys() keys[router.Pair] {
	return keys[router.Pair]{
		{"peer", func(p *router.Pair, v value) { p.Peer = v.address4() }},
		{"secret", func(p *router.Pair, v value) { p.Secret = v.pairSecret() }},
	}
}

// pairSecret reads what both routers know and nobody else. 16 characters of the wizard's alphabet are 80 bits.
func (v value) pairSecret() string {
	const least, most = 16, 128
	text := v.secret(most)
	if text != "" && len(text) < least {
		v.problem("for example from: openssl rand -hex 16", "is %d bytes long: %d to %d", len(text), least, most)
		return ""
	}
	return text
}

// pair looks at the other router of the house.
func (r *reading) pair(cfg router.Config) {
	const at = "pair.peer"
	r.wants("pair", "peer", `the other router's address, for example peer = "192.168.1.3"`)
	r.wants("pair", "secret", "the same on both; for example from: openssl rand -hex 16")
	peer, lan := cfg.Pair.Peer, cfg.LAN
	switch {
	case !peer.IsValid():
		return
	case !r.has("lan"):
		r.problem(at, "", "there is no [lan] that %s could be in", peer)
		return
	case r.outside(at, peer, lan.Address):
	case peer == lan.Address.Addr():
		r.problem(at, "name the other router's lan.address", "%s is the router's own address", peer)
	case within(peer, lan.DHCP.First, lan.DHCP.Last):
		r.problem(at, "choose one outside of lan.dhcp.range", "%s may be given to another device: it is in the DHCP range %s to %s",
			peer, lan.DHCP.First, lan.DHCP.Last)
	}
	for i, o := range cfg.VRRP {
		for n, p := range o.Addresses {
			if p.Addr() == peer {
				place := r.entry(join(element("vrrp", i), "addresses"), n)
				r.problem(at, "name the address that the other router keeps: its lan.address",
					"%s is a virtual address: %s in line %d", peer, place, r.lines.of(place))
			}
		}
	}
}
