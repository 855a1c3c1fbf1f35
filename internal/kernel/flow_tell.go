package kernel

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/pair/flow"
)

// A device keeps its IPv6 address of the other router's line while that is retired, and this router gets one of the same network for it, which
// takes a moment after it has begun to serve the house (2026-11-22: 50 ms). Until then the device would be looked for outside. The bound is Twinpath's own:
// less than a clean stop may take.
const (
	arrives     = 1500 * time.Millisecond
	arrivesLook = 20 * time.Millisecond
)

// TellFlows tells the house's TCP clients that these flows, which the other router carried, are lost, and returns how many it has told: as fast, and as many,
// as Vacate does. It works for who sends its packets to this router by now, and whose flows nothing diverts any more: the client answers with its exact
// position, conntrack has never seen the flow, and the firewall resets it. It waits a moment, 1.5 s at most, for networks that become the house's only now.
func (k *Kernel) TellFlows(flows []flow.Flow) (told int, err error) {
	var all []poke
	for _, f := range flows {
		if f.Protocol == unix.IPPROTO_TCP {
			client, server := f.Ends()
			all = append(all, poke{client: client, server: server})
		}
	}
	for end := time.Now().Add(arrives); ; time.Sleep(arrivesLook) {
		n, late, err := tellHere(all)
		told += n
		if err != nil || len(late) == 0 || time.Now().After(end) {
			return told, err
		}
		all = late
	}
}

// tellHere tells those who are in the house, and returns those who may be so later.
func tellHere(all []poke) (told int, late []poke, err error) {
	here, err := house(slices.Clone(all))
	if err != nil {
		return 0, nil, err
	}
	known := make(map[poke]bool, len(here))
	for _, p := range here {
		known[p] = true
	}
	for _, p := range all {
		if p.client.Addr().Is6() && !known[p] {
			late = append(late, p)
		}
	}
	told, err = tellAll(here)
	return told, late, err
}
