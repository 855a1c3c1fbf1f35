package config

import (
	"strings"
	"time"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// settleVRRP gives a virtual router its defaults and looks at what its keys say together.
func settleVRRP(r *reading, path string, o *router.VirtualRouter) {
	absent := func(name string) bool { return !r.has(join(path, name)) }
	for _, flag := range [...]struct {
		name  string
		value *bool
	}{{"preempt", &o.Preempt}, {"fast_preempt", &o.FastPreempt}, {"accept", &o.Accept}, {"track", &o.TrackAll}} {
		if absent(flag.name) {
			*flag.value = true
		}
	}
	if absent("version") {
		o.Version = 3
	}
	if absent("priority") {
		o.Base = 100
	}
	if absent("interval") {
		o.Interval = time.Second
	}
	for _, name := range [...]string{"name", "id"} {
		r.required(path, name)
	}
	r.wants(path, "addresses", `for example addresses = ["192.168.1.1/24"]`)
	r.settleTimes(path, o)
	if r.has(join(path, "auth")) {
		r.settleAuth(join(path, "auth"), o.Version, &o.Auth)
	}
	r.settleVersion(path, o)
	r.settlePeers(path, o)
}

// settleTimes looks at the interval, which the packets carry in their version's unit, and at taking the addresses back.
func (r *reading) settleTimes(path string, o *router.VirtualRouter) {
	at := join(path, "interval")
	switch step := 10 * time.Millisecond; {
	case o.Interval == 0:
	case o.Version == 2 && o.Interval%time.Second != 0:
		r.problem(at, "version 3 knows shorter ones", "must be whole seconds in version 2, not %s", short(o.Interval))
	case o.Version == 3 && o.Interval > 4095*step: // 12 bits of centiseconds (RFC 9568 §5.2.7)
		r.problem(at, "", "must be 10ms to 40.95s in version 3, not %s", short(o.Interval))
	case o.Version == 3 && o.Interval%step != 0:
		r.problem(at, "", "must be a multiple of 10ms, not %s", short(o.Interval))
	}
	if o.Preempt {
		return
	}
	if o.PreemptDelay > 0 {
		r.problem(join(path, "preempt_delay"), "", "does not go with preempt = false: there is nothing to delay")
	}
	if o.Base == vrrp.Owner {
		r.problem(join(path, "preempt"), "choose a priority of 254 or less", "does not go with priority = 255: an owner always takes its addresses")
	}
}

// settleVersion refuses what version 2 cannot carry.
func (r *reading) settleVersion(path string, o *router.VirtualRouter) {
	if o.Version != 2 {
		return
	}
	for i, p := range o.Addresses {
		if p.Addr().Is6() {
			r.problem(r.entry(join(path, "addresses"), i), "use version = 3", "%s: version 2 carries IPv4 only", p.Addr())
		}
	}
	if o.Checksum != vrrp.ChecksumAuto {
		r.problem(join(path, "checksum"), "", "is for version 3 only")
	}
}

// settlePeers looks at unicast: each family needs peers of its own.
func (r *reading) settlePeers(path string, o *router.VirtualRouter) {
	if o.VirtualMAC && len(o.Peers) > 0 {
		r.problem(join(path, "virtual_mac"), "switches learn the virtual MAC address from multicast adverts: leave out peers or virtual_mac",
			"does not go with peers")
	}
	addresses, peers := families(o), map[vrrp.Family]bool{}
	for i, a := range o.Peers {
		if !a.IsValid() {
			continue
		}
		peers[vrrp.FamilyOf(a)] = true
		if len(addresses) > 0 && !addresses[vrrp.FamilyOf(a)] {
			r.problem(element(join(path, "peers"), i), "", "%s: there is no %s address for this peer", a, vrrp.FamilyOf(a))
		}
	}
	for _, family := range [...]vrrp.Family{vrrp.IPv4, vrrp.IPv6} {
		if len(peers) > 0 && addresses[family] && !peers[family] {
			r.problem(join(path, "peers"), "give the peers' "+family.String()+" addresses too", "has none for the %s addresses", family)
		}
	}
}

// families are those of a virtual router's addresses.
func families(o *router.VirtualRouter) map[vrrp.Family]bool {
	all := map[vrrp.Family]bool{}
	for _, p := range o.Addresses {
		if p.IsValid() {
			all[vrrp.FamilyOf(p.Addr())] = true
		}
	}
	return all
}

// vrrpProbes are the keys of a [[vrrp.check]] of which it has exactly one.
var vrrpProbes = [...]string{"ping", "tcp", "http", "dns", "process", "run"}

// settleVRRPCheck gives a check its defaults and looks at what its keys say together.
func settleVRRPCheck(r *reading, path string, c *check.Check) {
	var given []string
	for _, probe := range vrrpProbes {
		if r.has(join(path, probe)) {
			given = append(given, probe)
		}
	}
	status := join(path, "status")
	switch {
	case len(given) == 0:
		r.problem(path, `for example tcp = "127.0.0.1:80"`, "has no target: needs one of %s", strings.Join(vrrpProbes[:], ", "))
	case len(given) > 1:
		r.problem(path, "write one [[vrrp.check]] for each", "has %d targets, %s: needs exactly one", len(given), strings.Join(given, " and "))
	case given[0] != "http" && r.has(status):
		r.problem(status, "", "is only for http checks")
	case given[0] == "http" && !r.has(status):
		c.Status = 200
	}
	orDuration(&c.Interval, !r.has(join(path, "interval")), time.Second)
	orDuration(&c.Timeout, !r.has(join(path, "timeout")), time.Second)
	if !r.has(join(path, "fall")) {
		c.Fall = 3
	}
	if !r.has(join(path, "rise")) {
		c.Rise = 2
	}
}

func orDuration(d *time.Duration, absent bool, value time.Duration) {
	if absent {
		*d = value
	}
}
