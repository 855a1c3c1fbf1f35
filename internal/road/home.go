package road

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/router"
)

// home is what is known of the house's own side: its addresses and its names, which no provider is asked for.
type home struct {
	networks []netip.Prefix
	domain   string
	hosts    []router.Host
	server   netip.AddrPort // knows the names of all devices; none: nobody does
}

func homeOf(cfg *router.Config) home {
	h := home{domain: cfg.LAN.DNS.Domain, hosts: cfg.LAN.Hosts}
	if a := cfg.LAN.Address; a.IsValid() {
		h.networks = append(h.networks, a.Masked())
		if cfg.LAN.DNS.On || cfg.LAN.DHCP.First.IsValid() {
			h.server = netip.AddrPortFrom(a.Addr(), 53)
		}
	}
	for _, v := range cfg.VRRP {
		for _, p := range v.Addresses {
			h.networks = append(h.networks, p.Masked())
		}
	}
	return h
}

// holds reports whether an address is in the house, or this machine's own.
func (h home) holds(a netip.Addr) bool {
	return a.IsLoopback() || slices.ContainsFunc(h.networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// knows reports whether a name is one of the house: without a dot, or in its domain.
func (h home) knows(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return !strings.Contains(name, ".") || h.domain != "" && strings.HasSuffix(name, "."+strings.ToLower(h.domain))
}

// find looks up a name of the house.
func (h home) find(ctx context.Context, name string) ([]netip.Addr, error) {
	short, _, _ := strings.Cut(name, ".")
	if strings.EqualFold(short, "localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
	}
	for _, host := range h.hosts {
		if strings.EqualFold(host.Name, short) {
			return []netip.Addr{host.Address}, nil
		}
	}
	if !h.server.IsValid() {
		return nil, errors.New("no device of the house has that name")
	}
	if !strings.Contains(name, ".") && h.domain != "" {
		name += "." + h.domain
	}
	return lookUp(ctx, name, []netip.AddrPort{h.server}, net.Dialer{})
}
