package setup

import (
	"context"

	"github.com/twinpath/twinpath/wan"
)

// join keeps the address that the network's router gives to this box.
func (s *Setup) join(ctx context.Context, port sight) {
	client := &wan.DHCP{
		Name: "setup", Device: port.name, Hostname: s.Hostname, Sockets: s.Sockets, Store: memory{}, Log: s.Log,
		Report: func(u wan.Update) {
			select {
			case s.leases <- u.Lease:
			case <-ctx.Done():
			}
		},
	}
	_ = client.Run(ctx) // nil: it ends with ctx
}

// memory forgets the lease: a box in setup mode has no state.
type memory struct{}

func (memory) Load() (wan.Saved, bool) { return wan.Saved{}, false }
func (memory) Save(wan.Saved) error    { return nil }
func (memory) Forget()                 {}
