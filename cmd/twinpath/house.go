package main

import (
	"cmp"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// houseView is how the house is served, put together from those who serve it: with addresses and names, and with IPv6. It is safe for
// concurrent use.
type houseView struct {
	tell func(router.HouseSeen) // must not block

	mu   sync.Mutex
	view router.HouseView
}

// change has one of them change its part, and tells the whole where that makes a difference.
func (v *houseView) change(part func(*router.HouseView)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	next := v.view
	part(&next)
	if reflect.DeepEqual(next, v.view) {
		return
	}
	v.view = next
	v.tell(router.HouseSeen{View: next})
}

// leases are the addresses of the house that devices have, with the names that the configuration gives them.
func (s *steward) leases() ([]web.HouseLease, error) {
	leases, err := s.server.Leases(time.Now())
	var all []web.HouseLease
	for _, l := range leases {
		one := web.HouseLease{Address: l.Address, MAC: l.MAC, Name: l.Name}
		if !l.Until.IsZero() {
			one.Until = l.Until.Round(0).UTC().Truncate(time.Second)
		}
		for _, host := range s.config.Load().LAN.Hosts {
			if host.Address == l.Address && strings.EqualFold(host.MAC, l.MAC) {
				one.Name, one.Fixed = cmp.Or(host.Name, one.Name), true
			}
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b web.HouseLease) int { return a.Address.Compare(b.Address) })
	return all, err
}

// printHouse writes how the house is served with addresses and names.
func printHouse(w io.Writer, v *router.HouseView) {
	if v == nil || !v.Serving && v.Reason == "" {
		return
	}
	what := "The house is served with addresses and names by this router"
	if !v.Serving {
		what = "The house is not served with addresses and names by this router"
	}
	devices := fmt.Sprintf("%d devices have an address of it", v.Leases)
	switch v.Leases {
	case 0:
		devices = "no device has an address of it"
	case 1:
		devices = "1 device has an address of it"
	}
	fmt.Fprintf(w, "\n%s; %s.\n", what, devices)
	if v.Reason != "" {
		fmt.Fprintf(w, "%s\n", v.Reason)
	}
}
