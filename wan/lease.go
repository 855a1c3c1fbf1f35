package wan

import (
	"net/netip"
	"time"
)

// Lease is what a WAN has been given to take part in the Internet.
// It is immutable once published.
type Lease struct {
	Address netip.Prefix  `json:"address"`          // with the length of the on-link network
	Device  string        `json:"device,omitempty"` // kernel name of the interface that packets leave by; empty: the WAN's own
	Gateway netip.Addr    `json:"gateway"`          // invalid on a point-to-point link
	DNS     []netip.Addr  `json:"dns,omitempty"`
	MTU     int           `json:"mtu,omitempty"`    // 0: the link's own
	Routes  []StaticRoute `json:"routes,omitempty"` // option 121, without the default route
	Domain  string        `json:"domain,omitempty"`
	Server  netip.Addr    `json:"server,omitempty"` // who gave it; invalid unless DHCP
	Renew   time.Time     `json:"renew,omitzero"`   // T1, RFC 2131 §4.4.5
	Rebind  time.Time     `json:"rebind,omitzero"`  // T2
	Expire  time.Time     `json:"expire,omitzero"`  // zero: does not expire
}

// StaticRoute is one classless static route (RFC 3442).
type StaticRoute struct {
	Destination netip.Prefix `json:"destination"`
	Gateway     netip.Addr   `json:"gateway"` // 0.0.0.0: on-link
}

// Update is news from a WAN's client. Lease is nil while there is none.
type Update struct {
	WAN    string
	Lease  *Lease
	Reason string // one clause for a person: "asking for an address", "no DHCP server answers", "lease refused by 198.51.100.1"
	Failed bool   // Reason is why it did not work, rather than what is going on
	Ours   bool   // and the owner of this router can mend it: a wrong password, a program that is missing
}
