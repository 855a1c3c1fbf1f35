package config

import (
	"fmt"

	"github.com/twinpath/twinpath/router"
)

// Unserved names what the configuration asks for and this version does not do, one sentence each.
func Unserved(cfg router.Config) []string {
	var not []string
	if cfg.LAN.DHCP.First.IsValid() {
		not = append(not, "lan.dhcp is set, but this version hands out no addresses: the house needs another DHCP server.")
	}
	if cfg.LAN.DNS.Domain != "" || len(cfg.LAN.DNS.Upstream) > 0 {
		not = append(not, "lan.dns is set, but this version answers no names: the house needs another resolver.")
	}
	if len(cfg.LAN.Hosts) > 0 {
		not = append(not, "lan.host is set, but this version gives devices neither fixed addresses nor names.")
	}
	for _, w := range cfg.WANs {
		if w.Kind == router.PPPoE {
			not = append(not, fmt.Sprintf("WAN %s is of kind pppoe, which this version cannot dial: it stays down.", w.Name))
		}
	}
	return not
}
