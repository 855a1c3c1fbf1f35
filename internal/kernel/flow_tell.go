package kernel

import (
	"github.com/twinpath/twinpath/pair/flow"
	"golang.org/x/sys/unix"
)

// TellFlows tells the house's TCP clients that these flows, which the other router carried, are lost, and returns how many it has told: as fast, and as many,
// as Vacate does. It works for who sends its packets to this router by now, and whose flows nothing diverts any more: the client answers with its exact
// position, conntrack has never seen the flow, and the firewall resets it.
func (k *Kernel) TellFlows(flows []flow.Flow) (told int, err error) {
	pokes := make([]poke, 0, len(flows))
	for _, f := range flows {
		if f.Protocol == unix.IPPROTO_TCP {
			client, server := f.Ends()
			pokes = append(pokes, poke{client: client, server: server})
		}
	}
	return tellAll(pokes)
}
