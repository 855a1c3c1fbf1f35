package kernel

import (
	"net/netip"
	"testing"
)

// A virtual address with accept = false answers pings and nothing else; the router's other addresses are as they were.
func TestNftRefusesVirtualAddresses(t *testing.T) {
	h := newNftHouse(t)
	nftRun(t, h.router, "ip addr add 192.168.1.254/24 dev lan0")
	nftRun(t, h.router, "ip -6 addr add fd00:1::fe/64 dev lan0 nodad")
	nftRun(t, h.client, "ip -6 addr add fd00:1::10/64 dev eth0 nodad")
	p := h.policy()
	p.Refused = []netip.Addr{netip.MustParseAddr("192.168.1.254"), netip.MustParseAddr("fd00:1::fe")}
	h.load(p)
	h.reach(h.client, "192.168.1.1:22", "router 192.168.1.10:")
	for _, to := range []string{"192.168.1.254:22", "[fd00:1::fe]:22"} {
		if _, got, err := h.dial(h.client, to, brief); err == nil {
			t.Errorf("%s answers: %q", to, got)
		}
	}
	for _, to := range []string{"192.168.1.254", "fd00:1::fe"} {
		if _, err := h.client.Run("ping -c1 -W2 " + to); err != nil {
			t.Errorf("ping %s: %v", to, err)
		}
	}
}

// What comes from a network that only has virtual addresses reaches this machine, and goes no further.
func TestNftServesItsOwnSide(t *testing.T) {
	h := newNftHouse(t)
	p := h.policy()
	p.WANs = p.WANs[:1]
	h.load(p)
	if _, got, err := h.dial(h.isps[1], "198.51.100.2:22", brief); err == nil {
		t.Errorf("before: %q", got)
	}
	p.Own = []string{"wan1"}
	h.load(p)
	h.reach(h.isps[1], "198.51.100.2:22", "router 198.51.100.1:")
	if _, got, err := h.dial(h.isps[1], "192.168.1.11:443", brief); err == nil {
		t.Errorf("the house is reached: %q", got)
	}
}
