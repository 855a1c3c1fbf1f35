// Package advert announces IPv6 to the house: which prefixes its devices take addresses from, and whether this router leads to
// the Internet (RFC 4861, RFC 4862).
//
// For says what is to be announced (pure). Machine says when, answers those who ask, remembers what devices were told, and hears
// who else announces (pure: now is an argument). Sender drives it over the sockets of internal/kernel.
package advert

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// House is the house's side of this router now. The zero value means that it is not there.
type House struct {
	router.Link
	Own netip.Addr // its link-local address, without a zone; invalid while it has none that can be used
}

// Wanted is what this router has to announce. The zero value means that nobody announces and nobody listens.
type Wanted struct {
	House
	Serves     bool             // this router announces; else it only hears the one that does
	Virtual    netip.Addr       // the virtual router's link-local address, which it announces from; invalid: from its own
	VirtualMAC net.HardwareAddr // that frames come from then; empty: the house side's own
	Default    bool             // this router leads to the Internet
	Prefixes   []Prefix         // each once
	Others     []netip.Prefix   // of the other router's lines: devices may know them, whether or not this one heard that
	MTU        int              // for every device in the house, in bytes
	Resolver   bool             // this router answers names
	Domain     string           // of the house; empty: none
	Peers      []string         // Ethernet addresses of the routers that it shares addresses with
	Shares     bool             // there should be some
	Masked     bool             // they speak from a virtual Ethernet address: another router here may be one of them
}

// Prefix is a /64 that devices take addresses from.
type Prefix struct {
	Prefix    netip.Prefix
	Retired   bool      // not for new connections: preferred lifetime 0
	Preferred time.Time // until then for new connections; zero: for ever
	Valid     time.Time // until then at all; zero: for ever
}

// For returns what this router has to announce.
func For(cfg router.Config, house House, snap *router.Snapshot) Wanted {
	l := cfg.LAN
	if !l.IPv6 || house.Name == "" {
		return Wanted{}
	}
	w := Wanted{House: house, MTU: house.MTU, Resolver: l.DHCP.First.IsValid() || l.DNS.On, Domain: l.DNS.Domain}
	w.elect(cfg, snap)
	if l.Prefix.IsValid() {
		w.Prefixes = append(w.Prefixes, Prefix{Prefix: l.Prefix})
	}
	for _, line := range snap.WANs {
		w.take(line, l.Translate)
	}
	if snap.Pair != nil && !l.Translate {
		w.others(snap.Pair.Lines)
	}
	return w
}

// others adds what the other router's lines give the house: the first /64 of each network, as of this router's own.
func (w *Wanted) others(lines []router.PartnerLine) {
	for _, line := range lines {
		for _, network := range line.Sources6 {
			p := netip.PrefixFrom(network.Masked().Addr(), 64)
			ours := slices.ContainsFunc(w.Prefixes, func(o Prefix) bool { return o.Prefix == p })
			if network.Bits() <= 64 && !ours && !slices.Contains(w.Others, p) {
				w.Others = append(w.Others, p)
			}
		}
	}
}

// take adds a line's prefix, and its size where the house is to use it. The prefix of a line that stands by is announced as
// retired: devices have their address of it ready when it is needed.
func (w *Wanted) take(line router.WANSnapshot, translate bool) {
	if line.Use6 && line.Kind == router.Peer.String() {
		// Devices keep what they have of the other router's prefix, which is not ours to prolong, and a router to send it to.
		w.Default = true
	}
	p, ok := line.Lease6.House()
	if !ok {
		return
	}
	if line.Ending6 { // who is told that a connection is over answers by us
		w.Default = true
	}
	if line.Use6 {
		w.Default = true
		w.MTU = min(w.MTU, line.MTU6)
	}
	if translate || slices.ContainsFunc(w.Prefixes, func(q Prefix) bool { return q.Prefix == p.Prefix }) {
		return
	}
	w.Prefixes = append(w.Prefixes, Prefix{Prefix: p.Prefix, Retired: !line.Use6, Preferred: p.Preferred, Valid: p.Valid})
}

// elect says whether this router serves the house, and from which address. An election for a link-local address decides it,
// else the one for the house's IPv4 gateway; without any this router is alone.
func (w *Wanted) elect(cfg router.Config, snap *router.Snapshot) {
	w.Serves = true
	for _, s := range snap.Speakers {
		if s.Interface == w.Name && s.Ours != "" && !s.Foreign && !slices.Contains(w.Peers, s.MAC) {
			w.Peers = append(w.Peers, s.MAC)
		}
	}
	slices.Sort(w.Peers)
	for _, v := range cfg.VRRP {
		if v.Interface != "" && v.Interface != cfg.LAN.Device() && v.Interface != w.Name {
			continue
		}
		w.Shares = true
		if a, ok := linkLocal(v); ok {
			w.Serves, w.Virtual = active(v.Name, vrrp.IPv6, snap), a
			if v.VirtualMAC {
				w.VirtualMAC = net.HardwareAddr{0, 0, 0x5e, 0, 2, v.ID} // RFC 9568 §7.3
			}
			return
		}
		if slices.ContainsFunc(v.Addresses, func(p netip.Prefix) bool { return cfg.LAN.Address.Contains(p.Addr()) }) {
			w.Serves, w.Masked = active(v.Name, vrrp.IPv4, snap), v.VirtualMAC
		}
	}
}

// linkLocal is the address that RFC 9568 §6.1 wants a virtual router of IPv6 to have.
func linkLocal(v router.VirtualRouter) (netip.Addr, bool) {
	i := slices.IndexFunc(v.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() })
	if i < 0 {
		return netip.Addr{}, false
	}
	return v.Addresses[i].Addr(), true
}

func active(name string, family vrrp.Family, snap *router.Snapshot) bool {
	return slices.ContainsFunc(snap.VRRP, func(e router.VRRPSnapshot) bool {
		return e.Name == name && e.Family == family.String() && e.State == vrrp.Active.String()
	})
}

// source is the address that is announced from; invalid while there is none.
func (w Wanted) source() netip.Addr {
	if w.Virtual.IsValid() {
		return w.Virtual
	}
	return w.Own
}

// mac is the Ethernet address that frames come from, and that devices send to.
func (w Wanted) mac() net.HardwareAddr {
	if len(w.VirtualMAC) > 0 {
		return w.VirtualMAC
	}
	mac, err := net.ParseMAC(w.MAC)
	if err != nil {
		return nil // it has none: a tunnel
	}
	return mac
}

// left is how long until then, at most limit; zero is for ever.
func left(now, until time.Time, limit time.Duration) time.Duration {
	if until.IsZero() {
		return limit
	}
	return min(max(until.Sub(now), 0), limit).Truncate(time.Second)
}
