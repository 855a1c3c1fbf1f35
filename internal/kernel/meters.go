package kernel

import (
	"fmt"

	"github.com/google/nftables"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/router"
)

// Metered returns what each metered WAN has carried of IP since its counters were made, in bytes: forwarded or this router's own,
// either family. They outlive the daemon, and begin at 0 after a boot or when somebody took our table away. A WAN without counters
// is left out. Some 100 µs.
func (k *Kernel) Metered() (map[string]router.Traffic, error) {
	meters := k.meters.Load()
	if meters == nil || len(*meters) == 0 {
		return nil, nil
	}
	objects, err := nftConnect().GetObjects(ourTable())
	if err != nil {
		return nil, fmt.Errorf("read the counters of table %s: %w", firewall.Table, err)
	}
	values := map[string]uint64{}
	for _, o := range objects {
		if c, ok := o.(*nftables.CounterObj); ok {
			values[c.Name] = c.Bytes
		}
	}
	all := map[string]router.Traffic{}
	for _, m := range *meters {
		rx, there := values[m.Rx]
		tx, both := values[m.Tx]
		if there && both {
			all[m.WAN] = router.Traffic{Rx: rx, Tx: tx}
		}
	}
	return all, nil
}
