package config

import "github.com/twinpath/twinpath/router"

// Unserved names what the configuration asks for and this version does not do, one sentence each.
func Unserved(cfg router.Config) []string {
	var not []string
	if cfg.Pair.Peer.IsValid() {
		not = append(not, "pair is set, but this version hands no connections over: they break when the other router takes the house over.")
	}
	return not
}
