package config

import (
	"slices"

	"github.com/twinpath/twinpath/router"
)

// settle gives a WAN its defaults and looks at what its keys say together.
func settle(r *reading, path string, w *router.WANConfig) {
	if !r.has(join(path, "weight")) {
		w.Weight = 1
	}
	w.Priced = r.has(join(path, "metered"))
	r.required(path, "name")
	var lines []router.Kind
	for _, kind := range [...]router.Kind{router.Static, router.PPPoE, router.Peer} {
		if r.has(join(path, kind.String())) {
			lines = append(lines, kind)
		}
	}
	if !r.has(join(path, "kind")) {
		w.Kind = inferred(lines)
	}
	r.settleLine(path, w.Kind, lines)
}

// inferred is the kind of a WAN that does not name it: that of the table it gives.
func inferred(lines []router.Kind) router.Kind {
	if len(lines) > 0 {
		return lines[0]
	}
	return router.DHCP
}

// settleLine looks at the tables of a WAN, lines, in the light of its kind.
func (r *reading) settleLine(path string, kind router.Kind, lines []router.Kind) {
	given := false
	for _, line := range lines {
		switch {
		case line == kind:
			given = true
		case kind != router.NoKind: // the problem of a wrong kind is told already
			r.problem(join(path, line.String()), "", "does not go with kind = %q", kind)
		}
	}
	if kind != router.Peer {
		r.required(path, "interface")
	}
	wanted, example := needs(kind)
	if wanted != nil && !given {
		r.problem(path, "for example "+example, "lacks %s, which kind = %q needs", kind, kind)
		return
	}
	for _, name := range wanted {
		r.required(join(path, kind.String()), name)
	}
}

// needs returns the keys without which a WAN of that kind cannot work.
func needs(kind router.Kind) (wanted []string, example string) {
	switch kind {
	case router.Static:
		return []string{"address", "gateway"}, `static = { address = "203.0.113.2/24", gateway = "203.0.113.1" }`
	case router.PPPoE:
		return []string{"user", "password"}, `pppoe = { user = "me@isp.example", password = "…" }`
	case router.Peer:
		return []string{"gateway"}, `peer = { gateway = "192.168.1.3" }`
	}
	return nil, ""
}

// required adds a problem when the table at path lacks the key.
func (r *reading) required(path, name string) {
	r.wants(path, name, "")
}

// wants is required with a hint.
func (r *reading) wants(path, name, hint string) {
	if !r.has(join(path, name)) && !slices.Contains(r.broken, path) {
		r.problem(path, hint, "lacks %s", name)
	}
}
