package main

import (
	"time"

	"github.com/twinpath/twinpath/budget"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/store"
)

// newCounter connects the accounts of metered lines to the daemon's parts.
func (h *household) newCounter() *budget.Counter {
	return budget.New(budget.Ports{
		Source: h.router, Traffic: h.kernel.Metered, Add: h.store.AddUsage, Days: h.days, Shelf: accounts{h.store.Shelf("budget")},
		Tell: func(f router.BudgetSeen) { h.router.Tell(f) }, Record: h.record, Boot: bootID(), Now: time.Now, Log: h.log,
	})
}

// days is what a line has carried on each day of a period.
func (h *household) days(wan, from, to string) (map[string]router.Traffic, error) {
	list, err := h.store.Usage(wan, from, to)
	days := map[string]router.Traffic{}
	for _, d := range list {
		days[d.Day] = router.Traffic{Rx: d.Rx, Tx: d.Tx}
	}
	return days, err
}

// accounts is where the states of the accounts are kept.
type accounts struct{ *store.Shelf }

// All implements budget.Shelf.
func (s accounts) All() (map[string][]byte, error) {
	items, err := s.Shelf.All()
	all := map[string][]byte{}
	for _, i := range items {
		all[i.Key] = i.Value
	}
	return all, err
}
