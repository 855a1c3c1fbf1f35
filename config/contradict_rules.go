package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/router"
)

func (r *reading) policies(cfg router.Config) {
	for i, p := range cfg.Policies {
		at := element("policy", i)
		r.classed(at, p, cfg)
		r.wans(join(at, "wan"), p.WANs, cfg)
	}
}

// wans adds a problem for each name that no WAN has, and each given twice.
func (r *reading) wans(at string, names []string, cfg router.Config) {
	known := make([]string, len(cfg.WANs))
	for i, w := range cfg.WANs {
		known[i] = w.Name
	}
	for i, name := range names {
		switch place := r.entry(at, i); {
		case name == "":
		case !slices.Contains(known, name):
			r.problem(place, hintAmong(name, known), "there is no WAN %q", name)
		case slices.Contains(names[:i], name):
			r.problem(place, "", "%s is given twice", name)
		}
	}
}

// entry is the path of a list's n-th entry, or that of the single value that stands for the list.
func (r *reading) entry(at string, n int) string {
	if r.has(element(at, n)) {
		return element(at, n)
	}
	return at
}

func hintAmong(name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	known = slices.DeleteFunc(slices.Clone(known), func(s string) bool { return s == "" })
	if len(known) == 0 {
		return "this file has no [[wan]]"
	}
	return "this file has " + strings.Join(known, ", ")
}

func (r *reading) forwards(cfg router.Config) {
	for i, f := range cfg.Forwards {
		at := element("firewall.forward", i)
		for _, name := range [...]string{"proto", "port", "to"} {
			r.required(at, name)
		}
		r.wans(join(at, "wan"), f.WANs, cfg)
		r.forwardTarget(join(at, "to"), f, cfg.LAN)
		for j, other := range cfg.Forwards[:i] {
			if clash(f, other) {
				r.problem(join(at, "port"), "", "%s %s is forwarded already: firewall.forward[%d] in line %d",
					f.Proto, span(f.Ports), j, r.lines.of(element("firewall.forward", j)))
				break
			}
		}
	}
}

func (r *reading) forwardTarget(at string, f firewall.Forward, lan router.LAN) {
	to := f.To.Addr()
	switch {
	case !to.IsValid():
	case !r.has("lan"):
		r.problem(at, "", "there is no [lan] that %s could be in", to)
	case to.Is6():
		r.pinhole(at, f, lan)
	case r.outside(at, to, lan.Address):
	case to == lan.Address.Addr():
		r.problem(at, "a forward leads to a device in the house", "%s is the router's own address", to)
	case f.Ports.First != f.Ports.Last && f.To.Port() != 0:
		r.problem(at, fmt.Sprintf("write %q", to), "a range of ports keeps its ports: no port can be given here")
	}
}

// pinhole looks at a port of a device that has an address of its own in the Internet.
func (r *reading) pinhole(at string, f firewall.Forward, lan router.LAN) {
	switch to := f.To.Addr(); {
	case !lan.IPv6:
		r.problem(at, `leave out ipv6 = "off"`, "the house has no IPv6")
	case f.To.Port() != 0 && (f.To.Port() != f.Ports.First || f.Ports.First != f.Ports.Last):
		r.problem(at, fmt.Sprintf("write %q", to), "over IPv6 the device itself is reached, at the port that is asked for")
	}
}

// clash reports whether two forwards want the same packets.
func clash(a, b firewall.Forward) bool {
	if a.To.Addr().Is6() || b.To.Addr().Is6() { // each to a device of its own
		return a.To.Addr() == b.To.Addr() && a.Proto == b.Proto && a.Proto != "" && a.Ports == b.Ports
	}
	ports := a.Ports.First <= b.Ports.Last && b.Ports.First <= a.Ports.Last && a.Ports.First > 0 && b.Ports.First > 0
	wans := len(a.WANs) == 0 || len(b.WANs) == 0 ||
		slices.ContainsFunc(a.WANs, func(name string) bool { return slices.Contains(b.WANs, name) })
	return a.Proto == b.Proto && a.Proto != "" && ports && wans
}

func span(p firewall.PortRange) string {
	if p.First == p.Last {
		return fmt.Sprint(p.First)
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}
