package main

import (
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// TestTheHouseIsToldByTwo: each changes its own part, and what changes nothing is not told.
func TestTheHouseIsToldByTwo(t *testing.T) {
	var told []router.HouseView
	v := &houseView{tell: func(f router.HouseSeen) { told = append(told, f.View) }}
	names := func(serving bool) {
		v.change(func(h *router.HouseView) { h.Serving = serving })
	}
	at := time.Now()
	six := func() {
		v.change(func(h *router.HouseView) { h.Advertise, h.Prefixes = true, []string{"2001:db8::/64"} })
	}
	names(true)
	six()
	names(true)
	six()
	shared := at.Truncate(time.Minute)
	v.change(func(h *router.HouseView) { h.Shared = &shared })
	again := shared
	v.change(func(h *router.HouseView) { h.Shared = &again })
	names(false)
	if len(told) != 4 || told[3].Serving || !told[3].Advertise || len(told[3].Prefixes) != 1 || !told[1].Serving {
		t.Errorf("%d times: %+v", len(told), told)
	}
}

func TestPrintHouse(t *testing.T) {
	for want, v := range map[string]*router.HouseView{
		"": nil,
		"\nThe house is served with addresses and names by this router; 1 device has an address of it.\n":                                                          {Serving: true, Leases: 1},
		"\nThe house is not served with addresses and names by this router; 12 devices have an address of it.\nThe other router serves the house.\n":               {Reason: "The other router serves the house.", Leases: 12},
		"\nThe house is served with addresses and names by this router; no device has an address of it.\nAnother DHCP server answers in the house: 192.168.1.9.\n": {Serving: true, Reason: "Another DHCP server answers in the house: 192.168.1.9."},
	} {
		var page strings.Builder
		printHouse(&page, v)
		if page.String() != want {
			t.Errorf("got  %q\nwant %q", page.String(), want)
		}
	}
}
