package wizard

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// assign gives every port its use: house and lines follow.
func (d *Draft) assign(roles map[string]string, f Facts) {
	ports := d.ports(f)
	before := d.Lines
	d.Lines = nil
	leaves := d.House.Member && !slices.Contains(slices.Collect(maps.Values(roles)), forMember)
	for _, l := range before {
		if l.Kind == "peer" {
			if !leaves || l.Was != "" { // the way of a member goes with its network
				d.Lines = append(d.Lines, l)
			}
			continue
		}
		for _, p := range ports {
			switch role := roles[p.Name]; {
			case role == moved+l.Name:
				l.Interface = selector(p, f.Ports)
			case role != forLine || !matches(l.Interface, p):
				continue
			}
			d.Lines = append(d.Lines, l)
			break
		}
	}
	d.assignHouse(ports, roles, f)
	for _, mobile := range []bool{false, true} {
		for _, p := range ports {
			if roles[p.Name] == forLine && p.Mobile == mobile && d.line(p) < 0 {
				d.Lines = append(d.Lines, d.newLine(p, f))
			}
		}
	}
}

func (d *Draft) assignHouse(ports []Port, roles map[string]string, f Facts) {
	before, member := d.House.Ports, d.House.Member
	d.House.Ports, d.House.Member = nil, false
	if member && !slices.Contains(slices.Collect(maps.Values(roles)), forMember) {
		d.House.Chosen = false // the address was the other network's; a single port stays one: with its device the page's answers would go
	}
	for _, s := range before {
		for _, p := range ports {
			if role := roles[p.Name]; matches(s, p) && (role == forHouse || role == forMember) {
				d.House.Ports = append(d.House.Ports, s)
				break
			}
		}
	}
	for _, p := range ports {
		role := roles[p.Name]
		if (role == forHouse || role == forMember) && !slices.ContainsFunc(d.House.Ports, func(s string) bool { return matches(s, p) }) {
			d.House.Ports = append(d.House.Ports, selector(p, f.Ports))
		}
		if role == forMember {
			d.member(p)
		}
	}
}

// member makes the box one more device of a network: its router is the way to the Internet.
func (d *Draft) member(p Port) {
	d.House.Member, d.House.Single = true, true
	if !p.Gateway.IsValid() { // as the file has it
		return
	}
	if !d.House.Chosen || !p.Network.Contains(d.House.Address.Addr()) {
		d.House.Address, d.House.Chosen = p.Network, true
	}
	if !slices.ContainsFunc(d.Lines, func(l Line) bool { return l.Kind == "peer" }) {
		d.Lines = append(d.Lines, Line{Name: d.unused("router"), Kind: "peer", Gateway: p.Gateway, Seen: "The router of that network."})
	}
}

// costStep makes a line a backup of the one before; mostCost is the highest that a line can have.
const costStep, mostCost = 50, 250

func (d *Draft) newLine(p Port, f Facts) Line {
	l := Line{Interface: selector(p, f.Ports), Kind: "dhcp", Mobile: p.Mobile, Metered: p.Mobile, Seen: because(p), Network: p.Network}
	names := []string{"fibre", "cable"}
	if p.Mobile {
		names, l.Failback = []string{"mobile"}, "move"
	}
	if p.Leads == ToPPPoE {
		l.Kind = "pppoe"
	}
	for _, other := range d.Lines {
		l.Cost = min(max(l.Cost, other.Cost+costStep), mostCost)
	}
	for _, name := range names {
		if l.Name == "" && d.free(name) {
			l.Name = name
		}
	}
	if l.Name == "" {
		l.Name = d.unused("line")
	}
	return l
}

func (d *Draft) free(name string) bool {
	return !slices.ContainsFunc(d.Lines, func(l Line) bool { return l.Name == name })
}

// unused is a name that no line has: the word, or the word with a number.
func (d *Draft) unused(word string) string {
	name := word
	for n := 2; !d.free(name); n++ {
		name = fmt.Sprintf("%s%d", word, n)
	}
	return name
}

// look takes over what the ports show now.
func (d *Draft) look(f Facts) {
	d.House.Seen = nil
	for _, p := range f.Ports {
		if i := d.line(p); i >= 0 {
			l := &d.Lines[i]
			l.Seen, l.Network, l.Mobile = because(p), p.Network, p.Mobile && l.Kind != "peer"
			l.Metered = l.Metered || l.Mobile && !l.Priced
		}
	}
	for _, s := range d.House.Ports {
		for _, p := range f.Ports {
			if matches(s, p) {
				d.House.Seen = append(d.House.Seen, because(p))
			}
		}
	}
}

// networks returns what a line takes of the address space: what it offers and what is set on it.
func (l Line) networks() []netip.Prefix {
	var all []netip.Prefix
	add := func(a netip.Addr) {
		if a.IsValid() {
			all = append(all, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	switch l.Kind {
	case "peer":
		return nil
	case "static":
		if l.Address.IsValid() {
			all = append(all, l.Address.Masked())
		}
		add(l.Gateway)
	default:
		if l.Network.IsValid() {
			all = append(all, l.Network.Masked())
		}
	}
	return all
}
