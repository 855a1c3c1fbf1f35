package router

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

// crowd is a server with as many virtual routers as one interface can have, and what their engine says.
func crowd() (Config, vrrp.Status) {
	config, status := server(), vrrp.Status{}
	config.VRRP = nil
	for i := range 255 {
		v := gateway()
		v.Name, v.ID, v.Interface = fmt.Sprintf("service%d", i), uint8(i+1), "lan0"
		v.Addresses = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 24)}
		config.VRRP = append(config.VRRP, v)
		status.Elections = append(status.Elections, vrrp.Election{
			Router: v.Name, ID: v.ID, Family: vrrp.IPv4, Interface: "lan0", State: vrrp.Backup, Priority: 100, Base: 100,
			Addresses: v.Addresses, Since: noon, Reason: "10.0.1.1 has priority 150",
		})
	}
	return config, status
}

// BenchmarkCrowd is a whole round after news of the engine, short of its ports.
func BenchmarkCrowd(b *testing.B) {
	config, status := crowd()
	s := NewState(config, []Link{{Index: 2, Name: "lan0", Up: true, Carrier: true}}, Earlier{}, noon)
	now := noon
	for b.Loop() {
		now = now.Add(time.Second)
		s.Fold(now, VRRPSeen{status})
		d := s.Decide(now)
		s.Commit(now, d)
		s.Wished(s.Wanted(now, d))
		s.Plan(d)
		s.Snapshot(now, "bench", d)
	}
}
