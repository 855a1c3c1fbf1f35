// Package pair brings a second router to the first: one shows a code, the owner types it at the other, and that fetches all it
// needs to know, sealed with the code, which itself never crosses the wire.
package pair

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/twinpath/twinpath/wizard"
)

// Desk makes offers and takes those of others. It is safe for concurrent use.
type Desk struct {
	// From returns where this router's page answers in the house, on port 80, and what a second one needs to know.
	From func() (netip.Addr, wizard.Pairing, error)
	// Fetch gets what a URL answers; ErrNoOffer when it answers that there is none. Nil: over HTTP.
	Fetch func(ctx context.Context, url string) ([]byte, error)

	mu   sync.Mutex
	open offer

	deriving sync.Mutex // one key at a time: each takes a processor for a moment, which a daemon has other uses for
}

// errBusy is for the second of two clicks.
var errBusy = errors.New("this router is busy with another code\nhint: try again in a moment")

// ErrNoOffer is Fetch's error when a router is there, but has no offer open.
var ErrNoOffer = errors.New("no offer is open")

// Offer opens an offer, in place of the one before, and returns its code. It takes a moment of computing.
func (d *Desk) Offer(context.Context) (string, time.Time, error) {
	address, pairing, err := d.From()
	if err != nil {
		return "", time.Time{}, err
	}
	code, err := NewCode(address)
	if err != nil {
		return "", time.Time{}, err
	}
	if !d.deriving.TryLock() {
		return "", time.Time{}, errBusy
	}
	sealed, err := seal(code, pairing)
	d.deriving.Unlock()
	if err != nil {
		return "", time.Time{}, fmt.Errorf("seal the offer: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = offer{sealed: sealed, until: time.Now().Add(openFor), left: fetches}
	return code.String(), d.open.until, nil
}

// Sealed returns the open offer. Anybody may have it: it tells nothing without the code.
func (d *Desk) Sealed() ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open.take(time.Now())
}

// Join fetches the offer that a code leads to, and opens it.
func (d *Desk) Join(ctx context.Context, text string) (wizard.Pairing, error) {
	code, err := Parse(text)
	if err != nil {
		return wizard.Pairing{}, err
	}
	fetch := d.Fetch
	if fetch == nil {
		fetch = inTheHouse
	}
	sealed, err := fetch(ctx, "http://"+code.Address.String()+"/api/v1/pair/offer")
	if errors.Is(err, ErrNoOffer) {
		return wizard.Pairing{}, fmt.Errorf("the offer of the router at %s is over\nhint: make a new code there; it is good for ten minutes", code.Address)
	}
	if err != nil {
		return wizard.Pairing{}, fmt.Errorf("no router answers at %s: %w\nhint: both have to be plugged into the house's network", code.Address, err)
	}
	if !d.deriving.TryLock() {
		return wizard.Pairing{}, errBusy
	}
	p, err := open(code, sealed)
	d.deriving.Unlock()
	if errors.Is(err, errKey) {
		return p, fmt.Errorf("the code does not open the offer of the router at %s\nhint: only its newest code does", code.Address)
	}
	if err != nil {
		return p, fmt.Errorf("open the offer of the router at %s: %w", code.Address, err)
	}
	return p, nil
}

// patience is how long the other router, which is in the same house, may take.
const patience = 5 * time.Second

// inTheHouse asks only an address in one of this machine's own networks: a code is no way to have a router look around elsewhere.
func inTheHouse(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	at, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil, err
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	if !slices.ContainsFunc(own, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && !p.IsSingleIP() && p.Contains(at)
	}) {
		return nil, errors.New("this router is in no network that has it")
	}
	return overHTTP(ctx, address)
}

// overHTTP asks nobody but that address: no proxy, no other place.
func overHTTP(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, ErrNoOffer
	default:
		return nil, fmt.Errorf("it answers %s", response.Status)
	}
	const most = 64 << 10
	sealed, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err == nil && len(sealed) > most {
		err = errors.New("it answers with more than an offer")
	}
	return sealed, err
}
