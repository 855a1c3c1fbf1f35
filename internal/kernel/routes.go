package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/router"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// metricOfIPv6 is what the kernel makes of metric 0 there (IP6_RT_PRIO_USER).
const metricOfIPv6 = 1024

// routeKey is what the kernel tells routes apart by.
type routeKey struct {
	table       int
	destination netip.Prefix
	metric      int
}

// hop is one way out. Its weight is 0 when it is the only one.
type hop struct {
	gateway netip.Addr
	index   int
	weight  int
}

// route is a route as the kernel knows it.
type route struct {
	routeKey
	kind   uint8
	source netip.Addr
	mtu    int
	hops   []hop
	onLink bool // not compared: it only matters while a route is added
}

func (r route) equal(other route) bool {
	return r.routeKey == other.routeKey && r.kind == other.kind && r.source == other.source && r.mtu == other.mtu &&
		slices.Equal(r.hops, other.hops)
}

// ownRoutes lists the routes of our protocol in every table and both families.
func (s *session) ownRoutes() (map[routeKey]route, error) {
	bodies, err := s.dump(unix.RTM_GETROUTE, &nl.RtMsg{RtMsg: unix.RtMsg{Protocol: router.Protocol}})
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	routes := make(map[routeKey]route, len(bodies))
	for _, body := range bodies {
		// Kernels before 5.0 know no strict check and show everybody's routes.
		if len(body) >= unix.SizeofRtMsg && body[5] == router.Protocol {
			r := readRoute(body)
			routes[r.routeKey] = r
		}
	}
	return routes, nil
}

func readRoute(body []byte) route {
	r := route{kind: body[7]}
	r.table = int(body[4])
	address := unspecified(int(body[0]))
	var only hop
	for kind, v := range attributes(body, unix.SizeofRtMsg) {
		switch kind {
		case unix.RTA_DST:
			address, _ = netip.AddrFromSlice(v)
		case unix.RTA_TABLE:
			r.table = int(value(v))
		case unix.RTA_PRIORITY:
			r.metric = int(value(v))
		case unix.RTA_PREFSRC:
			r.source, _ = netip.AddrFromSlice(v)
		case unix.RTA_GATEWAY:
			only.gateway, _ = netip.AddrFromSlice(v)
		case unix.RTA_OIF:
			only.index = int(value(v))
		case unix.RTA_METRICS:
			r.mtu = mtuOf(v)
		case unix.RTA_MULTIPATH:
			r.hops = readHops(v)
		}
	}
	r.destination = netip.PrefixFrom(address, int(body[1]))
	if r.kind == unix.RTN_UNICAST && r.hops == nil {
		r.hops = []hop{only}
	}
	return r
}

func mtuOf(metrics []byte) int {
	for kind, v := range attributes(metrics, 0) {
		if kind == unix.RTAX_MTU {
			return int(value(v))
		}
	}
	return 0
}

// readHops reads struct rtnexthop one after the other; rtnh_hops is the weight less one.
func readHops(b []byte) (hops []hop) {
	for len(b) >= unix.SizeofRtNexthop {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtNexthop || size > len(b) {
			return hops
		}
		h := hop{weight: int(b[3]) + 1, index: int(binary.NativeEndian.Uint32(b[4:]))}
		for kind, v := range attributes(b[:size], unix.SizeofRtNexthop) {
			if kind == unix.RTA_GATEWAY {
				h.gateway, _ = netip.AddrFromSlice(v)
			}
		}
		hops = append(hops, h)
		b = b[min((size+3)&^3, len(b)):]
	}
	slices.SortFunc(hops, compareHops)
	return hops
}

func compareHops(a, b hop) int {
	if a.index != b.index {
		return a.index - b.index
	}
	return a.gateway.Compare(b.gateway)
}

func unspecified(family int) netip.Addr {
	if family == unix.AF_INET {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// route makes the plan's routes: on-link ones first, since gateways are reached through them.
// Ours that the plan does not have go at the end.
func (p *pass) route() {
	planned := slices.Clone(p.plan.Routes)
	slices.SortStableFunc(planned, func(a, b router.Route) int { return rank(a) - rank(b) })
	wanted := make(map[routeKey]bool, len(planned))
	for _, r := range planned {
		w, ok := p.resolve(r)
		if !ok {
			continue
		}
		wanted[w.routeKey] = true
		p.want(routeText(r), indexes(w), func() outcome { return p.setRoute(w, r) })
	}
	for key, r := range p.routes {
		if !wanted[key] && key.table != divertWayNumber {
			p.later("remove route "+p.text(r), func() error { return p.session.removeRoute(r) })
		}
	}
}

func rank(r router.Route) int {
	if r.Gateway.IsValid() || len(r.Hops) > 0 {
		return 1
	}
	return 0
}

// resolve turns a planned route into the kernel's terms. The kernel has no routes over interfaces that are off:
// such hops are left out, and a route of which none is left is not wanted until its interface is on.
func (p *pass) resolve(r router.Route) (route, bool) {
	w := route{kind: unix.RTN_UNICAST, source: r.Source, mtu: r.MTU, onLink: r.OnLink}
	w.routeKey = routeKey{r.Table, r.Destination.Masked(), r.Metric}
	if r.Metric == 0 && r.Destination.Addr().Is6() {
		w.metric = metricOfIPv6
	}
	if r.Unreachable {
		w.kind = unix.RTN_UNREACHABLE
		return w, true
	}
	hops := r.Hops
	if len(hops) == 0 {
		hops = []router.Hop{{Gateway: r.Gateway, Device: r.Device}}
	}
	for _, h := range hops {
		if d, ok := p.device(h.Device); ok && d.Up {
			w.hops = append(w.hops, hop{h.Gateway, d.Index, max(h.Weight, 1)})
		}
	}
	if len(w.hops) == 1 {
		w.hops[0].weight = 0
	}
	slices.SortFunc(w.hops, compareHops)
	return w, len(w.hops) > 0
}

func indexes(r route) []int {
	var all []int
	for _, h := range r.hops {
		all = append(all, h.index)
	}
	return all
}

// setRoute adds a route, or replaces our own of the same key in one step: the kernel has no moment without it.
// Someone else's route of the same key is left alone and reported.
func (p *pass) setRoute(w route, r router.Route) outcome {
	old, there := p.routes[w.routeKey]
	switch {
	case there && old.equal(w):
		return found
	case there:
		if p.change("set route "+routeText(r), p.session.setRoute(w, unix.NLM_F_CREATE|unix.NLM_F_REPLACE)) {
			return replaced
		}
		return absent
	}
	err := p.session.setRoute(w, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	if errors.Is(err, unix.EEXIST) {
		err = errors.New("someone else has put a route there with the same table, destination and metric")
	}
	if p.change("add route "+routeText(r), err) {
		return added
	}
	return absent
}

func (s *session) setRoute(r route, flags int) error {
	m := routeHeader(r)
	m.Type, m.Scope = r.kind, unix.RT_SCOPE_UNIVERSE
	if r.onLink {
		m.Flags = unix.RTNH_F_ONLINK
	}
	parts := append([]nl.NetlinkRequestData{m}, routeNames(r)...)
	if r.source.IsValid() {
		parts = append(parts, nl.NewRtAttr(unix.RTA_PREFSRC, r.source.AsSlice()))
	}
	if r.mtu > 0 {
		metrics := nl.NewRtAttr(unix.RTA_METRICS, nil)
		metrics.AddChild(number(unix.RTAX_MTU, uint32(r.mtu)))
		parts = append(parts, metrics)
	}
	switch len(r.hops) {
	case 0:
	case 1:
		if !r.hops[0].gateway.IsValid() && m.Family == unix.AF_INET {
			m.Scope = unix.RT_SCOPE_LINK
		}
		parts = append(parts, number(unix.RTA_OIF, uint32(r.hops[0].index)))
		parts = append(parts, gateway(r.hops[0])...)
	default:
		parts = append(parts, multipath(r))
	}
	return s.do(unix.RTM_NEWROUTE, flags, parts...)
}

// multipath writes the hops. For IPv6 each needs a gateway: the kernel refuses hops that are only a device (6.18).
func multipath(r route) *nl.RtAttr {
	var b []byte
	for _, h := range r.hops {
		n := nl.RtNexthop{RtNexthop: unix.RtNexthop{Hops: uint8(h.weight - 1), Ifindex: int32(h.index)}, Children: gateway(h)}
		if r.onLink {
			n.Flags = unix.RTNH_F_ONLINK
		}
		b = append(b, n.Serialize()...)
	}
	return nl.NewRtAttr(unix.RTA_MULTIPATH, b)
}

func gateway(h hop) []nl.NetlinkRequestData {
	if !h.gateway.IsValid() {
		return nil
	}
	return []nl.NetlinkRequestData{nl.NewRtAttr(unix.RTA_GATEWAY, h.gateway.AsSlice())}
}

// removeRoute names the route by its key, type and protocol, so that it cannot hit anyone else's.
func (s *session) removeRoute(r route) error {
	m := routeHeader(r)
	m.Type, m.Scope = r.kind, unix.RT_SCOPE_NOWHERE // NOWHERE matches every scope
	err := s.do(unix.RTM_DELROUTE, 0, append([]nl.NetlinkRequestData{m}, routeNames(r)...)...)
	if errors.Is(err, unix.ESRCH) {
		return nil // it went with an address or interface that was removed before
	}
	return err
}

func routeHeader(r route) *nl.RtMsg {
	return &nl.RtMsg{RtMsg: unix.RtMsg{
		Family:   uint8(family(r.destination.Addr())),
		Dst_len:  uint8(r.destination.Bits()),
		Protocol: router.Protocol,
	}}
}

func routeNames(r route) []nl.NetlinkRequestData {
	parts := []nl.NetlinkRequestData{number(unix.RTA_TABLE, uint32(r.table))}
	if r.destination.Bits() > 0 {
		parts = append(parts, nl.NewRtAttr(unix.RTA_DST, r.destination.Addr().AsSlice()))
	}
	if r.metric > 0 {
		parts = append(parts, number(unix.RTA_PRIORITY, uint32(r.metric)))
	}
	return parts
}

// hidden names the default routes of others that the kernel prefers to ours in the main table.
// Only IPv4 has metrics below MainMetric.
func (p *pass) hidden() []string {
	ours := func(r router.Route) bool {
		return r.Table == router.Main && r.Destination.Bits() == 0 && r.Destination.Addr().Is4()
	}
	if !slices.ContainsFunc(p.plan.Routes, ours) {
		return nil
	}
	bodies, err := p.session.dump(unix.RTM_GETROUTE,
		&nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET, Type: unix.RTN_UNICAST}}, number(unix.RTA_TABLE, router.Main))
	if err != nil {
		p.fail(fmt.Errorf("list the main table: %w", err))
		return nil
	}
	var names []string
	for _, body := range bodies {
		if len(body) < unix.SizeofRtMsg || body[1] != 0 || body[5] == router.Protocol {
			continue
		}
		if r := readRoute(body); r.table == router.Main && r.metric < router.MainMetric {
			names = append(names, p.text(r))
		}
	}
	return names
}

// text writes a route of the kernel as "ip route" has it.
func (p *pass) text(r route) string {
	planned := router.Route{Table: r.table, Destination: r.destination, Source: r.source, Metric: r.metric, MTU: r.mtu, Unreachable: r.kind != unix.RTN_UNICAST}
	switch len(r.hops) {
	case 0:
	case 1:
		planned.Gateway, planned.Device = r.hops[0].gateway, p.nameOf(r.hops[0].index)
	default:
		for _, h := range r.hops {
			planned.Hops = append(planned.Hops, router.Hop{Gateway: h.gateway, Device: p.nameOf(h.index), Weight: h.weight})
		}
	}
	return routeText(planned)
}

// routeText leaves our protocol out: the words are for a person, who only sees ours here, and others' in hidden.
func routeText(r router.Route) string {
	return strings.Replace(r.String(), fmt.Sprintf(" proto %d", router.Protocol), "", 1)
}
