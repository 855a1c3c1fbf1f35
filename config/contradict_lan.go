package config

import (
	"fmt"
	"net/netip"

	"github.com/twinpath/twinpath/router"
)

func (r *reading) lan(l router.LAN) {
	one, several := r.has("lan.interface"), r.has("lan.ports")
	switch {
	case one && several:
		r.problem("lan.ports", "keep one of the two", "does not go with lan.interface")
	case !one && !several:
		r.wants("lan", "interface", `for example interface = "eth0"; or ports = ["eth0", "eth2"], bridged`)
	case several && len(l.Ports) == 0 && r.listEmpty("lan.ports"):
		r.problem("lan.ports", `for example ["eth0", "eth2"]`, "is an empty list")
	}
	r.wants("lan", "address", `for example address = "192.168.1.1/24"`)
	if r.has("lan.dhcp") {
		r.dhcpRange(l)
	}
}

// listEmpty reports whether the list at path has no entry in the file.
func (r *reading) listEmpty(path string) bool { return !r.has(element(path, 0)) }

func (r *reading) dhcpRange(l router.LAN) {
	const at = "lan.dhcp.range"
	r.wants("lan.dhcp", "range", `for example range = ["192.168.1.100", "192.168.1.199"]`)
	first, last := l.DHCP.First, l.DHCP.Last
	if !first.IsValid() || !last.IsValid() || !l.Address.IsValid() {
		return
	}
	outside := false
	for i, a := range [...]netip.Addr{first, last} {
		outside = r.outside(element(at, i), a, l.Address) || outside
	}
	switch own := l.Address.Addr(); {
	case outside:
	case last.Less(first):
		r.problem(at, fmt.Sprintf("write [%q, %q]", last, first), "the range %s to %s runs backwards", first, last)
	case within(own, first, last):
		r.problem(at, "let it begin behind the router's address, or end before it", "the range %s to %s contains the router's own address %s", first, last, own)
	}
}

func within(a, first, last netip.Addr) bool {
	return a.IsValid() && first.IsValid() && last.IsValid() && !a.Less(first) && !last.Less(a)
}

// outside adds a problem, and reports true, when a is no host's address in the LAN's network.
func (r *reading) outside(at string, a netip.Addr, lan netip.Prefix) bool {
	switch {
	case !a.IsValid() || !lan.IsValid():
		return false
	case !lan.Contains(a):
		r.problem(at, "", "%s is not in the LAN's network %s", a, lan.Masked())
	case edge(lan, a) != "":
		r.problem(at, "", "%s is the %s address of the LAN's network %s", a, edge(lan, a), lan.Masked())
	default:
		return false
	}
	return true
}

func (r *reading) hosts(l router.LAN) {
	seen := places{}
	for i, h := range l.Hosts {
		at := element("lan.host", i)
		r.required(at, "mac")
		r.required(at, "address")
		r.unique(seen, h.MAC, join(at, "mac"), h.MAC)
		r.unique(seen, "name "+h.Name, join(at, "name"), h.Name)
		if !h.Address.IsValid() {
			continue
		}
		r.unique(seen, h.Address.String(), join(at, "address"), h.Address.String())
		if !r.outside(join(at, "address"), h.Address, l.Address) && h.Address == l.Address.Addr() {
			r.problem(join(at, "address"), "", "%s is the router's own address", h.Address)
		}
	}
}
