// Package ddns keeps names in the DNS that lead to this house: home.example.org is the address of the line that carries it.
//
// wish says to what address an entry's names are to lead (pure), name when its provider is to be told (pure), Inadyn tells it, by the
// program of that name; Registrar is the task that has it all done.
package ddns

import (
	"net/netip"
	"slices"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// wish is where an entry's names are to lead.
type wish struct {
	wan     string
	address netip.Addr // as the line has it; invalid: by another router's
	public  bool       // it is the Internet's address of the line; else that has to be asked for
}

// wishOf returns where an entry's names are to lead now. Without one they are not this router's business: it does not serve the house, or
// no line works. A name of one WAN follows that whoever serves.
func wishOf(e router.DDNS, s *router.Snapshot) (wish, bool) {
	i := slices.IndexFunc(s.WANs, func(w router.WANSnapshot) bool {
		if e.WAN != "" {
			return w.Name == e.WAN
		}
		return w.Active && serves(s)
	})
	if i < 0 || !works(s.WANs[i]) {
		return wish{}, false
	}
	w := s.WANs[i]
	if e.IPv6 {
		return wish6(w)
	}
	a, _ := netip.ParseAddr(w.Address) // a peer's line has none
	if w.Kind == router.Peer.String() {
		a = netip.Addr{}
	}
	return wish{wan: w.Name, address: a, public: reachable(a)}, true
}

// wish6 is that of IPv6, which is translated nowhere on its way.
func wish6(w router.WANSnapshot) (wish, bool) {
	if w.IPv6 == nil || w.IPv6.State != health.Up.String() {
		return wish{}, false
	}
	a, err := netip.ParseAddr(w.IPv6.Address)
	if err != nil || !reachable(a) {
		return wish{}, false
	}
	return wish{wan: w.Name, address: a, public: true}, true
}

func works(w router.WANSnapshot) bool {
	return w.State == health.Up.String() || w.State == health.Degraded.String()
}

// serves reports whether this router is the one that the house sends to: it has an election, or there is none.
func serves(s *router.Snapshot) bool {
	return len(s.VRRP) == 0 || slices.ContainsFunc(s.VRRP, func(v router.VRRPSnapshot) bool { return v.State == vrrp.Active.String() })
}

// reachable reports whether an address can be the Internet's name for us: none of a house (RFC 1918, RFC 4193) or of an ISP's
// translation (RFC 6598).
func reachable(a netip.Addr) bool {
	return a.IsValid() && a.IsGlobalUnicast() && !a.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(a)
}
