package wizard

import (
	"fmt"
	"net/netip"
	"strings"
)

// Leads is where a port's cable goes.
type Leads uint8

const (
	NotLooked  Leads = iota
	NoCable          // nothing is plugged in
	ToHouse          // a cable, and nobody answers who leads to the Internet
	ToDHCP           // a DHCP server offers a way to the Internet
	ToPPPoE          // a PPPoE concentrator answers
	ToSomebody       // somebody answers, but offers no way to the Internet; or a second cable into a network
)

var leadsTexts = [...]string{"unknown", "nothing", "house", "dhcp", "pppoe", "aside"}

func (l Leads) String() string {
	if int(l) >= len(leadsTexts) {
		return fmt.Sprintf("Leads(%d)", uint8(l))
	}
	return leadsTexts[l]
}

// MarshalText implements encoding.TextMarshaler.
func (l Leads) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. A word of a later version is "unknown".
func (l *Leads) UnmarshalText(text []byte) error {
	*l = NotLooked
	for i, known := range leadsTexts {
		if known == strings.TrimSpace(string(text)) {
			*l = Leads(i)
		}
	}
	return nil
}

// Port is an Ethernet port and what it leads to, as in the API and in the image's ports.json.
type Port struct {
	Name         string       `json:"name"`
	MAC          string       `json:"mac"`
	Driver       string       `json:"driver,omitempty"`
	Mobile       bool         `json:"mobile,omitempty"` // a phone or a mobile modem on USB
	Carrier      bool         `json:"carrier"`
	Leads        Leads        `json:"leads"`
	Network      netip.Prefix `json:"network,omitzero"` // offered by the DHCP server: our address with its length
	Gateway      netip.Addr   `json:"gateway,omitzero"`
	DNS          []netip.Addr `json:"dns,omitempty"`
	Concentrator string       `json:"concentrator,omitempty"` // what the PPPoE server calls itself
	Use          string       `json:"use,omitempty"`          // what the running configuration does with it: "lan", "wan fibre", or nothing
	Why          string       `json:"why"`                    // one clause for a person
}

// Facts is what is known of the box when its owner is asked.
type Facts struct {
	Ports    []Port
	Hostname string
	Setup    bool         // there is no owner's configuration yet
	House    netip.Prefix // the LAN address in use now; invalid while there is none
	Joined   *Pairing     // the offer taken from the other router; nil: none

	Claim string                       `json:"-"` // the claim code of setup mode: no password; empty elsewhere
	Hash  func(string) (string, error) `json:"-"` // bcrypt
	Rand  func() string                `json:"-"` // 32 letters and digits that nobody can guess; nil: crypto/rand
}
