package wan

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// address reads one IPv4 address.
func address(raw []byte) (netip.Addr, bool) {
	if len(raw) != net.IPv4len {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(raw)), true
}

// addresses reads a list of IPv4 addresses.
func addresses(raw []byte) ([]netip.Addr, bool) {
	if len(raw) == 0 || len(raw)%net.IPv4len != 0 {
		return nil, false
	}
	var list []netip.Addr
	for ; len(raw) > 0; raw = raw[net.IPv4len:] {
		list = append(list, netip.AddrFrom4([4]byte(raw)))
	}
	return list, true
}

// usable tells whether a host on a network may have this address (RFC 1122 §3.2.1.3).
func usable(a netip.Addr) bool {
	b := a.As4()
	return b[0] != 0 && b[0] != 127 && b[0] < 224 && !a.IsLinkLocalUnicast()
}

// edge tells whether the address is its network's own or its broadcast address.
// Networks of one and two addresses have neither (RFC 3021).
func edge(p netip.Prefix) bool {
	if p.Bits() > 30 {
		return false
	}
	b := p.Addr().As4()
	host := binary.BigEndian.Uint32(b[:]) << p.Bits() >> p.Bits()
	return host == 0 || host == 1<<(32-p.Bits())-1
}

// readRoutes finds the gateway. Classless routes win over the router option (RFC 3442).
func (r *reply) readRoutes(o dhcpv4.Options) {
	raw := o.Get(dhcpv4.OptionClasslessStaticRoute)
	if raw != nil && r.readClassless(raw) {
		if r.lease.Gateway.IsValid() {
			return
		}
		// RFC 3442 wants the router option ignored even then; the house would be offline.
		r.fault(NoDefault)
	}
	routers, ok := addresses(o.Get(dhcpv4.OptionRouter))
	if !ok {
		if o.Has(dhcpv4.OptionRouter) {
			r.fault(BadGateway)
		}
		return
	}
	for _, g := range routers {
		if r.reaches(g) {
			r.lease.Gateway = g
			return
		}
		r.fault(BadGateway)
	}
}

// reaches tells whether the gateway is on the link. A network of a single address says nothing about
// its neighbours: some providers give a /32 and a gateway beside it.
func (r *reply) reaches(g netip.Addr) bool {
	if !usable(g) || g == r.lease.Address.Addr() {
		return false
	}
	network := r.lease.Address
	return network.Bits() == 32 || network.Contains(g) && !edge(netip.PrefixFrom(g, network.Bits()))
}

// readClassless reads option 121. It tells whether the option could be decoded.
func (r *reply) readClassless(raw []byte) bool {
	const most = 64 // chosen by us: no home line needs more, and each is a route in the kernel
	routes, ok := classless(raw)
	if !ok {
		r.fault(BadRoutes)
		return false
	}
	seen := map[netip.Prefix]bool{}
	for _, route := range routes {
		switch {
		case seen[route.Destination]:
		case route.Destination.Bits() == 0 && r.reaches(route.Gateway):
			r.lease.Gateway = route.Gateway
		case route.Destination.Bits() == 0 || !r.sound(route):
			r.fault(BadRoutes)
			continue
		case len(r.lease.Routes) == most:
			r.fault(TooMany)
			return true
		default:
			r.lease.Routes = append(r.lease.Routes, route)
		}
		seen[route.Destination] = true
	}
	return true
}

func (r *reply) sound(route StaticRoute) bool {
	return usable(route.Destination.Addr()) && (route.Gateway == netip.IPv4Unspecified() || r.reaches(route.Gateway))
}

// classless decodes option 121: length of the prefix, its significant bytes, gateway.
func classless(raw []byte) (routes []StaticRoute, ok bool) {
	for len(raw) > 0 {
		bits := int(raw[0])
		size := (bits + 7) / 8
		if bits > 32 || len(raw) < 1+size+net.IPv4len {
			return nil, false
		}
		var destination [4]byte
		copy(destination[:], raw[1:1+size])
		routes = append(routes, StaticRoute{
			Destination: netip.PrefixFrom(netip.AddrFrom4(destination), bits).Masked(),
			Gateway:     netip.AddrFrom4([4]byte(raw[1+size:])),
		})
		raw = raw[1+size+net.IPv4len:]
	}
	return routes, len(routes) > 0
}

// terms are how long a lease holds, counted from when it was asked for.
type terms struct{ lease, renew, rebind time.Duration }

const (
	forever  = 0xffffffff * time.Second // RFC 2131 §3.3
	shortest = time.Minute              // chosen by us: renewing more often than this is a server's mistake
)

// readTerms reads the lease time, T1 and T2. What is missing or out of order becomes the default of
// RFC 2131 §4.4.5: half of the lease, and seven eighths.
func (r *reply) readTerms(o dhcpv4.Options) terms {
	t := terms{
		lease:  seconds(o.Get(dhcpv4.OptionIPAddressLeaseTime)),
		renew:  seconds(o.Get(dhcpv4.OptionRenewTimeValue)),
		rebind: seconds(o.Get(dhcpv4.OptionRebindingTimeValue)),
	}
	if t.lease < shortest {
		r.fault(BadLeaseTime)
		t.lease = shortest
	}
	defaults := terms{t.lease, t.lease / 2, t.lease / 8 * 7}
	if t.renew == 0 && t.rebind == 0 {
		return defaults
	}
	if t.renew == 0 {
		t.renew = min(defaults.renew, t.rebind/2)
	}
	if t.rebind == 0 {
		t.rebind = max(defaults.rebind, (t.renew+t.lease)/2)
	}
	if t.renew < shortest/4 || t.renew >= t.rebind || t.rebind >= t.lease {
		r.fault(BadLeaseTime)
		return defaults
	}
	return t
}

func seconds(raw []byte) time.Duration {
	if len(raw) != 4 {
		return 0
	}
	return time.Duration(binary.BigEndian.Uint32(raw)) * time.Second
}
