package wan

import (
	"net/netip"
	"time"
)

// Lease6 is what a WAN has of IPv6: by router advertisements (RFC 4861), DHCPv6 (RFC 9915), or both. It is immutable once published.
type Lease6 struct {
	Device    string       `json:"device,omitempty"`    // as of a Lease
	Gateway   netip.Addr   `json:"gateway"`             // the ISP's router, link-local without a zone; invalid: nobody advertises a default route
	Until     time.Time    `json:"until,omitzero"`      // how long it is one; zero: for ever
	Addresses []Lifetime   `json:"addresses,omitempty"` // our own on the line, with the length of the on-link network (128: none)
	Prefixes  []Lifetime   `json:"prefixes,omitempty"`  // delegated to us, for the house (RFC 9915 §6.3)
	DNS       []netip.Addr `json:"dns,omitempty"`
	MTU       int          `json:"mtu,omitempty"` // of the advertisement; 0: the link's
}

// Lifetime is a prefix, or an address with its length, and how long it may be used.
type Lifetime struct {
	Prefix    netip.Prefix `json:"prefix"`
	Preferred time.Time    `json:"preferred,omitzero"` // until then for new connections; zero: for ever
	Valid     time.Time    `json:"valid,omitzero"`     // until then at all; zero: for ever
}

// Update6 is news from a WAN's IPv6 client. Lease is nil while there is none.
type Update6 struct {
	WAN    string
	Lease  *Lease6
	Reason string // one clause for a person: "no router advertises IPv6", "the ISP delegates no prefix"
}

// House is the /64 that the house gets of the lease: the first of its first delegation that is large enough. It has the
// delegation's lifetimes. It reports false when there is none. A nil lease has none.
func (l *Lease6) House() (Lifetime, bool) {
	if l == nil {
		return Lifetime{}, false
	}
	for _, p := range l.Prefixes {
		if p.Prefix.IsValid() && p.Prefix.Bits() <= 64 {
			p.Prefix = netip.PrefixFrom(p.Prefix.Masked().Addr(), 64)
			return p, true
		}
	}
	return Lifetime{}, false
}
