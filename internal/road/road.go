// Package road leads connections of our own over one line: the sockets are bound to it, and names are looked up by its servers
// only. What is in the house is reached over no line.
package road

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/router"
)

// Road is one line for connections of our own. Make it with Of, or with Home.
type Road struct {
	Name string // of the WAN; empty: it leads nowhere but to the house

	device  string
	mark    uint32
	servers []netip.AddrPort
	home    home
}

// Of is the road over a line.
func Of(w router.WANSnapshot, cfg *router.Config) Road {
	return Road{
		Name: w.Name, device: cmp.Or(w.Device, w.Interface), mark: uint32(w.Mark | firewall.MarkOwn),
		servers: nameServers(w, cfg), home: homeOf(cfg),
	}
}

// Home is the road that leads nowhere but to the house.
func Home(cfg *router.Config) Road { return Road{home: homeOf(cfg)} }

// Working are the roads over the lines that work: first the one that carries the house, then the cheapest. Lines that the owner
// drains come last.
func Working(s *router.Snapshot, cfg *router.Config) []Road {
	lines := slices.DeleteFunc(slices.Clone(s.WANs), func(w router.WANSnapshot) bool {
		return w.State != health.Up.String() && w.State != health.Degraded.String()
	})
	slices.SortStableFunc(lines, func(a, b router.WANSnapshot) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Cost+a.Lost, b.Cost+b.Lost))
	})
	var all []Road
	for _, w := range lines {
		all = append(all, Of(w, cfg))
	}
	return all
}

func rank(w router.WANSnapshot) int {
	switch {
	case w.Active:
		return 0
	case !w.Drained:
		return 1
	}
	return 2
}

// nameServers are those of the line; of a line that has none, those that the owner named for the house.
func nameServers(w router.WANSnapshot, cfg *router.Config) []netip.AddrPort {
	var all []netip.AddrPort
	for _, text := range w.DNS {
		if a, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.AddrPortFrom(a, 53))
		}
	}
	if len(all) > 0 {
		return all
	}
	for _, a := range cfg.LAN.DNS.Upstream {
		all = append(all, netip.AddrPortFrom(a, 53))
	}
	return all
}

// tries is how many addresses of a host are tried, and patience how long each may take: some lines lead over a satellite.
const (
	tries    = 3
	patience = 5 * time.Second
)

var (
	errNoLine    = errors.New("no line works")
	errNoServers = errors.New("the line has named no servers to look names up")
)

// Dial connects to host:port.
func (r Road) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	found, err := r.resolve(ctx, host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	for _, a := range found[:min(len(found), tries)] {
		var conn net.Conn
		if conn, err = r.connect(ctx, network, a, port); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

func (r Road) connect(ctx context.Context, network string, a netip.Addr, port string) (net.Conn, error) {
	d := net.Dialer{Timeout: patience}
	if !r.home.holds(a) {
		if r.device == "" {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errNoLine}
		}
		d.Control = kernel.Control(r.device, r.mark)
	}
	return d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
}

func (r Road) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	switch {
	case r.home.knows(host):
		return r.home.find(ctx, host)
	case r.device == "":
		return nil, errNoLine
	case len(r.servers) == 0:
		return nil, errNoServers
	}
	return lookUp(ctx, host, r.servers, net.Dialer{Control: kernel.Control(r.device, r.mark)})
}

// lookUp asks the servers in turn, and nobody else, for a host's addresses: of version 4, which every line has, or else of version 6.
func lookUp(ctx context.Context, host string, servers []netip.AddrPort, by net.Dialer) ([]netip.Addr, error) {
	var turn atomic.Int32
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		n := int(turn.Add(1)) - 1
		return by.DialContext(ctx, network, servers[n%len(servers)].String())
	}}
	rooted := strings.TrimSuffix(host, ".") + "." // as it is, without a domain of the machine's behind it
	found, err := resolver.LookupNetIP(ctx, "ip4", rooted)
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		found, err = resolver.LookupNetIP(ctx, "ip6", rooted)
	}
	for i, a := range found {
		found[i] = a.Unmap()
	}
	return found, err
}
