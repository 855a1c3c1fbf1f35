package kernel

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/router"
)

// Defaults returns the devices that our default route in the main table leads to: what an earlier run decided.
func (k *Kernel) Defaults() ([]string, error) {
	filter := &netlink.Route{Table: router.Main, Protocol: router.Protocol}
	routes, err := netlink.RouteListFiltered(unix.AF_INET, filter, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	links, err := k.Links()
	if err != nil {
		return nil, err
	}
	var devices []string
	for _, r := range routes {
		if r.Dst != nil && r.Dst.IP != nil && !r.Dst.IP.IsUnspecified() {
			continue
		}
		for _, index := range append(hopIndexes(r), r.LinkIndex) {
			i := slices.IndexFunc(links, func(l router.Link) bool { return l.Index == index })
			if i >= 0 {
				devices = append(devices, links[i].Name)
			}
		}
	}
	return devices, nil
}

func hopIndexes(r netlink.Route) []int {
	var indexes []int
	for _, hop := range r.MultiPath {
		indexes = append(indexes, hop.LinkIndex)
	}
	return indexes
}
