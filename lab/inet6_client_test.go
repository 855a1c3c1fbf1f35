package lab

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/wan"
	"github.com/twinpath/twinpath/wan/inet6"
)

// inside opens the client's sockets in a router's namespace.
type inside struct {
	space *sandbox.Namespace
}

func (i inside) Open(device string, kind inet6.Kind) (line inet6.Line, err error) {
	err = i.space.Do(func() (err error) {
		line, err = kernel.Inet6Sockets{}.Open(device, kind)
		return err
	})
	return line, err
}

// subscriber is the real IPv6 client on a router's first line.
type subscriber struct {
	*inet6.Client
	t    *testing.T
	mu   sync.Mutex
	news []wan.Update6
	stop func()
}

func subscribe(t *testing.T, b *Box) *subscriber {
	t.Helper()
	s := &subscriber{t: t}
	s.Client = &inet6.Client{
		Name: "fibre", Device: "wan0", Sockets: inside{b.space},
		Store:  inet6.FileStore{Path: filepath.Join(b.State(), "wan-fibre.lease6.json")},
		Report: s.report,
		Log:    slog.New(slog.DiscardHandler),
		Uptime: wan.ReadUptime,
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the client ended with %v", err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *subscriber) report(u wan.Update6) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.news = append(s.news, u)
}

// latest is the last that was reported.
func (s *subscriber) latest() wan.Update6 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.news) == 0 {
		return wan.Update6{}
	}
	return s.news[len(s.news)-1]
}

// until waits for an update that is as wanted, and returns it.
func (s *subscriber) until(what string, within time.Duration, is func(wan.Update6) bool) wan.Update6 {
	s.t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(look) {
		u := s.latest()
		if is(u) {
			return u
		}
		if time.Now().After(end) {
			s.t.Fatalf("not within %s: %s; the last was %q, %+v", within, what, u.Reason, u.Lease)
		}
	}
}

// numbered tells whether the lease has a router, and a prefix of a network before all others.
func numbered(u wan.Update6, network string) bool {
	return u.Lease != nil && u.Lease.Gateway.IsValid() && len(u.Lease.Prefixes) > 0 &&
		netip.MustParsePrefix(network).Contains(u.Lease.Prefixes[0].Prefix.Addr())
}

// line6home is a home whose router's first line is switched on and its kernel deaf to adverts.
func line6home(t *testing.T, tag string) (*House, *Box) {
	t.Helper()
	home := dual()
	home.Tag = tag
	h, err := Build(t.Context(), home)
	must(t, err)
	t.Cleanup(h.Close)
	b := h.Boxes[0]
	must(t, sysctl(b.space, "net/ipv6/conf/wan0/accept_ra", "0"))
	must(t, ip(b.space, "link set wan0 up"))
	return h, b
}

// A client meets radvd and ISC dhcpd: everything that a provider does to its customers within an hour.
func TestIPv6ClientAndProvider(t *testing.T) {
	t.Parallel()
	h, b := line6home(t, "six-isc-")
	l := h.Lines[0]
	began := time.Now()
	s := subscribe(t, b)
	first := s.until("a prefix", 10*time.Second, func(u wan.Update6) bool { return numbered(u, "2001:db8:f::/48") })
	t.Logf("after %s: %q %+v", time.Since(began).Round(time.Millisecond), first.Reason, first.Lease)
	if g := first.Lease.Gateway; g != netip.MustParseAddr(gateway6) || first.Lease.Device != "wan0" {
		t.Errorf("the router is %s, by %s", g, first.Lease.Device)
	}
	if !slices.Contains(first.Lease.DNS, netip.MustParseAddr("2001:db8:f::1")) {
		t.Errorf("resolvers %v", first.Lease.DNS)
	}
	prefix := first.Lease.Prefixes[0].Prefix
	if prefix.Bits() != 56 {
		t.Errorf("delegated %s, want a /56", prefix)
	}
	works(t, b, l, first.Lease)

	// A restart of ours is not felt, and leads to the same prefix.
	s.stop()
	must(t, h.StopDHCP6("fibre"))
	s = subscribe(t, b)
	u := s.until("the prefix of before", 5*time.Second, func(u wan.Update6) bool { return u.Lease != nil })
	if u.Lease.Prefixes[0].Prefix != prefix || u.Lease.Gateway != first.Lease.Gateway {
		t.Errorf("restarted with %+v", u.Lease)
	}
	must(t, h.StartDHCP6(t.Context(), "fibre"))

	// The server loses its memory; the link comes back, and what it delegates is routed again.
	must(t, h.ForgetDHCP6(t.Context(), "fibre"))
	s.LinkUp()
	u = s.until("what the server knows", 15*time.Second, func(u wan.Update6) bool {
		return numbered(u, "2001:db8:f::/48") && slices.Contains(l.Delegated(), u.Lease.Prefixes[0].Prefix)
	})
	works(t, b, l, u.Lease)

	// Another network, without a word on the old one.
	must(t, h.Renumber6(t.Context(), "fibre", "2001:db8:e::/48"))
	renumbered := time.Now()
	u = s.until("the new network", 20*time.Second, func(u wan.Update6) bool {
		return numbered(u, "2001:db8:e::/48") && len(u.Lease.Prefixes) == 1 &&
			netip.MustParsePrefix("2001:db8:e::/48").Contains(u.Lease.Addresses[0].Prefix.Addr())
	})
	t.Logf("renumbered after %s", time.Since(renumbered).Round(time.Millisecond))
	works(t, b, l, u.Lease)

	// Given back.
	must(t, s.Release())
	if u := s.latest(); u.Lease != nil || u.Reason != "IPv6 has been given back" {
		t.Errorf("released to %q %+v", u.Reason, u.Lease)
	}
}

// works puts a lease into the kernel and sends something from it.
func works(t *testing.T, b *Box, l *Line, lease *wan.Lease6) {
	t.Helper()
	prefix := lease.Prefixes[0].Prefix
	eventually(t, "the prefix is routed", func() bool { return slices.Contains(l.Delegated(), prefix) })
	lines := []string{"route replace default via " + lease.Gateway.String() + " dev wan0"}
	for _, a := range lease.Addresses {
		lines = append(lines, "addr replace "+a.Prefix.String()+" dev wan0 nodad noprefixroute")
	}
	host := prefix.Masked().Addr().Next().String()
	lines = append(lines, "addr replace "+host+"/128 dev lo nodad")
	must(t, ip(b.space, strings.Join(lines, "\n")))
	for _, a := range lease.Addresses {
		if !a.Preferred.IsZero() && a.Preferred.Before(time.Now()) {
			continue // of a network that is no more
		}
		pinged(t, b, a.Prefix.Addr().String())
	}
	pinged(t, b, host)
}

// pinged waits until the Internet answers an address of the box.
func pinged(t *testing.T, b *Box, from string) {
	t.Helper()
	eventually(t, "an answer to "+from, func() bool {
		_, err := b.Run("ping -c1 -W1 -I " + from + " 2606:4700:4700::1111")
		return err == nil
	})
}
