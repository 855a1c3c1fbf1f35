package config

import (
	"time"

	"github.com/twinpath/twinpath/router"
)

func pairKeys() keys[router.Pair] {
	return keys[router.Pair]{
		{"peer", func(p *router.Pair, v value) { p.Peer = v.address4() }},
		{"secret", func(p *router.Pair, v value) { p.Secret = v.pairSecret() }},
		{"port", func(p *router.Pair, v value) { p.Port = uint16(v.number(1024, 65535)) }},
		{"heartbeat", func(p *router.Pair, v value) { p.Beat = v.beat() }},
		{"keep", func(p *router.Pair, v value) { p.Keep = v.duration(0, 24*time.Hour) }},
		{"handover", func(p *router.Pair, v value) { p.NoHandOver = !v.flag() }},
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

// beat reads how often the two routers give a sign of life. A Backup that follows a faster one finds its own late wake-ups in it, and
// nobody notices a slower one.
func (v value) beat() time.Duration {
	const least, most = 20 * time.Millisecond, time.Second
	if d := v.duration(0, most); d == 0 || d >= least {
		return d
	}
	v.problem(`"0s" for none`, "is shorter than %s", least)
	return 0
}

// settlePair gives [pair] its defaults.
func (r *reading) settlePair(p *router.Pair) {
	if !r.has("pair.port") {
		p.Port = 61112
	}
	if !r.has("pair.heartbeat") {
		p.Beat = 50 * time.Millisecond
	}
	if !r.has("pair.keep") {
		p.Keep = 30 * time.Minute
	}
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
