package kernel

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/router"
)

// Earlier reads what an earlier run left: where our default routes lead to.
func (k *Kernel) Earlier() (router.Earlier, error) {
	filter := &netlink.Route{Table: unix.RT_TABLE_UNSPEC, Protocol: router.Protocol}
	routes, err := netlink.RouteListFiltered(unix.AF_INET, filter, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return router.Earlier{}, fmt.Errorf("list routes: %w", err)
	}
	links, err := k.Links()
	if err != nil {
		return router.Earlier{}, err
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Index] = l.Name
	}
	earlier := router.Earlier{Numbers: map[string]int{}}
	for _, r := range routes {
		if everything := r.Dst == nil || r.Dst.IP.IsUnspecified(); !everything {
			continue
		}
		for _, name := range leadsTo(r, names) {
			if r.Table == router.Main {
				earlier.Carrying = append(earlier.Carrying, name)
			} else if n := r.Table - router.Table(0); n >= 0 {
				earlier.Numbers[name] = n
			}
		}
	}
	return earlier, nil
}

// leadsTo names the devices of a route; an unreachable one has none.
func leadsTo(r netlink.Route, names map[int]string) []string {
	var devices []string
	for _, hop := range append(r.MultiPath, &netlink.NexthopInfo{LinkIndex: r.LinkIndex}) {
		if name, there := names[hop.LinkIndex]; there {
			devices = append(devices, name)
		}
	}
	return devices
}
