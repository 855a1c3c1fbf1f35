package kernel

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/pair/handover"
	"github.com/twinpath/twinpath/router"
)

// divertWayNumber is the table of the way to the other router, and the priority of the rule that leads there: before all of Apply's.
const divertWayNumber = router.Base - 50

// divertWay makes rule and route of each family that goes to the other router, and removes those of one that does not.
func divertWay(d handover.Diversion) error {
	s, err := dial()
	if err != nil {
		return err
	}
	defer s.close()
	routes, err := s.ownRoutes()
	if err != nil {
		return err
	}
	rules, err := s.rules()
	if err != nil {
		return err
	}
	index := 0
	if d.Mode != handover.None {
		devices, err := s.links()
		if err != nil {
			return err
		}
		lan, there := devices[d.LAN[0]]
		if !there {
			return fmt.Errorf("there is no interface %s", d.LAN[0])
		}
		index = lan.Index
	}
	return errors.Join(
		s.divertFamily(netip.IPv4Unspecified(), hop{gateway: d.Gateway4, index: index}, routes, rules),
		s.divertFamily(netip.IPv6Unspecified(), hop{gateway: d.Gateway6.WithZone(""), index: index}, routes, rules))
}

// divertFamily first adds what is missing, the route before the rule that leads to it, and then removes the rest in the other order.
func (s *session) divertFamily(from netip.Addr, to hop, routes map[routeKey]route, rules []shown) (err error) {
	wanted := divertRule(family(from))
	var keep *route
	if to.gateway.IsValid() && to.index != 0 {
		r := divertRoute(from, to)
		keep = &r
		if old, there := routes[r.routeKey]; !there || !old.equal(r) {
			err = failed(fmt.Sprintf("set route %s to %s", r.destination, to.gateway), s.setRoute(r, unix.NLM_F_CREATE|unix.NLM_F_REPLACE))
		}
	}
	found := false
	for _, r := range rules {
		switch {
		case !r.ours || r.priority != divertWayNumber || r.family != wanted.family:
		case keep != nil && r.rule == wanted:
			found = true
		default:
			err = errors.Join(err, failed("remove "+ruleText(r.rule), s.do(unix.RTM_DELRULE, 0, r.body)))
		}
	}
	if keep != nil && !found && err == nil {
		err = failed("add "+ruleText(wanted), s.addRule(wanted))
	}
	for key, r := range routes {
		if key.table == divertWayNumber && key.destination.Addr().Is4() == from.Is4() && (keep == nil || key != keep.routeKey) {
			err = errors.Join(err, failed(fmt.Sprintf("remove route %s", r.destination), s.removeRoute(r)))
		}
	}
	return err
}

func divertRule(family int) rule {
	mark := uint32(firewall.MarkDiverted)
	return rule{family: family, priority: divertWayNumber, mark: mark, mask: mark, table: divertWayNumber, suppress: everyPrefix}
}

// divertRoute is on-link: the other router may be of a network of the house that this one has no address in.
func divertRoute(from netip.Addr, to hop) route {
	r := route{kind: unix.RTN_UNICAST, hops: []hop{to}, onLink: true}
	r.routeKey = routeKey{table: divertWayNumber, destination: netip.PrefixFrom(from, 0)}
	if from.Is6() {
		r.metric = metricOfIPv6
	}
	return r
}
