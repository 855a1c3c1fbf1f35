package router

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// housed are the addresses that the plan gives the house's device.
func (h *house) housed() []string {
	var all []string
	for _, a := range h.state.Plan(h.state.Decide(h.now)).Addresses {
		if a.Device == h.state.lanDevice() {
			all = append(all, a.Prefix.String())
		}
	}
	return all
}

func at(address string, more ...func(*Config)) Config {
	c := twoWANs()
	c.LAN.Address = netip.MustParsePrefix(address)
	for _, f := range more {
		f(&c)
	}
	return c
}

func TestTheOldAddressStaysForAMoment(t *testing.T) {
	h := settled(t, at("192.168.1.1/24"))
	h.fold(Reconfigured{at("192.168.77.1/24")})
	if got := h.housed(); !slices.Equal(got, []string{"192.168.77.1/24", "192.168.1.1/24"}) {
		t.Errorf("at once the house has %v", got)
	}
	h.pass(farewell - time.Second)
	h.fold(Reconfigured{at("192.168.77.1/24", func(c *Config) { c.Name = "other" })}) // says nothing of the address
	if got := h.housed(); !slices.Equal(got, []string{"192.168.77.1/24", "192.168.1.1/24"}) {
		t.Errorf("after another change the house has %v", got)
	}
	h.pass(time.Second)
	if got := h.housed(); !slices.Equal(got, []string{"192.168.77.1/24"}) {
		t.Errorf("later the house has %v", got)
	}
	h.fold(Reconfigured{at("192.168.1.1/24")})
	if got := h.housed(); !slices.Equal(got, []string{"192.168.1.1/24", "192.168.77.1/24"}) {
		t.Errorf("on the way back the house has %v", got)
	}
}

func TestTheOldAddressMakesRoom(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"for another length":   func(c *Config) { c.LAN.Address = netip.MustParsePrefix("192.168.1.1/16") },
		"for the other router": func(c *Config) { c.Pair.Peer = netip.MustParseAddr("192.168.1.1") },
		"for a virtual router": func(c *Config) {
			c.VRRP = []VirtualRouter{{}}
			c.VRRP[0].Addresses = []netip.Prefix{netip.MustParsePrefix("192.168.1.1/24")}
		},
		"for a line":           func(c *Config) { c.WANs[0].Static.Address = netip.MustParsePrefix("192.168.1.1/24") },
		"for a line's gateway": func(c *Config) { c.WANs[0].Static.Gateway = netip.MustParseAddr("192.168.1.1") },
		"with its network":     func(c *Config) { c.LAN.Address = netip.Prefix{} },
	} {
		h := settled(t, at("192.168.1.1/24"))
		h.fold(Reconfigured{at("192.168.77.1/24", change)})
		if slices.Contains(h.housed(), "192.168.1.1/24") {
			t.Errorf("%s: it stays", name)
		}
	}
}
