package health

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// nameLife is how long a target's address is kept, and nameRetry how soon a failed look-up is repeated while there is
// an old one: a name server's failure must not look like a dead line.
const (
	nameLife  = 5 * time.Minute
	nameRetry = 30 * time.Second
)

// names resolves targets over the path of their WAN.
type names struct {
	path Path

	mu    sync.Mutex
	known map[string]name
}

type name struct {
	addr  netip.Addr
	until time.Time
}

// resolve returns the address of a target, which may be one already.
func (n *names) resolve(ctx context.Context, target string) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(target); err == nil {
		return addr.Unmap(), nil
	}
	n.mu.Lock()
	old, ok := n.known[target]
	n.mu.Unlock()
	now := time.Now()
	if ok && now.Before(old.until) {
		return old.addr, nil
	}
	addr, err := n.ask(ctx, target)
	if err != nil {
		if !ok {
			return netip.Addr{}, err
		}
		n.keep(target, name{addr: old.addr, until: now.Add(nameRetry)})
		return old.addr, nil
	}
	n.keep(target, name{addr: addr, until: now.Add(nameLife)})
	return addr, nil
}

func (n *names) keep(target string, found name) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		n.known = make(map[string]name)
	}
	n.known[target] = found
}

// ask looks the name up, IPv4 first: that is what every line has.
func (n *names) ask(ctx context.Context, target string) (netip.Addr, error) {
	resolver := &net.Resolver{PreferGo: true, Dial: n.dial}
	for _, network := range []string{"ip4", "ip6"} {
		found, err := resolver.LookupNetIP(ctx, network, target)
		if err == nil && len(found) > 0 {
			return found[0].Unmap(), nil
		}
		if ctx.Err() != nil {
			break
		}
		var dns *net.DNSError
		if errors.As(err, &dns) && (dns.IsTimeout || dns.IsTemporary) {
			break // the server does not answer: asking for another type will not help
		}
	}
	return netip.Addr{}, fmt.Errorf("%s: name does not resolve", target)
}

func (n *names) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if n.path.DNS != nil {
		if servers := n.path.DNS(); len(servers) > 0 {
			address = servers[rand.IntN(len(servers))].String()
		}
	}
	dialer := net.Dialer{Control: n.path.Control}
	return dialer.DialContext(ctx, network, address)
}
