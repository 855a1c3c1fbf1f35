package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/ti-mo/conntrack"
	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/router"
)

// pokeRules are what a poke needs of a ruleset, and no more.
const pokeRules = `table inet test {
	chain raw_output { type filter hook output priority raw; meta mark & 0x10000 == 0x10000 notrack; }
	chain pinned { type filter hook forward priority mangle; iifname "house" oifname "wan0" ct state new ct mark set 0x100; }
	chain refused { type filter hook forward priority filter; iifname "house" ct state new tcp flags & (fin|syn|rst|ack) != syn reject with tcp reset; }
	chain out { type nat hook postrouting priority srcnat; oifname "wan0" meta nfproto ipv4 masquerade; }
}
`

// settle builds a client behind the box and a server behind its first WAN.
func (b *box) settle() (client, server *sandbox.Namespace) {
	b.t.Helper()
	client, err := sandbox.Add("client" + b.Name[1:])
	if err != nil {
		b.t.Fatal(err)
	}
	server = &sandbox.Namespace{Name: "far" + b.Name[1:]}
	b.must("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
	// Neighbour discovery for forwarded packets needs the link-local addresses that newBox does without.
	b.must("sysctl -qw net.ipv6.conf.wan0.addr_gen_mode=0 net.ipv6.conf.default.addr_gen_mode=0")
	b.must("ip link add house type veth peer name eth0 netns " + client.Name)
	for ns, lines := range map[*sandbox.Namespace][]string{
		b.Namespace: {"link set house up", "link set wan0 up", "addr add 192.168.1.1/24 dev house", "addr add 198.51.100.2/24 dev wan0",
			"addr add 2001:db8:10::1/64 dev house nodad", "addr add 2001:db8:1::2/64 dev wan0 nodad"},
		client: {"link set eth0 up", "addr add 192.168.1.10/24 dev eth0", "route add default via 192.168.1.1",
			"addr add 2001:db8:10::10/64 dev eth0 nodad", "route add ::/0 via 2001:db8:10::1"},
		server: {"addr add 198.51.100.1/24 dev wan0", "addr add 2001:db8:1::1/64 dev wan0 nodad", "route add 2001:db8:10::/64 via 2001:db8:1::2"},
	} {
		for _, l := range lines {
			if _, err := ns.Run("ip " + l); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	if _, err := b.Feed("nft -f -", pokeRules); err != nil {
		b.t.Fatal(err)
	}
	return client, server
}

func TestPokeEndsConnectionsAtOnce(t *testing.T) {
	for family, address := range map[string]string{"IPv4": "198.51.100.1:7000", "IPv6": "[2001:db8:1::1]:7000"} {
		t.Run(family, func(t *testing.T) {
			b := newBox(t)
			client, server := b.settle()
			conn := dialThrough(t, client, server, address)
			if n := b.flows(firewall.MarkOf(0)); n != 1 {
				t.Fatalf("%d flows are pinned to the WAN, want 1", n)
			}
			// A dead line behind a live cable: nobody answers any more.
			if _, err := server.Run("ip addr flush dev wan0"); err != nil {
				t.Fatal(err)
			}
			felt := make(chan error, 1)
			start := time.Now()
			go func() {
				_ = conn.SetReadDeadline(start.Add(5 * time.Second))
				_, err := conn.Read(make([]byte, 1))
				felt <- err
			}()
			done, took := b.vacate(router.Vacate{WAN: "fibre", Mark: firewall.MarkOf(0), Tell: true})
			if done != (router.Vacated{Flows: 1, Told: 1}) {
				t.Errorf("vacated %+v, want one flow ended and told", done)
			}
			err := <-felt
			if !errors.Is(err, syscall.ECONNRESET) || time.Since(start) > 300*time.Millisecond {
				t.Errorf("the client felt %v after %v, want a reset within 300 ms", err, time.Since(start))
			}
			t.Logf("vacated in %v, the idle client was reset after %v", took, time.Since(start))
		})
	}
}

// dialThrough opens a connection from client to server, by a name that the server does not know itself by if there is one, and sees one byte
// come back.
func dialThrough(t *testing.T, client, server *sandbox.Namespace, address string, by ...string) net.Conn {
	t.Helper()
	var listener net.Listener
	if err := server.Do(func() (err error) { listener, err = net.Listen("tcp", address); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		if c, err := listener.Accept(); err == nil {
			t.Cleanup(func() { _ = c.Close() })
			_, _ = c.Write([]byte("x"))
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	if len(by) > 0 {
		address = by[0]
	}
	var conn net.Conn
	err := client.Do(func() (err error) { conn, err = net.DialTimeout("tcp", address, 5*time.Second); return err })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestHouseEnd(t *testing.T) {
	a := netip.MustParseAddr
	out := conntrack.NewFlow(6, conntrack.StatusSrcNAT, a("192.168.1.10"), a("192.0.2.1"), 5000, 443, 100, 0)
	in := conntrack.NewFlow(6, conntrack.StatusDstNAT, a("192.0.2.1"), a("198.51.100.2"), 5000, 443, 100, 0)
	in.TupleReply.IP.SourceAddress, in.TupleReply.Proto.SourcePort = a("192.168.1.20"), 8443
	for _, c := range []struct {
		name string
		flow conntrack.Flow
		want string
	}{
		{"outbound", out, "192.168.1.10:5000 from 192.0.2.1:443"},
		{"port forward", in, "192.168.1.20:8443 from 192.0.2.1:5000"},
	} {
		end := houseEnd(c.flow)
		if got := fmt.Sprintf("%s from %s", end.client, end.server); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestPokesStayInTheHouse(t *testing.T) {
	b := newBox(t)
	b.settle()
	b.must("ip route add default via 198.51.100.1")
	a := netip.MustParseAddr
	for client, want := range map[string]bool{
		"192.168.1.10": true, "192.168.1.1": false, "198.51.100.2": false, "192.0.2.1": false, "2001:db8:10::10": true, "2001:db8:ffff::1": false,
	} {
		var got []poke
		f := conntrack.NewFlow(6, 0, a(client), a("192.0.2.9"), 1, 2, 100, 0)
		if err := b.Do(func() (err error) { got, err = house([]poke{houseEnd(f)}); return err }); err != nil {
			t.Fatal(err)
		}
		if (len(got) == 1) != want {
			t.Errorf("%s in the house: poked %v, want %v", client, got, want)
		}
	}
}

// A receiver adds everything up, checksum included, and gets all ones (RFC 1071 §1).
func TestChecksum(t *testing.T) {
	for _, addresses := range [][2]string{{"192.168.1.10:5000", "192.0.2.1:443"}, {"[2001:db8:10::10]:65535", "[2001:db8::1]:1"}} {
		p := poke{netip.MustParseAddrPort(addresses[0]), netip.MustParseAddrPort(addresses[1])}
		packet := bareACK(p, 0xfffffffe, 0x80000001)
		segment := packet[len(packet)-segmentSize:]
		if got := checksum(p, segment); got != 0 {
			t.Errorf("%v: a receiver computes %#x, want 0", addresses, got)
		}
		if got := binary.BigEndian.Uint16(segment[2:]); got != p.client.Port() {
			t.Errorf("%v: sent to port %d", addresses, got)
		}
	}
}
