package config

import (
	"net/netip"
	"path"

	"github.com/twinpath/twinpath/router"
)

// contradictions looks for what single values cannot show. A zero value in cfg is absent or told already.
func (r *reading) contradictions(cfg router.Config) {
	if r.has("lan") {
		r.lan(cfg.LAN)
		r.inside(cfg.LAN)
		r.hosts(cfg.LAN)
	}
	seen, macs := places{}, places{}
	for i, w := range cfg.WANs {
		at := element("wan", i)
		r.unique(seen, "name "+w.Name, join(at, "name"), w.Name)
		r.line(at, w, cfg)
		r.port(macs, at, w)
		r.budget(at, w, cfg)
		r.health(join(at, "health"), w.Health)
		r.checks(join(at, "check"), w.Health.Checks)
	}
	r.interfaces(cfg)
	r.addresses(cfg)
	r.policies(cfg)
	r.forwards(cfg)
	r.virtual(cfg)
	r.names(cfg)
	r.hearts(cfg)
	if r.has("web") {
		r.web(cfg)
	}
	if r.has("pair") {
		r.pair(cfg)
	}
	if r.has("alert") {
		r.alert(cfg.Alert)
	}
}

// places says where a thing was seen first.
type places map[string]string

// unique adds a problem when what was seen before, under key. An empty value is none.
func (r *reading) unique(seen places, key, at, what string) {
	if what == "" {
		return
	}
	if first, twice := seen[key]; twice {
		r.problem(at, "", "%s is given twice: also %s in line %d", what, first, r.lines.of(first))
		return
	}
	seen[key] = at
}

// use is an interface and who wants it.
type use struct {
	device, at string
	tag        int // of a tagged line; others on the same port go beside it
}

func (r *reading) interfaces(cfg router.Config) {
	uses := []use{{device: cfg.LAN.Interface, at: "lan.interface"}}
	for i, port := range cfg.LAN.Ports {
		uses = append(uses, use{device: port, at: element("lan.ports", i)})
	}
	for i, w := range cfg.WANs {
		if w.Kind != router.Peer {
			uses = append(uses, use{w.Interface, element("wan", i) + ".interface", w.VLAN})
		}
	}
	for i, u := range uses {
		for _, other := range uses[:i] {
			r.apart(u, other)
		}
	}
}

// apart adds a problem when two uses may mean the same interface.
func (r *reading) apart(u, other use) {
	if u.device == "" || other.device == "" || u.tag != other.tag {
		return
	}
	line := r.lines.of(other.at)
	switch {
	case u.device == other.device:
		r.problem(u.at, "", "%s is in use already: by %s in line %d", u.device, other.at, line)
	case fits(u.device, other.device), fits(other.device, u.device):
		r.problem(u.at, "make the pattern narrower, or name the interface or its MAC address",
			"%s and %s, which is %s in line %d, fit the same interface", u.device, other.device, other.at, line)
	}
}

// fits reports whether the pattern covers the kernel name.
func fits(pattern, name string) bool {
	_, mac := ethernet(name)
	ok, _ := path.Match(pattern, name)
	return ok && !mac && isPattern(pattern)
}

// addresses looks at the router's own fixed addresses and networks, all of which must differ.
// Two WANs may have the same network, since each has its own routing table.
func (r *reading) addresses(cfg router.Config) {
	seen := places{}
	if a := cfg.LAN.Address; a.IsValid() {
		seen[a.Addr().String()] = "lan.address"
	}
	for i, w := range cfg.WANs {
		at := element("wan", i) + ".static.address"
		if a := w.Static.Address; a.IsValid() {
			r.unique(seen, a.Addr().String(), at, a.Addr().String())
			if lan := cfg.LAN.Address; lan.IsValid() && lan.Overlaps(a) && lan.Addr() != a.Addr() {
				r.problem(at, "move the LAN to another network, for example "+elsewhere(a),
					"the network %s of this WAN overlaps that of the LAN, %s", a.Masked(), lan.Masked())
			}
		}
		if w.Peer.IsValid() {
			r.unique(seen, w.Peer.String(), element("wan", i)+".peer.gateway", w.Peer.String())
		}
	}
}

// elsewhere returns an address for the LAN that is off p.
func elsewhere(p netip.Prefix) string {
	for _, text := range [...]string{"192.168.77.1/24", "10.77.77.1/24"} {
		if other := netip.MustParsePrefix(text); !other.Overlaps(p) {
			return text
		}
	}
	return "172.20.77.1/24"
}
