package kernel

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/pair/handover"
)

// divertHouse is a house with two routers, each with a provider of its own that has all of 9.9.0.0/16 and 2001:db8:9::/64. The first router is 192.168.1.2, the
// second 192.168.1.3; the client has an address of both providers' IPv6. Which provider a packet reached says which router carried it.
type divertHouse struct {
	t       *testing.T
	client  *sandbox.Namespace
	routers [2]*sandbox.Namespace
	isps    [2]*sandbox.Namespace
	kernels [2]*Kernel
}

func newDivertHouse(t *testing.T) *divertHouse {
	h := &divertHouse{t: t}
	n := nftHouses.Add(1)
	add := func(name string) *sandbox.Namespace { return nftNamespace(t, fmt.Sprintf("%s-%d", name, n)) }
	cable := add("cable")
	h.client = add("client")
	h.run(cable, "sysctl -qew net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0\nip link add bridge type bridge\nip link set bridge up")
	plug := func(ns *sandbox.Namespace, device, mac string) {
		h.run(ns, "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.addr_gen_mode=1")
		port := "p" + mac[len(mac)-2:]
		h.run(cable, "ip link add "+port+" type veth peer name "+device+" netns "+ns.Name+"\nip link set "+port+" master bridge up")
		h.run(ns, "ip link set "+device+" address "+mac+" up")
	}
	plug(h.client, "eth0", "02:00:00:00:00:10")
	h.run(h.client, `sysctl -qw net.ipv4.conf.all.accept_redirects=1
		ip addr add 192.168.1.10/24 dev eth0
		ip addr add 2001:db8:1::10/64 dev eth0
		ip addr add 2001:db8:3::10/64 dev eth0`)
	for i, far := range []string{"203.0.113", "198.51.100"} {
		h.routers[i], h.isps[i] = add(fmt.Sprint("router", i)), add(fmt.Sprint("isp", i))
		h.kernels[i] = New(slog.New(slog.DiscardHandler))
		plug(h.routers[i], "lan0", fmt.Sprint("02:00:00:00:00:0", i+2))
		h.wire(i, far)
	}
	h.gateway(1)
	return h
}

func (h *divertHouse) wire(i int, far string) {
	net6 := []string{"2001:db8:1", "2001:db8:3"}[i]
	h.run(h.routers[i], fmt.Sprintf(`sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.lan0.rp_filter=0 net.ipv6.conf.all.forwarding=1
		sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.lan0.send_redirects=0
		ip addr add 192.168.1.%[1]d/24 dev lan0
		ip addr add fe80::%[1]d/64 dev lan0
		ip route add 2001:db8:1::/64 dev lan0
		ip route add 2001:db8:3::/64 dev lan0
		ip link add wan0 type veth peer name line netns %[2]s
		ip addr add %[3]s.2/24 dev wan0
		ip link set wan0 up
		ip addr add fe80::f2/64 dev wan0
		ip addr add %[4]s:f::2/64 dev wan0 nodad
		ip route add default via %[3]s.1`, i+2, h.isps[i].Name, far, net6))
	h.run(h.isps[i], fmt.Sprintf(`sysctl -qw net.ipv6.ip_nonlocal_bind=1
		ip link set line up
		ip addr add %[1]s.1/24 dev line
		ip addr add %[2]s:f::1/64 dev line nodad
		ip route add local 9.9.0.0/16 dev lo
		ip route add local 2001:db8:9::/64 dev lo
		ip route add %[2]s::/64 via %[2]s:f::2`, far, net6))
	h.run(h.routers[i], "ip route add default via "+net6+":f::1")
	rules := "table inet count {\n"
	for _, p := range []string{"icmp", "icmpv6", "253"} {
		rules += fmt.Sprintf("counter c%[1]s { }\nchain in%[1]s { type filter hook input priority 0; meta l4proto %[1]s iifname line counter name c%[1]s; }\n", p)
	}
	if _, err := h.isps[i].Feed("nft -f -", rules+"}"); err != nil {
		h.t.Fatal(err)
	}
	policy := firewall.Policy{LAN: []string{"lan0"}, Subnets: divertSubnets(),
		WANs: []firewall.WAN{{Name: "line", Device: "wan0", Mark: firewall.MarkOf(0), Alive: true}}}
	policy.Forwards = []firewall.Forward{{Proto: "tcp", Ports: firewall.PortRange{First: 8080, Last: 8080}, To: netip.MustParseAddrPort("192.168.1.10:8080")}}
	nftLoad(h.t, h.routers[i], &Nft{}, firewall.Build(policy))
	h.serve(i)
}

func divertSubnets() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("2001:db8:1::/64"), netip.MustParsePrefix("2001:db8:3::/64")}
}

// serve answers at a provider: each byte of a connection with the provider's number, each packet with that and the hop limit that was left.
func (h *divertHouse) serve(i int) {
	var tcp net.Listener
	var udp *net.UDPConn
	err := h.isps[i].Do(func() (err error) {
		if tcp, err = net.Listen("tcp", ":80"); err != nil {
			return err
		}
		udp, err = net.ListenUDP("udp", &net.UDPAddr{Port: 53})
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { tcp.Close(); udp.Close() })
	go serveStreams(tcp, byte('0'+i))
	go servePackets(udp, i)
}

func serveStreams(l net.Listener, answer byte) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			b := make([]byte, 1)
			for {
				if _, err := io.ReadFull(c, b); err != nil {
					return
				}
				if _, err := c.Write([]byte{answer}); err != nil {
					return
				}
			}
		}()
	}
}

func servePackets(c *net.UDPConn, isp int) {
	raw, _ := c.SyscallConn()
	_ = raw.Control(func(fd uintptr) {
		for level, options := range map[int][]int{unix.IPPROTO_IP: {unix.IP_RECVTTL, unix.IP_PKTINFO}, unix.IPPROTO_IPV6: {unix.IPV6_RECVHOPLIMIT, unix.IPV6_RECVPKTINFO}} {
			for _, option := range options {
				_ = unix.SetsockoptInt(int(fd), level, option, 1)
			}
		}
	})
	data, control := make([]byte, 100), make([]byte, 500)
	for {
		_, n, _, from, err := c.ReadMsgUDPAddrPort(data, control)
		if err != nil {
			return
		}
		hops, where := envelope(control[:n], from.Addr().Is4In6())
		_, _, _ = c.WriteMsgUDPAddrPort(fmt.Appendf(nil, "%d %d", isp, hops), where, from)
	}
}

// envelope is what a packet had left of its hop limit, and how to answer from where it was sent to.
func envelope(control []byte, four bool) (hops int, where []byte) {
	messages, _ := unix.ParseSocketControlMessage(control)
	for _, m := range messages {
		switch is := [2]int32{m.Header.Level, m.Header.Type}; {
		case is == [2]int32{unix.IPPROTO_IP, unix.IP_TTL}, is == [2]int32{unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT}:
			hops = int(m.Data[0])
		case is == [2]int32{unix.IPPROTO_IP, unix.IP_PKTINFO}:
			where = unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: [4]byte(m.Data[8:12])})
		case is == [2]int32{unix.IPPROTO_IPV6, unix.IPV6_PKTINFO} && !four:
			where = unix.PktInfo6(&unix.Inet6Pktinfo{Addr: [16]byte(m.Data[:16])})
		}
	}
	return hops, where
}

func (h *divertHouse) run(ns *sandbox.Namespace, lines string) {
	h.t.Helper()
	for line := range strings.Lines(lines) {
		nftRun(h.t, ns, line)
	}
}

// gateway has the client send everything to a router from now on.
func (h *divertHouse) gateway(router int) {
	h.t.Helper()
	h.run(h.client, fmt.Sprintf("ip route replace default via 192.168.1.%[1]d\nip route replace default via fe80::%[1]d dev eth0", router+2))
}

// diversion is what one router wants of the kernel to send packets to the other one.
func (h *divertHouse) diversion(router int, mode handover.Mode, seen bool) handover.Diversion {
	other := 3 - router
	return handover.Diversion{Mode: mode, Seen: seen, LAN: []string{"lan0"}, Partner: fmt.Sprint("02:00:00:00:00:0", other),
		Gateway4: netip.MustParseAddr(fmt.Sprint("192.168.1.", other)), Gateway6: netip.MustParseAddr(fmt.Sprint("fe80::", other)),
		Subnets: divertSubnets(), Uplinks: []string{"wan0"}}
}

func (h *divertHouse) divert(router int, d handover.Diversion) {
	h.t.Helper()
	h.do(router, func(k *Kernel) error { _, err := k.Divert(d); return err })
}

func (h *divertHouse) do(router int, f func(k *Kernel) error) {
	h.t.Helper()
	if err := h.routers[router].Do(func() error { return f(h.kernels[router]) }); err != nil {
		h.t.Fatal(err)
	}
}

// talk is one conversation of the client's.
type talk struct {
	name string
	conn net.Conn
	flow flow.Flow
}

// dial begins a conversation that has an address of one of the routers' IPv6.
func (h *divertHouse) dial(network string, to string, router int) *talk {
	h.t.Helper()
	d := net.Dialer{Timeout: patience}
	if strings.HasPrefix(to, "[") {
		ip := net.ParseIP([]string{"2001:db8:1::10", "2001:db8:3::10"}[router])
		d.LocalAddr = &net.UDPAddr{IP: ip}
		if network == "tcp" {
			d.LocalAddr = &net.TCPAddr{IP: ip}
		}
	}
	t := &talk{name: network + " " + to}
	if err := h.client.Do(func() (err error) { t.conn, err = d.Dial(network, to); return err }); err != nil {
		h.t.Fatalf("%s: %v", t.name, err)
	}
	h.t.Cleanup(func() { t.conn.Close() })
	source, destination := netip.MustParseAddrPort(t.conn.LocalAddr().String()), netip.MustParseAddrPort(t.conn.RemoteAddr().String())
	t.flow = flow.Of(map[string]uint8{"tcp": 6, "udp": 17}[network], source, destination)
	return t
}

// by says a word and wants it to be carried by a router.
func (h *divertHouse) by(router int, all ...*talk) {
	h.t.Helper()
	for _, t := range all {
		got, err := t.say()
		if err != nil || !strings.HasPrefix(got, fmt.Sprint(router)) {
			h.t.Errorf("%s: %q (%v), want it carried by router %d", t.name, got, err, router)
		}
	}
}

func (t *talk) say() (string, error) {
	_ = t.conn.SetDeadline(time.Now().Add(patience))
	if _, err := t.conn.Write([]byte{1}); err != nil {
		return "", err
	}
	answer := make([]byte, 10)
	n, err := t.conn.Read(answer)
	return string(answer[:n]), err
}

// counted is how many packets of a protocol a provider has had.
func (h *divertHouse) counted(isp int, protocol string) (n int) {
	h.t.Helper()
	out := nftRun(h.t, h.isps[isp], "nft list counter inet count c"+protocol)
	if _, err := fmt.Sscanf(out[strings.Index(out, "packets"):], "packets %d", &n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// pass sends packets of a protocol from a socket of the client's and wants all of them to be carried by a router.
func (h *divertHouse) pass(router int, protocol string, send func() error) {
	h.t.Helper()
	before := [2]int{h.counted(0, protocol), h.counted(1, protocol)}
	for range 3 {
		if err := send(); err != nil {
			h.t.Fatal(err)
		}
	}
	var got [2]int
	for limit := time.Now().Add(patience); time.Now().Before(limit) && got[0]+got[1] < 3; time.Sleep(time.Millisecond) {
		got = [2]int{h.counted(0, protocol) - before[0], h.counted(1, protocol) - before[1]}
	}
	if got[router] != 3 || got[1-router] != 0 {
		h.t.Errorf("%s: the providers got %v packets, want 3 by router %d", protocol, got, router)
	}
}

// raw is a sender of the client's for packets of a protocol that has no ports.
func (h *divertHouse) raw(network, from, to string, packet []byte) func() error {
	h.t.Helper()
	var conn net.Conn
	err := h.client.Do(func() (err error) {
		conn, err = (&net.Dialer{LocalAddr: &net.IPAddr{IP: net.ParseIP(from)}}).Dial(network, to)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	return func() error { _, err := conn.Write(packet); return err }
}

// tracked reports how many of a router's flows lead to the providers.
func (h *divertHouse) tracked(router int) (n int) {
	h.t.Helper()
	h.do(router, func(*Kernel) error {
		c, err := conntrack.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		flows, err := c.Dump(nil)
		for _, f := range flows {
			if a := f.TupleOrig.IP.DestinationAddress; netip.MustParsePrefix("9.9.0.0/16").Contains(a) || netip.MustParsePrefix("2001:db8:9::/64").Contains(a) {
				n++
			}
		}
		return err
	})
	return n
}

func reset(err error) bool { return errors.Is(err, unix.ECONNRESET) || errors.Is(err, io.EOF) }
