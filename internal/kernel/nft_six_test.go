package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/firewall"
)

// far6 is behind either provider; the house has 2001:db8:1::/64 of the first and 2001:db8:2::/64 of the second.
const far6 = "[2001:db8:9::1]:80"

// both wires the second provider for IPv6, too, and gives the client an address of each, and one of the house's own.
func (h *nftHouse) both() {
	h.t.Helper()
	h.run(h.router, `sysctl -qw net.ipv6.icmp.ratelimit=0
		ip addr add 2001:db8:2::1/64 dev lan0
		ip addr add fd00:1::1/64 dev lan0
		ip addr add 2001:db8:e::2/64 dev wan1
		ip route add default via 2001:db8:f::1 table 101
		ip route add default via 2001:db8:e::1 table 102
		ip -6 rule add priority 100 lookup main suppress_prefixlength 0
		ip -6 rule add priority 101 fwmark 0x100/0xff00 lookup 101
		ip -6 rule add priority 102 fwmark 0x200/0xff00 lookup 102`)
	h.run(h.client, `ip addr add 2001:db8:2::10/64 dev eth0 nodad
		ip addr add fd00:1::10/64 dev eth0 nodad
		ip addr add 2001:db8:bad::10/64 dev eth0 nodad`)
	h.run(h.router, "ip route add 2001:db8:bad::/64 dev lan0") // of a line that is long gone; errors find their way back
	h.run(h.isps[1], `ip addr add 2001:db8:e::1/64 dev line nodad
		ip route add local 2001:db8:9::/64 dev lo
		ip route add default via 2001:db8:e::2`)
	h.run(h.isps[0], "ip route add default via 2001:db8:f::2") // a provider who takes anything: nothing but we keep it back
}

func (h *nftHouse) six() firewall.Policy {
	p := h.policy()
	p.Six = true
	for i, w := range []struct{ lan, wan string }{{"2001:db8:1::/64", "2001:db8:f::2/128"}, {"2001:db8:2::/64", "2001:db8:e::2/128"}} {
		p.Subnets = append(p.Subnets, netip.MustParsePrefix(w.lan))
		p.WANs[i].Sources6 = []netip.Prefix{netip.MustParsePrefix(w.lan), netip.MustParsePrefix(w.wan)}
		p.WANs[i].Alive6, p.WANs[i].Open6 = true, true
	}
	p.Subnets = append(p.Subnets, netip.MustParsePrefix("fd00:1::/64"), netip.MustParsePrefix("2001:db8:bad::/64"))
	return p
}

// from dials the far host with an address of the client's.
func (h *nftHouse) from(address string) (net.Conn, string, error) {
	return h.dialFrom(h.client, &net.TCPAddr{IP: net.ParseIP(address)}, far6, patience)
}

// refused wants a connection from an address to be refused at once for its source.
func (h *nftHouse) refused(address string) {
	h.t.Helper()
	if _, got, err := h.from(address); !errors.Is(err, unix.EACCES) {
		h.t.Errorf("from %s: %q (%v), want it refused for its source", address, got, err)
	}
}

// by wants a connection from an address to go by a provider, and returns it.
func (h *nftHouse) by(address, want string) net.Conn {
	h.t.Helper()
	c, got, err := h.from(address)
	if err != nil || !strings.HasPrefix(got, want) {
		h.t.Fatalf("from %s: got %q (%v), want %q", address, got, err, want)
	}
	return c
}

func TestNftDirectsBySource(t *testing.T) {
	h := newNftHouse(t)
	h.both()
	h.load(h.six())
	h.by("2001:db8:1::10", "isp1 [2001:db8:1::10]:")
	h.by("2001:db8:2::10", "isp2 [2001:db8:2::10]:")
	h.refused("2001:db8:bad::10")
	h.refused("fd00:1::10")
	h.run(h.router, "ip -6 route del default") // by the route's own error, a host would not know that it is its source
	h.refused("fd00:1::10")
	h.by("2001:db8:1::10", "isp1")
}

// The answers to the host are those of either end of an established flow.
func TestNftTellsThoseOfADeadPrefix(t *testing.T) {
	h := newNftHouse(t)
	h.both()
	h.load(h.six())
	old, stays := h.by("2001:db8:1::10", "isp1"), h.by("2001:db8:2::10", "isp2")
	for _, c := range []net.Conn{old, stays} {
		if err := h.echo(c); err != nil {
			t.Fatal(err)
		}
	}
	heard := h.said[1].Load()
	p := h.six()
	p.WANs[0].Alive6, p.WANs[0].Open6 = false, false
	h.run(h.router, "ip -6 route replace default via 2001:db8:e::1")
	h.load(p)
	if err := h.echo(old); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("a flow of the dead prefix ends with %v, want a reset", err)
	}
	h.refused("2001:db8:1::10")
	if err := h.echo(stays); err != nil {
		t.Errorf("the other line's flow: %v", err)
	}
	if now := h.said[1].Load(); now != heard+1 {
		t.Errorf("the second provider heard %d bytes more, want the one of its own flow", now-heard)
	}
}

// A line that is only kept for what runs over it begins nothing.
func TestNftDrainsIPv6(t *testing.T) {
	h := newNftHouse(t)
	h.both()
	h.load(h.six())
	old := h.by("2001:db8:2::10", "isp2")
	p := h.six()
	p.WANs[1].Open6 = false
	h.load(p)
	if err := h.echo(old); err != nil {
		t.Errorf("what runs is to stay: %v", err)
	}
	h.refused("2001:db8:2::10")
}

// Whatever marks, routes and sockets want: the second provider sees no source of the first's.
func TestNftLetsNoStrayOut(t *testing.T) {
	h := newNftHouse(t)
	h.both()
	p := h.six()
	p.Uses = []firewall.Use{{Destinations: []netip.Prefix{netip.MustParsePrefix("2001:db8:9::/64")}, Via: []firewall.Share{{Mark: firewall.MarkOf(1), Weight: 1}}}}
	h.load(p)
	h.refused("2001:db8:1::10")
	h.by("2001:db8:2::10", "isp2")
	h.run(h.router, "ip -6 route replace default via 2001:db8:e::1")
	for _, from := range []string{"2001:db8:f::2", "2001:db8:1::1"} {
		if _, got, err := h.dialFrom(h.router, &net.TCPAddr{IP: net.ParseIP(from)}, far6, patience); !errors.Is(err, unix.EACCES) {
			t.Errorf("the router from %s: %q (%v), want it refused", from, got, err)
		}
	}
	for _, from := range []string{"2001:db8:e::2", "2001:db8:2::1"} {
		if _, got, err := h.dialFrom(h.router, &net.TCPAddr{IP: net.ParseIP(from)}, far6, patience); !strings.HasPrefix(got, "isp2") {
			t.Errorf("the router from %s: %q (%v)", from, got, err)
		}
	}
	// Neighbours are still found, both ways.
	nftRun(t, h.isps[1], "ip neigh flush dev line")
	nftRun(t, h.router, "ip neigh flush dev wan1")
	if _, err := h.isps[1].Run("ping -c1 -W3 2001:db8:e::2"); err != nil {
		t.Errorf("ping from outside: %v", err)
	}
}

func TestNftTranslatesPrefixes(t *testing.T) {
	h := newNftHouse(t)
	h.both()
	p := h.six()
	p.Inner = netip.MustParsePrefix("fd00:1::/64")
	p.WANs[0].Translate, p.WANs[1].Translate = netip.MustParsePrefix("2001:db8:1::/64"), netip.MustParsePrefix("2001:db8:2::/64")
	h.load(p)
	old := h.by("fd00:1::10", "isp1 [2001:db8:1::10]:") // by the main table
	if err := h.echo(old); err != nil {
		t.Fatal(err)
	}
	p.Shares = []firewall.Share{{Mark: firewall.MarkOf(0), Weight: 1}, {Mark: firewall.MarkOf(1), Weight: 1}}
	p.WANs[0].Open6 = false
	h.load(p)
	c := h.by("fd00:1::10", "isp2 [2001:db8:2::10]:")
	for _, c := range []net.Conn{old, c} {
		if err := h.echo(c); err != nil {
			t.Error(err)
		}
	}
}

func TestNftOpensPortsOfHosts(t *testing.T) {
	h := newNftHouse(t)
	h.both()
	for _, isp := range h.isps {
		h.run(isp, "ip addr add 2001:db8:9::1/128 dev lo nodad")
	}
	for _, port := range []int{443, 8080} {
		h.listen(h.client, fmt.Sprintf(":%d", port), func(c net.Conn) { fmt.Fprintf(c, "client %s\n", c.RemoteAddr()) })
	}
	p := h.six()
	p.Forwards = []firewall.Forward{{Proto: "tcp", Ports: firewall.PortRange{First: 443, Last: 443}, To: netip.MustParseAddrPort("[::10]:0"), WANs: []string{"dsl"}}}
	h.load(p)
	far := &net.TCPAddr{IP: net.ParseIP("2001:db8:9::1")}
	// The default route leads to isp1: the answer leaves by the line that the question came in by.
	if _, got, err := h.dialFrom(h.isps[1], far, "[2001:db8:2::10]:443", patience); !strings.HasPrefix(got, "client [2001:db8:9::1]:") {
		t.Errorf("by isp2: got %q (%v)", got, err)
	}
	for isp, to := range map[int]string{0: "[2001:db8:1::10]:443", 1: "[2001:db8:2::10]:8080"} {
		if _, got, err := h.dialFrom(h.isps[isp], far, to, brief); err == nil {
			t.Errorf("isp%d reaches %s: %q", isp+1, to, got)
		}
	}
	if _, err := h.isps[1].Run("ping -c1 -W3 -I 2001:db8:9::1 2001:db8:2::10"); err != nil { // RFC 4890 §4.3.1
		t.Errorf("ping of a host from outside: %v", err)
	}
}

// A browser begins dozens of connections at once: each of them hears. The kernel's own rate is four a second to a host of a /64.
func TestNftRefusesManyAtOnce(t *testing.T) {
	h := newNftHouse(t)
	h.both()
	h.load(h.six())
	const many = 40
	told := 0
	err := h.client.Do(func() error {
		for range many {
			c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP("fd00:1::10")}, &net.UDPAddr{IP: net.ParseIP("2001:db8:9::1"), Port: 443})
			if err != nil {
				return err
			}
			defer c.Close()
			if _, err := c.Write([]byte{1}); err != nil {
				return err
			}
			_ = c.SetReadDeadline(time.Now().Add(brief))
			if _, err := c.Read(make([]byte, 1)); errors.Is(err, unix.EACCES) {
				told++
			}
		}
		return nil
	})
	if err != nil || told != many {
		t.Errorf("%d of %d hear that their source is refused (%v)", told, many, err)
	}
}

// Whoever scans what is delegated and not in use hears a little, and does not use up what the house is to hear.
func TestNftBoundsWhatScannersHear(t *testing.T) {
	h := newNftHouse(t)
	h.both()
	h.load(h.six())
	h.run(h.router, "ip -6 route add unreachable 2001:db8:1::/56")
	err := h.isps[0].Do(func() error {
		const scanned = 150
		for i := range scanned {
			c, err := net.Dial("udp", fmt.Sprintf("[2001:db8:1:%x::1]:443", i+1))
			if err != nil {
				return err
			}
			defer c.Close()
			if _, err := c.Write([]byte{1}); err != nil {
				return err
			}
		}
		return nil
	})
	heard := 0
	for line := range strings.Lines(nftRun(t, h.isps[0], "cat /proc/net/snmp6")) {
		_, _ = fmt.Sscanf(line, "Icmp6InDestUnreachs %d", &heard)
	}
	if err != nil || heard < 5 || heard > 35 { // the kernel itself would answer fifty at once
		t.Errorf("%d of 150 are answered (%v), want some twenty", heard, err)
	}
}
