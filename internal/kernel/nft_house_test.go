package kernel

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/internal/sandbox"
)

// nftHouse is a router with our ruleset, two hosts behind it and two providers before it. Each provider has
// all of 9.9.0.0/16: a TCP connection to port 80 there is told which provider took it, and who the caller is.
type nftHouse struct {
	t              *testing.T
	router         *sandbox.Namespace
	client, server *sandbox.Namespace   // 192.168.1.10 and .11; the client is 2001:db8:1::10 too
	isps           []*sandbox.Namespace // 203.0.113.1 and 198.51.100.1; the router has .2
	said           []atomic.Int32       // bytes that reached each provider after the greeting
	mss            []chan int           // segment size to callers of each provider
	nft            Nft
}

var nftHouses atomic.Int32

func newNftHouse(t *testing.T) *nftHouse {
	h := &nftHouse{t: t, said: make([]atomic.Int32, 2), mss: []chan int{make(chan int, 100), make(chan int, 100)}}
	n := nftHouses.Add(1)
	add := func(name string) *sandbox.Namespace { return nftNamespace(t, fmt.Sprintf("%s-%d", name, n)) }
	h.router, h.client, h.server = add("router"), add("client"), add("server")
	h.isps = []*sandbox.Namespace{add("isp1"), add("isp2")}
	for _, ns := range append([]*sandbox.Namespace{h.router, h.client, h.server}, h.isps...) {
		h.run(ns, "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0") // addresses are final at once
	}
	h.wire()
	for i, isp := range h.isps {
		h.listen(isp, ":80", func(c net.Conn) { h.provide(i, c) })
	}
	h.listen(h.server, ":443", func(c net.Conn) { fmt.Fprintf(c, "server %s\n", c.RemoteAddr()) })
	h.listen(h.router, ":22", func(c net.Conn) { fmt.Fprintf(c, "router %s\n", c.RemoteAddr()) })
	return h
}

func (h *nftHouse) wire() {
	h.run(h.router, `sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
		sysctl -qew net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0
		ip link add lan0 type bridge
		ip link set lan0 up
		ip addr add 192.168.1.1/24 dev lan0
		ip link add p1 type veth peer name eth0 netns `+h.client.Name+`
		ip link add p2 type veth peer name eth0 netns `+h.server.Name+`
		ip link set p1 master lan0 up
		ip link set p2 master lan0 up
		ip link add wan0 type veth peer name line netns `+h.isps[0].Name+`
		ip link add wan1 type veth peer name line netns `+h.isps[1].Name+`
		ip addr add 203.0.113.2/24 dev wan0
		ip addr add 198.51.100.2/24 dev wan1
		ip link set wan0 up
		ip link set wan1 up
		ip route add default via 203.0.113.1
		ip route add default via 203.0.113.1 table 101
		ip route add default via 198.51.100.1 table 102
		ip rule add priority 100 lookup main suppress_prefixlength 0
		ip rule add priority 101 fwmark 0x100/0xff00 lookup 101
		ip rule add priority 102 fwmark 0x200/0xff00 lookup 102`)
	for i, host := range []*sandbox.Namespace{h.client, h.server} {
		h.run(host, fmt.Sprintf(`ip addr add 192.168.1.1%d/24 dev eth0
			ip link set eth0 address 02:00:00:00:00:1%d up
			ip route add default via 192.168.1.1`, i, i))
	}
	for i, address := range []string{"203.0.113.1", "198.51.100.1"} {
		h.run(h.isps[i], `ip addr add `+address+`/24 dev line
			ip link set line up
			ip route add local 9.9.0.0/16 dev lo
			ip route add 192.168.1.0/24 via `+strings.TrimSuffix(address, "1")+`2`)
	}
	h.wire6()
}

// wire6 gives the house IPv6 by the first provider, who has 2001:db8:9::/64.
func (h *nftHouse) wire6() {
	h.run(h.router, `sysctl -qw net.ipv6.conf.all.forwarding=1
		ip addr add 2001:db8:1::1/64 dev lan0
		ip addr add 2001:db8:f::2/64 dev wan0
		ip route add default via 2001:db8:f::1`)
	h.run(h.client, `ip addr add 2001:db8:1::10/64 dev eth0 nodad
		ip route add default via 2001:db8:1::1`)
	h.run(h.isps[0], `ip addr add 2001:db8:f::1/64 dev line nodad
		ip route add local 2001:db8:9::/64 dev lo
		ip route add 2001:db8:1::/64 via 2001:db8:f::2`)
}

func (h *nftHouse) run(ns *sandbox.Namespace, lines string) {
	h.t.Helper()
	for line := range strings.Lines(lines) {
		nftRun(h.t, ns, line)
	}
}

// listen answers each TCP connection until the test ends.
func (h *nftHouse) listen(ns *sandbox.Namespace, address string, answer func(net.Conn)) {
	h.t.Helper()
	var listener net.Listener
	err := ns.Do(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				answer(c)
			}()
		}
	}()
}

func (h *nftHouse) provide(isp int, c net.Conn) {
	h.mss[isp] <- segment(c)
	fmt.Fprintf(c, "isp%d %s\n", isp+1, c.RemoteAddr())
	buffer := make([]byte, 100)
	for {
		n, err := c.Read(buffer)
		h.said[isp].Add(int32(n))
		if err != nil {
			return
		}
		if _, err := c.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// segment is the segment size that a connection sends, with the 12 bytes that timestamps take of it.
func segment(c net.Conn) int {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return 0
	}
	size := 0
	_ = raw.Control(func(fd uintptr) { size, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG) })
	return size + 12
}

// patience is how long a test waits for what is to happen; brief, for what is not to.
const (
	patience = 5 * time.Second
	brief    = 400 * time.Millisecond
)

// dial connects and reads the greeting.
func (h *nftHouse) dial(ns *sandbox.Namespace, to string, wait time.Duration) (net.Conn, string, error) {
	return h.dialFrom(ns, nil, to, wait)
}

// dialFrom is dial with an address of its own.
func (h *nftHouse) dialFrom(ns *sandbox.Namespace, from net.Addr, to string, wait time.Duration) (net.Conn, string, error) {
	var c net.Conn
	err := ns.Do(func() (err error) {
		c, err = (&net.Dialer{LocalAddr: from, Timeout: wait}).Dial("tcp", to)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	h.t.Cleanup(func() { c.Close() })
	line := make([]byte, 100)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	n, err := c.Read(line)
	return c, strings.TrimSpace(string(line[:n])), err
}

// reach dials from the client, or whoever is named, and wants a greeting that begins as given.
func (h *nftHouse) reach(ns *sandbox.Namespace, to, want string) net.Conn {
	h.t.Helper()
	c, got, err := h.dial(ns, to, patience)
	if err != nil || !strings.HasPrefix(got, want) {
		h.t.Fatalf("%s to %s: got %q (%v), want %q", ns.Name, to, got, err, want)
	}
	return c
}

// echo sends a byte over an open connection and wants it back.
func (h *nftHouse) echo(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte{1}); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

func (h *nftHouse) load(p firewall.Policy) {
	h.t.Helper()
	nftLoad(h.t, h.router, &h.nft, firewall.Build(p))
}

func (h *nftHouse) forget() {
	h.t.Helper()
	err := h.router.Do(func() error {
		c, err := conntrack.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Flush()
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *nftHouse) policy() firewall.Policy {
	return firewall.Policy{
		LAN: []string{"lan0"}, Subnets: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")},
		WANs: []firewall.WAN{
			{Name: "fibre", Device: "wan0", Mark: firewall.MarkOf(0), MTU: 1400, Alive: true, Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.2")}},
			{Name: "dsl", Device: "wan1", Mark: firewall.MarkOf(1), Alive: true, Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.2")}},
		},
		Forwards: []firewall.Forward{{Proto: "tcp", Ports: firewall.PortRange{First: 8443, Last: 8443}, To: netip.MustParseAddrPort("192.168.1.11:443")}},
	}
}

// via is a policy that sends 9.9.9.2 by the second WAN.
func (h *nftHouse) via() firewall.Policy {
	p := h.policy()
	p.Uses = []firewall.Use{{Destinations: []netip.Prefix{netip.MustParsePrefix("9.9.9.2/32")}, Via: []firewall.Share{{Mark: firewall.MarkOf(1), Weight: 1}}}}
	return p
}

// sendUDP sends one byte.
func sendUDP(t testing.TB, ns *sandbox.Namespace, to string) {
	t.Helper()
	err := ns.Do(func() error {
		conn, err := net.Dial("udp", to)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Write([]byte{1})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
