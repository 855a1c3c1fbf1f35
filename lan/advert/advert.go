package advert

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mdlayher/ndp"
)

// The lifetimes that devices are told. A router that dies without a word is forgotten after three adverts (RFC 4861 §6.2.1), and
// no address outlives its prefix for long: the limits of RFC 9096 §3.4.
const (
	routerLife    = 3 * mostPause
	preferredLife = 45 * time.Minute
	validLife     = 90 * time.Minute
)

// hopLimit is that of packets from the house (RFC 1700).
const hopLimit = 64

// longDomain is the longest domain whose option the library can write: options of more than 248 bytes are beyond its arithmetic
// (ndp v1.1.0). Nobody has one.
const longDomain = 238

// Advert is one router advertisement.
type Advert struct {
	Life     time.Duration // of the router as a way to the Internet; 0: it is none
	Prefixes []Told
	MTU      int              // 0: not said
	DNS      netip.Addr       // invalid: none
	DNSLife  time.Duration    // 0: it is not to be asked any more
	Domain   string           // empty: none
	MAC      net.HardwareAddr // of the sender; empty: not said
}

// Told is a prefix as devices are told of it.
type Told struct {
	Prefix           netip.Prefix
	Preferred, Valid time.Duration // 0: not for new connections, not at all
}

// now is the advert that says what is wanted at that time, with the prefixes that devices are to leave.
func (w Wanted) now(at time.Time, memory *memory) Advert {
	a := Advert{MTU: w.MTU, MAC: w.mac()}
	for _, p := range w.Prefixes {
		t := Told{p.Prefix, left(at, p.Preferred, preferredLife), left(at, p.Valid, validLife)}
		if p.Retired {
			t.Preferred = 0
		}
		t.Preferred = min(t.Preferred, t.Valid)
		if t.Valid > 0 {
			a.Prefixes = append(a.Prefixes, t)
		}
	}
	useful := w.Default || slices.ContainsFunc(a.Prefixes, func(t Told) bool { return t.Preferred > 0 })
	a.Prefixes = append(a.Prefixes, memory.others(at, a.Prefixes)...)
	if w.Default {
		a.Life = routerLife
	}
	if w.Resolver {
		// The address that the advert comes from: of two routers the one that serves has it.
		a.DNS, a.Domain = w.source(), w.Domain
		if useful {
			a.DNSLife = routerLife
		}
	}
	return a
}

// farewell is the last advert of a router that stops (RFC 4861 §6.2.5), which takes its prefixes along.
func (a Advert) farewell() Advert {
	a.Life, a.DNSLife, a.MTU = 0, 0, 0
	a.Prefixes = slices.Clone(a.Prefixes)
	for i := range a.Prefixes {
		a.Prefixes[i].Preferred = 0
	}
	return a
}

// empty reports whether it has nothing to say to devices that know nothing.
func (a Advert) empty() bool { return a.Life == 0 && len(a.Prefixes) == 0 }

// message is the advert as RFC 4861 §4.2 has it. Addresses and names come from adverts alone: there is no DHCPv6 in the house.
func (a Advert) message() *ndp.RouterAdvertisement {
	m := &ndp.RouterAdvertisement{CurrentHopLimit: hopLimit, RouterLifetime: a.Life}
	if len(a.MAC) > 0 {
		m.Options = append(m.Options, &ndp.LinkLayerAddress{Direction: ndp.Source, Addr: a.MAC})
	}
	if a.MTU > 0 {
		m.Options = append(m.Options, ndp.NewMTU(uint32(a.MTU)))
	}
	for _, p := range a.Prefixes {
		m.Options = append(m.Options, &ndp.PrefixInformation{
			PrefixLength: uint8(p.Prefix.Bits()), Prefix: p.Prefix.Addr(), OnLink: true, AutonomousAddressConfiguration: true,
			PreferredLifetime: p.Preferred, ValidLifetime: p.Valid,
		})
	}
	if a.DNS.IsValid() {
		m.Options = append(m.Options, &ndp.RecursiveDNSServer{Lifetime: a.DNSLife, Servers: []netip.Addr{a.DNS}})
	}
	if domain := strings.TrimSuffix(a.Domain, "."); a.DNS.IsValid() && domain != "" && len(domain) <= longDomain {
		m.Options = append(m.Options, &ndp.DNSSearchList{Lifetime: a.DNSLife, DomainNames: []string{domain}})
	}
	return m
}

// String is the advert as text, a line for each thing said.
func (a Advert) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "router %s\n", a.Life)
	for _, p := range a.Prefixes {
		fmt.Fprintf(&b, "prefix %s preferred %s valid %s\n", p.Prefix, p.Preferred, p.Valid)
	}
	if a.MTU > 0 {
		fmt.Fprintf(&b, "mtu %d\n", a.MTU)
	}
	if a.DNS.IsValid() {
		fmt.Fprintf(&b, "dns %s for %s domain %q\n", a.DNS, a.DNSLife, a.Domain)
	}
	if len(a.MAC) > 0 {
		fmt.Fprintf(&b, "from %s\n", a.MAC)
	}
	return b.String()
}

// sense is what matters of an advert: without lifetimes, which only count down.
func (a Advert) sense() string {
	var b strings.Builder
	fmt.Fprintln(&b, a.Life > 0, a.MTU, a.DNS, a.DNSLife > 0, a.Domain, a.MAC)
	for _, p := range a.Prefixes {
		fmt.Fprintln(&b, p.Prefix, p.Preferred > 0)
	}
	return b.String()
}
