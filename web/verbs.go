package web

import (
	"net/netip"
	"time"
)

// Login asks for a session: by the password, or by a pass that a Granted has brought.
type Login struct {
	Password string     `json:"password,omitempty"`
	Pass     string     `json:"pass,omitempty"`
	Device   string     `json:"device,omitempty"` // what an earlier Session named this browser
	Source   netip.Addr `json:"source"`           // the browser's address
}

// Session is the leave to change something, for whoever has its token.
type Session struct {
	Token  string    `json:"token"`
	Device string    `json:"device"` // for the browser to show at its next Login
	Until  time.Time `json:"until"`
}

// Configuration is the running one, and which others are kept.
type Configuration struct {
	Text     string `json:"text"`
	Revision string `json:"revision"`        // the first 16 hex digits of the text's SHA-256
	Setup    bool   `json:"setup,omitempty"` // it is not the owner's, but setup mode's
	Kept     []Kept `json:"kept"`            // newest first
}

// Kept is a configuration that was the boot file once.
type Kept struct {
	Number   int       `json:"number"`
	Modified time.Time `json:"modified"`
	Text     string    `json:"text,omitempty"` // only when it was asked for by its number
}

// Wish is a configuration to be used, in place of the one with Revision.
type Wish struct {
	Text     string `json:"text"`
	Revision string `json:"revision"`
	Confirm  string `json:"confirm"` // how long it waits for its confirmation, such as "90s"; empty: it is final
}

// Granted says what becomes of a Wish.
type Granted struct {
	Until time.Time `json:"until,omitzero"` // when it goes back, unless it is confirmed
	Pass  string    `json:"pass,omitempty"` // good for one Login, within two minutes: a browser has no cookie for a new address
	URLs  []string  `json:"urls"`           // where the page is from now on, and no other router
	Moved bool      `json:"moved"`          // not at the address that was asked
}

// Settings are what whoever serves the page has to know.
type Settings struct {
	Router      string     `json:"router"`
	Version     string     `json:"version"`
	Names       []string   `json:"names"`    // by which the page may be called, beside its addresses
	Setup       bool       `json:"setup"`    // nobody owns this router yet
	Password    bool       `json:"password"` // one is set
	TLS         bool       `json:"tls"`      // passwords are taken over TLS only
	Certificate string     `json:"certificate,omitempty"`
	Key         string     `json:"key,omitempty"`
	Fingerprint string     `json:"fingerprint,omitempty"` // of the certificate: SHA-256, as the console shows it
	Peer        netip.Addr `json:"peer,omitzero"`         // the other router of the pair
	URLs        []string   `json:"urls"`                  // of the page
	Own         []string   `json:"own,omitempty"`         // those of them where no other router ever answers
}

// Sure are the URLs of the page at which no other router answers; all of them where there is none of that kind.
func (s Settings) Sure() []string {
	if len(s.Own) > 0 {
		return s.Own
	}
	return s.URLs
}

// TestedChannel is what became of a test message.
type TestedChannel struct {
	Name  string `json:"name"`            // of the channel, without its secrets
	Error string `json:"error,omitempty"` // empty: it was taken
}

// HouseLease is an address of the house that a device has.
type HouseLease struct {
	Address netip.Addr `json:"address"`
	MAC     string     `json:"mac"`
	Name    string     `json:"name,omitempty"`  // as the device says, or as the configuration does
	Until   time.Time  `json:"until,omitzero"`  // zero: for ever
	Fixed   bool       `json:"fixed,omitempty"` // by the configuration
}

// PairCode is what the owner types at the other router.
type PairCode struct {
	Code  string    `json:"code"`
	Until time.Time `json:"until"`
}

// How the page's process says who asks, and at which address.
const (
	tokenHeader = "Authorization" // "Bearer TOKEN"
	atHeader    = "Twinpath-At"   // the local address of the browser's connection
)
