package router

import (
	"net/netip"
	"time"
)

// PathView is the largest packet that fits through a WAN to the Internet and back, in bytes with its IP header; 0: not known.
type PathView struct {
	MTU4 int `json:"mtu4,omitempty"`
	MTU6 int `json:"mtu6,omitempty"`
	// A hole swallows larger packets without the ICMP error that would tell the sender (RFC 2923 §2.1).
	Hole4   bool      `json:"hole4,omitempty"`
	Hole6   bool      `json:"hole6,omitempty"`
	Checked time.Time `json:"checked,omitzero"`
}

// IPv6View is a WAN's IPv6.
type IPv6View struct {
	State   string       `json:"state"` // up, down, unknown: as of the WAN itself
	Reason  string       `json:"reason"`
	Address string       `json:"address,omitempty"`
	Gateway string       `json:"gateway,omitempty"`
	Prefix  string       `json:"prefix,omitempty"` // delegated for the house
	Until   *time.Time   `json:"until,omitempty"`  // how long the prefix may be used
	DNS     []string     `json:"dns,omitempty"`
	RTT     Milliseconds `json:"rtt_ms"`
}

// HouseView is how this router serves the house with addresses and names.
type HouseView struct {
	Serving   bool       `json:"serving"`            // by this router; of a pair one does
	Reason    string     `json:"reason,omitempty"`   // why it does not, or what it lacks
	Leases    int        `json:"leases"`             // addresses given away
	Stranger  *Stranger  `json:"stranger,omitempty"` // another DHCP server in the house
	Shared    *time.Time `json:"shared,omitempty"`   // when the other router was last given the leases, or gave them
	Advertise bool       `json:"advertise"`          // IPv6 is advertised by this router
	Prefixes  []string   `json:"prefixes,omitempty"` // advertised, for new connections
	Retired   []string   `json:"retired,omitempty"`  // advertised as not to be used any more
	Router6   string     `json:"router6,omitempty"`  // the address that devices send IPv6 to: link-local
	Default6  bool       `json:"default6,omitempty"` // it leads to the Internet
	Routers6  []string   `json:"routers6,omitempty"` // others that offer IPv6 in the house, none of ours: address and Ethernet address
}

// Stranger is a DHCP server in the house that is not ours.
type Stranger struct {
	Server netip.Addr `json:"server"`
	MAC    string     `json:"mac,omitempty"`
	Offers netip.Addr `json:"offers"` // the address that it offered
	Seen   time.Time  `json:"seen"`
}
