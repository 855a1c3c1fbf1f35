package wizard

import "net/netip"

// Pairing is what a second router needs to know of the first to stand in for it.
type Pairing struct {
	Router   string        `json:"router"`        // the first one's name
	LAN      netip.Prefix  `json:"lan"`           // the address meant for the second, with the network's length
	Peer     netip.Addr    `json:"peer"`          // the first one's address in the house
	Virtual  netip.Prefix  `json:"virtual"`       // the gateway's address, which both share
	Link     netip.Prefix  `json:"link,omitzero"` // the link-local address that both share; invalid: none
	ID       int           `json:"id"`            // VRID, 1 to 255
	Priority int           `json:"priority"`
	Version  int           `json:"version"` // of VRRP: 2 or 3
	Secret   string        `json:"secret"`  // the same on both
	DHCP     [2]netip.Addr `json:"dhcp"`    // first and last; invalid: no DHCP
	Domain   string        `json:"domain,omitempty"`
}
