package inet6

import (
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/wan"
)

// binding is what a DHCPv6 server has given.
type binding struct {
	Server    []byte         `json:"server"` // DUID
	Renew     time.Time      `json:"renew,omitzero"`
	Rebind    time.Time      `json:"rebind,omitzero"`
	Addresses []wan.Lifetime `json:"addresses,omitempty"`
	Prefixes  []wan.Lifetime `json:"prefixes,omitempty"`
	DNS       []netip.Addr   `json:"dns,omitempty"`
}

// empty tells whether it is of no use.
func (b *binding) empty() bool { return len(b.Addresses)+len(b.Prefixes) == 0 }

// lapse drops what has ended.
func (b *binding) lapse(now time.Time) {
	ended := func(l wan.Lifetime) bool { return over(l.Valid, now) }
	b.Addresses, b.Prefixes = slices.DeleteFunc(b.Addresses, ended), slices.DeleteFunc(b.Prefixes, ended)
}

// end is when something of it ends next; zero is never.
func (b *binding) end() (end time.Time) {
	for _, l := range slices.Concat(b.Addresses, b.Prefixes) {
		end = earlier(end, l.Valid)
	}
	return end
}

// merge takes a server's answer into what we had. "The client leaves unchanged any information about leases the client has
// recorded in the IA but that were not included in the IA from the server" (RFC 9915 §18.2.10.1).
func merge(had *binding, m *message, now time.Time) *binding {
	b := &binding{Server: m.server, DNS: m.dns}
	if had != nil {
		b.Addresses, b.Prefixes = slices.Clone(had.Addresses), slices.Clone(had.Prefixes)
		if len(b.DNS) == 0 {
			b.DNS = had.DNS
		}
	}
	b.Addresses = m.addresses.into(b.Addresses, now)
	b.Prefixes = m.prefixes.into(b.Prefixes, now)
	b.schedule(now, m.addresses, m.prefixes)
	return b
}

// into updates leases by those of the association. What is new stands behind what is known.
func (ia *association) into(leases []wan.Lifetime, now time.Time) []wan.Lifetime {
	if ia == nil {
		return leases
	}
	for _, g := range ia.leases {
		i := slices.IndexFunc(leases, func(l wan.Lifetime) bool { return l.Prefix == g.prefix })
		l := wan.Lifetime{Prefix: g.prefix, Preferred: after(now, g.preferred), Valid: after(now, g.valid)}
		switch {
		case g.valid == 0 && i >= 0:
			leases = slices.Delete(leases, i, i+1)
		case g.valid == 0:
		case i >= 0:
			leases[i] = l
		case len(leases) < most:
			leases = append(leases, l)
		}
	}
	return leases
}

// withoutPrefix is when a server that gave no prefix is asked again, at the latest. Chosen by us: the house waits for it.
const withoutPrefix = time.Hour

// schedule sets T1 and T2: the server's, if they leave time before the first lease ends, else half and four fifths of what is
// left for new connections (RFC 9915 §14.2, §21.4). Without an end there is nothing to do.
func (b *binding) schedule(now time.Time, parts ...*association) {
	b.Renew, b.Rebind = time.Time{}, time.Time{}
	shortest := b.end()
	if again := now.Add(withoutPrefix); len(b.Prefixes) == 0 && left(shortest, now) > 2*withoutPrefix {
		b.Renew, b.Rebind = again, again.Add(withoutPrefix)
		return
	}
	if shortest.IsZero() {
		return
	}
	valid := shortest.Sub(now)
	base := valid
	for _, l := range slices.Concat(b.Addresses, b.Prefixes) {
		if p := left(l.Preferred, now); p > 0 {
			base = min(base, p)
		}
	}
	t1, t2 := base/2, base*4/5
	for _, ia := range parts {
		if ia != nil && ia.t1 > 0 && len(ia.leases) > 0 {
			t1 = min(valid/2, max(time.Duration(ia.t1)*time.Second, valid/8)) // a server may not have us ask all the time
		}
		if ia != nil && ia.t2 > 0 && len(ia.leases) > 0 {
			t2 = min(valid*4/5, max(time.Duration(ia.t2)*time.Second, t1))
		}
	}
	b.Renew, b.Rebind = now.Add(t1), now.Add(max(t1, t2))
}

// known are the prefixes of leases, to be named to a server.
func known(leases []wan.Lifetime) []netip.Prefix {
	var all []netip.Prefix
	for _, l := range leases {
		all = append(all, l.Prefix)
	}
	return all
}
