package config

import (
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
)

// line looks at the addresses of one WAN.
func (r *reading) line(at string, w router.WANConfig, cfg router.Config) {
	if w.Kind == router.Peer {
		r.peer(at, w, cfg.LAN)
		return
	}
	own, gateway := w.Static.Address, w.Static.Gateway
	if !own.IsValid() || !gateway.IsValid() {
		return
	}
	at += ".static.gateway"
	switch {
	case gateway == own.Addr():
		r.problem(at, "the gateway is the modem or the ISP's router", "%s is this router's own address", gateway)
	case edge(own, gateway) != "":
		r.problem(at, "", "%s is the %s address of %s", gateway, edge(own, gateway), own.Masked())
	case own.Bits() < 32 && !own.Contains(gateway): // with a /32 every gateway is outside, as some hosters want it
		r.problem(at, "check the length of static.address", "%s is not in the WAN's network %s", gateway, own.Masked())
	}
}

// peer looks at a WAN through the other router, which is reached over the LAN unless the WAN names an interface.
func (r *reading) peer(at string, w router.WANConfig, lan router.LAN) {
	if w.Interface != "" && w.Interface != lan.Interface {
		return
	}
	if !r.has("lan") {
		r.problem(at, "", `lacks interface, and there is no [lan] to reach the peer over`)
		return
	}
	at += ".peer.gateway"
	if !w.Peer.IsValid() || r.outside(at, w.Peer, lan.Address) {
		return
	}
	if within(w.Peer, lan.DHCP.First, lan.DHCP.Last) {
		r.problem(at, "choose one outside of lan.dhcp.range", "%s may be given to another device: it is in the DHCP range %s to %s",
			w.Peer, lan.DHCP.First, lan.DHCP.Last)
	}
}

// health looks at what a WAN's checks say together, with the defaults for what the file does not give.
func (r *reading) health(at string, h health.Config) {
	h = h.WithDefaults()
	if h.Confirm > h.Interval {
		r.problem(join(at, "confirm"), "confirm is the hurried pace after a first miss",
			"%s is longer than the interval of %s", short(h.Confirm), short(h.Interval))
	}
	total := 0
	for _, check := range h.Checks {
		total += check.Weight
	}
	switch spare := total - h.Quorum; {
	case spare < 0:
		r.problem(join(at, "quorum"), "", "%d is more than the %d that all checks weigh together: the WAN could never be up", h.Quorum, total)
	case spare > downCost:
		r.problem(at, "use lighter checks or a higher quorum",
			"checks weighing %d may fail before the WAN is down: at most %d, what a dead WAN costs", spare, downCost)
	}
}

// downCost is what a WAN that is down loses (design §1). A degraded one must not lose more.
const downCost = 100

func (r *reading) checks(at string, checks []health.Check) {
	seen := places{}
	for i, c := range checks {
		if c.Target != "" {
			r.unique(seen, c.String(), join(element(at, i), c.Kind.String()), c.Target)
		}
	}
}
