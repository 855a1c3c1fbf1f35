package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/twinpath/twinpath/wizard"
)

const (
	jsonType = "application/json"
	bearer   = "Bearer "
)

// Login opens a session. A wrong password is a Refusal with status 401; too many of them 429, with RetryAfter.
func (c *Client) Login(ctx context.Context, l Login) (Session, error) {
	var s Session
	err := c.post(ctx, "login", l, &s)
	return s, err
}

// Logout ends the session.
func (c *Client) Logout(ctx context.Context) error { return c.post(ctx, "logout", nil, nil) }

// SessionUntil says how long the session is good; without one it is a Refusal with status 401.
func (c *Client) SessionUntil(ctx context.Context) (time.Time, error) {
	var s struct{ Until time.Time }
	err := c.get(ctx, "/api/v1/session", &s)
	return s.Until, err
}

// Settings returns what whoever serves the page has to know. Only a private connection answers.
func (c *Client) Settings(ctx context.Context) (Settings, error) {
	var s Settings
	err := c.get(ctx, "/api/v1/settings", &s)
	return s, err
}

// Config returns the running configuration.
func (c *Client) Config(ctx context.Context) (Configuration, error) {
	var configuration Configuration
	err := c.get(ctx, "/api/v1/config", &configuration)
	return configuration, err
}

// KeptConfig returns a kept configuration with its text.
func (c *Client) KeptConfig(ctx context.Context, number int) (Kept, error) {
	var kept Kept
	err := c.get(ctx, "/api/v1/config/"+strconv.Itoa(number), &kept)
	return kept, err
}

// Apply asks for a configuration. At is the local address of the browser's connection. Status 409 means that
// another revision runs, 422 that the text has problems.
func (c *Client) Apply(ctx context.Context, w Wish, at netip.Addr) (Granted, error) {
	var g Granted
	err := c.call(ctx, http.MethodPost, "/api/v1/apply", seenAt(at), w, &g)
	return g, err
}

// Confirm keeps the configuration that waits. At is the local address of the browser's connection: status 409 means that it
// is none of the new configuration's, so that nothing is proven yet.
func (c *Client) Confirm(ctx context.Context, at netip.Addr) error {
	return c.call(ctx, http.MethodPost, "/api/v1/confirm", seenAt(at), nil, nil)
}

func seenAt(at netip.Addr) http.Header {
	if !at.IsValid() {
		return nil
	}
	return http.Header{atHeader: {at.String()}}
}

// Revert goes back from the configuration that waits, at once.
func (c *Client) Revert(ctx context.Context) error { return c.post(ctx, "revert", nil, nil) }

// Drain moves the house off a WAN; off none: the virtual addresses off this router.
func (c *Client) Drain(ctx context.Context, wan string) error {
	return c.Post(ctx, "drain", oneWAN(wan), nil)
}

// Resume takes a Drain back; with no name all of them.
func (c *Client) Resume(ctx context.Context, wan string) error {
	return c.Post(ctx, "resume", oneWAN(wan), nil)
}

func oneWAN(name string) url.Values {
	if name == "" {
		return nil
	}
	return url.Values{"wan": {name}}
}

// Ports returns the Ethernet ports and what they lead to. It may take seconds: the daemon has a look.
func (c *Client) Ports(ctx context.Context) ([]wizard.Port, error) {
	var ports []wizard.Port
	err := c.get(ctx, "/api/v1/ports", &ports)
	return ports, err
}

// HouseLeases returns who in the house has which address.
func (c *Client) HouseLeases(ctx context.Context) ([]HouseLease, error) {
	var all []HouseLease
	err := c.get(ctx, "/api/v1/house/leases", &all)
	return all, err
}

// History returns the measurements of the last hours, 1 to 9600, as the daemon's JSON.
func (c *Client) History(ctx context.Context, hours int) (json.RawMessage, error) {
	return c.Raw(ctx, "/api/v1/history?hours="+strconv.Itoa(hours))
}

// SetPassword changes the password. Every session but those opened afterwards ends.
func (c *Client) SetPassword(ctx context.Context, old, new string) error {
	return c.post(ctx, "password", passwords{old, new}, nil)
}

// TestAlert sends one test message there.
func (c *Client) TestAlert(ctx context.Context, to string) error {
	return c.post(ctx, "alert/test", target{to}, nil)
}

// TestAlerts sends one test message to each configured channel. It takes as long as the slowest.
func (c *Client) TestAlerts(ctx context.Context) ([]TestedChannel, error) {
	var all []TestedChannel
	err := c.post(ctx, "alert/test", nil, &all)
	return all, err
}

// OfferPair makes a code by which another router joins this one.
func (c *Client) OfferPair(ctx context.Context) (PairCode, error) {
	var code PairCode
	err := c.post(ctx, "pair/offer", nil, &code)
	return code, err
}

// SealedOffer returns the open offer, which only its code opens.
func (c *Client) SealedOffer(ctx context.Context) ([]byte, error) {
	return c.Raw(ctx, "/api/v1/pair/offer")
}

// JoinPair fetches the other router's offer by its code.
func (c *Client) JoinPair(ctx context.Context, code string) (wizard.Pairing, error) {
	var p wizard.Pairing
	err := c.post(ctx, "pair/join", typed{code}, &p)
	return p, err
}

func (c *Client) post(ctx context.Context, verb string, wish, into any) error {
	return c.call(ctx, http.MethodPost, "/api/v1/"+verb, nil, wish, into)
}

// What some verbs take.
type (
	passwords struct {
		Old string `json:"old"`
		New string `json:"new"`
	}
	target struct {
		URL string `json:"url"`
	}
	typed struct {
		Code string `json:"code"`
	}
)
