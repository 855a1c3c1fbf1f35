package config

import (
	"fmt"

	"github.com/twinpath/twinpath/router"
)

// Unserved names what the configuration asks for and this version does not do, one sentence each.
func Unserved(cfg router.Config) []string {
	var not []string
	for _, w := range cfg.WANs {
		if w.Kind == router.PPPoE {
			not = append(not, fmt.Sprintf("WAN %s is of kind pppoe, which this version cannot dial: it stays down.", w.Name))
		}
	}
	if cfg.Pair.Peer.IsValid() {
		not = append(not, "pair is set, but this version hands no connections over: they break when the other router takes the house over.")
	}
	return not
}
