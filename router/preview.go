package router

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/wan"
)

// Preview returns the plan for a configuration before anything is known of the world: every interface is
// taken to exist under the name it has in the file, every cable to be in, and only fixed leases are known. The notes say what
// comes later.
func Preview(config Config) (p Plan, notes []string) {
	var now time.Time
	s := NewState(config, previewLinks(config), Earlier{}, now)
	for _, l := range s.lines {
		lease := FixedLease(l.config)
		if lease == nil {
			notes = append(notes, fmt.Sprintf("%s (%s on %s): its address and default route come with its lease", l.config.Name, l.config.Kind, l.config.Interface))
			continue
		}
		s.Fold(now, LeaseSeen{wan.Update{WAN: l.config.Name, Lease: lease}, l.link.Index})
	}
	for _, v := range s.virtuals {
		notes = append(notes, fmt.Sprintf("%s (id %d on %s): %s moves with the election", v.config.Name, v.config.ID, s.virtualDevice(v), addressed(v.all())))
	}
	d := s.Decide(now)
	return s.Plan(d), notes
}

// FixedLease is the lease that is written in a WAN's configuration; nil when somebody else gives it.
func FixedLease(c WANConfig) *wan.Lease {
	switch c.Kind {
	case Static:
		return &wan.Lease{Address: c.Static.Address, Gateway: c.Static.Gateway, DNS: c.Static.DNS}
	case Peer:
		return &wan.Lease{Gateway: c.Peer}
	}
	return nil
}

func previewLinks(config Config) []Link {
	names := append([]string{config.LAN.Interface}, config.LAN.Ports...)
	if len(config.LAN.Ports) > 0 {
		names = append(names, BridgeName)
	}
	for _, w := range config.WANs {
		names = append(names, w.Interface)
		if w.VLAN != 0 {
			names = append(names, VLANName(w.Interface, w.VLAN))
		}
	}
	for _, v := range config.VRRP {
		if !slices.Contains(names, v.Interface) {
			names = append(names, v.Interface)
		}
	}
	var links []Link
	for _, name := range names {
		if name != "" {
			links = append(links, Link{Index: len(links) + 1, Name: name, MAC: name, USB: strings.TrimPrefix(name, USBPrefix), Up: true, Carrier: true, MTU: 1500})
		}
	}
	return links
}
