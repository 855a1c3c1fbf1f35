package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/router"
)

// largestPPPoE is the size of a packet that PPPoE can carry over any port: RFC 4638 asks for 1500.
const largestPPPoE = 1500

// port looks at what a WAN wants of its port, and of its IPv6.
func (r *reading) port(seen places, at string, w router.WANConfig) {
	if w.Kind == router.Peer {
		for _, name := range [...]string{"vlan", "mac", "ipv6", "shape"} {
			if r.has(join(at, name)) {
				r.problem(join(at, name), "set it on the other router, whose line it is", "is only for a line of this router")
			}
		}
		return
	}
	r.unique(seen, w.MAC, join(at, "mac"), w.MAC)
	if w.Kind == router.PPPoE && w.MTU > largestPPPoE {
		r.problem(join(at, "mtu"), "leave it out: what fits is found out", "a PPPoE line carries packets of %d bytes at most, not %d", largestPPPoE, w.MTU)
	}
	if at = join(at, "shape"); r.has(at) && !r.has(join(at, "down")) && !r.has(join(at, "up")) {
		r.problem(at, `for example shape = { down = "95Mbit", up = "38Mbit" }`, "has no rate: needs one of down, up")
	}
}

// inside looks at the house's own IPv6.
func (r *reading) inside(l router.LAN) {
	const own = `for example prefix = "fd6c:7a1e:90b3::/64", with digits of your own`
	switch {
	case l.Translate && !r.has("lan.prefix"):
		r.problem("lan.ipv6", own, `"translate" needs lan.prefix, the network that the house keeps`)
	case r.has("lan.ipv6") && !l.IPv6 && r.has("lan.prefix"):
		r.problem("lan.prefix", "leave one of the two out", `does not go with ipv6 = "off"`)
	}
}

// names looks at the names in the DNS that follow the lines.
func (r *reading) names(cfg router.Config) {
	const custom = "custom"
	seen := places{}
	for i, d := range cfg.DDNS {
		at := element("ddns", i)
		r.wants(at, "provider", `for example provider = "dyndns.org"`)
		r.wants(at, "host", `for example host = "home.example.org"`)
		switch own := d.Provider == custom; {
		case own:
			r.wants(at, "server", `for example server = "dyndns.example.org"`)
			r.wants(at, "path", `for example path = "/update?host=%h&ip=%i"`)
		case d.Provider != "":
			for _, name := range [...]string{"server", "path"} {
				if r.has(join(at, name)) {
					r.problem(join(at, name), "", `is only for provider = %q`, custom)
				}
			}
		}
		if d.WAN != "" {
			r.wans(join(at, "wan"), []string{d.WAN}, cfg)
			if slices.ContainsFunc(cfg.WANs, func(w router.WANConfig) bool { return w.Name == d.WAN && w.Kind == router.Peer }) {
				r.problem(join(at, "wan"), "let the other router see to the names of its lines", "%s is a line of the other router", d.WAN)
			}
		}
		if strings.HasPrefix(d.Provider, "ipv6@") && !d.IPv6 {
			r.problem(join(at, "provider"), "add ipv6 = true", "%s is told IPv6 addresses", d.Provider)
		}
		for n, host := range d.Hosts {
			r.unique(seen, fmt.Sprint(host, d.IPv6), r.entry(join(at, "host"), n), host)
		}
	}
}
