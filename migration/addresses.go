package migration

import (
	"net/netip"
	"slices"
	"strings"
)

// addresses reads virtual_ipaddress.
func (k *keepalived) addresses(d *draft, e *entry) {
	for _, line := range e.block {
		k.address(d, line)
	}
	d.main = len(d.addresses)
}

// excluded reads virtual_ipaddress_excluded: addresses that keepalived sets and does not advertise.
func (k *keepalived) excluded(d *draft, e *entry) {
	before := len(d.addresses)
	for _, line := range e.block {
		k.address(d, line)
	}
	if len(d.addresses) > before {
		k.note(e.place, d.section, "virtual_ipaddress_excluded: these addresses are advertised too now; "+
			"a keepalived before 2.3.3 drops adverts whose addresses are not its own")
	}
}

// address reads one line: the address, and options in pairs and alone.
func (k *keepalived) address(d *draft, e *entry) {
	prefix, err := parsePrefix(e.keyword())
	if err != nil || !isHost(prefix.Addr()) || isEdge(prefix) || prefix.Bits() == 0 {
		k.note(e.place, d.section, "%s: is not an address that a router can have", e)
		return
	}
	for i := 1; i < len(e.words); i++ {
		switch option := e.words[i]; option {
		case "dev":
			i++
			if device := e.value(i); d.device == "" {
				d.device = device
			} else if device != d.device {
				k.note(e.place, d.section, "%s: an address lives on the interface of the adverts, %s: %s needs a [[vrrp]] section of "+
					"its own in the same group", e, d.device, device)
				return
			}
		case "brd", "broadcast":
			i++ // the kernel's own
		case "label", "scope", "peer", "preferred_lft":
			i++
			k.note(e.place, d.section, "%s: %s has no counterpart", e, option)
		case "-nodad", "nodad", "no_track", "home", "noprefixroute", "autojoin", "mngtmpaddr":
			// the engine knows what an address needs
		default:
			k.note(e.place, d.section, "%s: %s is not known", e, option)
		}
	}
	if len(d.addresses) == maxAddresses {
		k.note(e.place, d.section, "%s: left out: %d addresses are the most", e, maxAddresses)
		return
	}
	if !slices.ContainsFunc(d.addresses, func(p netip.Prefix) bool { return p.Addr() == prefix.Addr() }) {
		d.addresses = append(d.addresses, prefix)
	}
}

// parsePrefix reads an address; without a length it is alone, as in keepalived.
func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return a.WithZone("").Prefix(a.BitLen())
}

// peers reads unicast_peer.
func (k *keepalived) peers(d *draft, e *entry) {
	for _, line := range e.block {
		a, err := netip.ParseAddr(line.keyword())
		if err != nil || !isHost(a) {
			k.note(line.place, d.section, "%s: is not an address", line)
			continue
		}
		if len(line.words) > 1 {
			k.note(line.place, d.section, "%s: limits of the TTL have no counterpart", line)
		}
		if len(d.peers) < maxAddresses && !slices.Contains(d.peers, a) {
			d.peers = append(d.peers, a)
		}
	}
}
