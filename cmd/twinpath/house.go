package main

import (
	"reflect"
	"sync"

	"github.com/twinpath/twinpath/router"
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
