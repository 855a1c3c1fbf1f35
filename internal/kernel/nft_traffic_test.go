package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/firewall"
)

func TestNftDeniesFromOutside(t *testing.T) {
	h := newNftHouse(t)
	h.load(h.policy())
	h.reach(h.client, "192.168.1.1:22", "router 192.168.1.10:") // the house may
	for _, to := range []string{"203.0.113.2:22", "192.168.1.1:22", "192.168.1.11:443"} {
		if _, got, err := h.dial(h.isps[0], to, brief); err == nil {
			t.Errorf("isp1 reaches %s: %q", to, got)
		}
	}
	out := nftRun(t, h.router, "nft list counter inet twinpath dropped_fibre")
	var packets int
	if _, err := fmt.Sscanf(out[strings.Index(out, "packets"):], "packets %d", &packets); err != nil || packets < 3 {
		t.Errorf("the SYNs of three attempts should be counted (%v):\n%s", err, out)
	}
	if _, err := h.isps[0].Run("ping -c1 -W2 203.0.113.2"); err != nil {
		t.Errorf("ping from outside: %v", err)
	}
}

func TestNftMasquerades(t *testing.T) {
	h := newNftHouse(t)
	h.load(h.via())
	h.reach(h.client, "9.9.9.1:80", "isp1 203.0.113.2:")
	h.reach(h.client, "9.9.9.2:80", "isp2 198.51.100.2:")
	h.reach(h.router, "9.9.9.1:80", "isp1 203.0.113.2:")
}

func TestNftForwardsPorts(t *testing.T) {
	h := newNftHouse(t)
	h.load(h.policy())
	h.reach(h.isps[0], "203.0.113.2:8443", "server 203.0.113.1:")
	// The default route leads to isp1: the answer leaves by the line that the question came in by.
	far := &net.TCPAddr{IP: net.IPv4(9, 9, 5, 5)}
	if _, got, err := h.dialFrom(h.isps[1], far, "198.51.100.2:8443", patience); !strings.HasPrefix(got, "server 9.9.5.5:") {
		t.Errorf("from behind isp2: got %q (%v)", got, err)
	}
	if _, err := h.isps[1].Run("ping -c1 -W2 -I 9.9.5.5 198.51.100.2"); err != nil { // the router's own answers too
		t.Errorf("ping from behind isp2: %v", err)
	}
	// Hairpin, by either address.
	h.reach(h.client, "203.0.113.2:8443", "server 192.168.1.1:")
	h.reach(h.client, "198.51.100.2:8443", "server 192.168.1.1:")
}

func TestNftClampsSegments(t *testing.T) {
	h := newNftHouse(t)
	nftRun(t, h.router, "ip link set wan1 mtu 1300") // the provider does not know
	h.load(h.via())
	for _, c := range []struct {
		isp  int
		to   string
		want int
	}{{0, "9.9.9.1:80", 1360}, {1, "9.9.9.2:80", 1260}} {
		if c.isp == 1 { // "rt mtu" takes the way back from the main table, whatever the marks
			nftRun(t, h.router, "ip route replace default via 198.51.100.1")
		}
		conn := h.reach(h.client, c.to, "isp")
		if out, in := segment(conn), <-h.mss[c.isp]; out != c.want || in != c.want {
			t.Errorf("by isp%d segments are up to %d out and %d in, want %d", c.isp+1, out, in, c.want)
		}
	}
	nftRun(t, h.client, "ip route replace default via 192.168.1.1 advmss 1000")
	nftRun(t, h.router, "ip route replace default via 203.0.113.1")
	h.reach(h.client, "9.9.9.1:80", "isp1")
	if in := <-h.mss[0]; in != 1000 {
		t.Errorf("a client that asks for 1000 gets %d", in)
	}
}

func TestNftResetsWhatItForgot(t *testing.T) {
	h := newNftHouse(t)
	h.load(h.policy())
	c := h.reach(h.client, "9.9.9.1:80", "isp1")
	if err := h.echo(c); err != nil {
		t.Fatal(err)
	}
	h.forget()
	if err := h.echo(c); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("a connection that conntrack forgot ends with %v, want a reset", err)
	}
	if out := nftRun(t, h.router, "nft list counter inet twinpath resets"); strings.Contains(out, "packets 0") {
		t.Errorf("not counted:\n%s", out)
	}
}

func TestNftPinsFlows(t *testing.T) {
	h := newNftHouse(t)
	h.load(h.policy())
	c, own := h.reach(h.client, "9.9.9.1:80", "isp1"), h.reach(h.router, "9.9.9.1:80", "isp1")
	nftRun(t, h.router, "ip route replace default via 198.51.100.1")
	h.load(h.policy()) // a reload forgets nothing either
	for who, conn := range map[string]net.Conn{"client": c, "router": own} {
		if err := h.echo(conn); err != nil {
			t.Errorf("%s's connection after the default route moved: %v", who, err)
		}
	}
	if h.said[0].Load() != 2 {
		t.Errorf("isp1 heard %d bytes, want both", h.said[0].Load())
	}
	h.reach(h.client, "9.9.9.1:80", "isp2 198.51.100.2:")
	h.reach(h.router, "9.9.9.1:80", "isp2 198.51.100.2:")
}

func TestNftSpreadsFlows(t *testing.T) {
	h := newNftHouse(t)
	p := h.policy()
	p.Shares = []firewall.Share{{Mark: firewall.MarkOf(0), Weight: 1}, {Mark: firewall.MarkOf(1), Weight: 1}}
	h.load(p)
	const sites = 40
	first := map[int]string{}
	count := map[string]int{}
	for round := range 2 {
		for i := range sites {
			_, greeting, err := h.dial(h.client, fmt.Sprintf("9.9.1.%d:80", i), patience)
			if err != nil {
				t.Fatal(err)
			}
			isp, _, _ := strings.Cut(greeting, " ")
			if round == 0 {
				first[i], count[isp] = isp, count[isp]+1
			} else if first[i] != isp {
				t.Errorf("site %d is reached by %s, then by %s", i, first[i], isp)
			}
		}
		h.load(h.policy())
		h.load(p)
	}
	if count["isp1"] < sites/4 || count["isp2"] < sites/4 {
		t.Errorf("%d sites are spread as %v, want about half each", sites, count)
	}
	h.reach(h.server, "192.168.1.1:22", "router") // the house's own is never sent out
}

func TestNftBlocks(t *testing.T) {
	h := newNftHouse(t)
	p := h.policy()
	p.Uses = []firewall.Use{
		{Devices: []string{"02:00:00:00:00:10"}, Ports: []firewall.PortRange{{First: 80, Last: 99}}, Block: true},
		{Sources: []netip.Prefix{netip.MustParsePrefix("192.168.1.10/32")}, Via: []firewall.Share{{Mark: firewall.MarkOf(1), Weight: 1}}},
	}
	h.load(p)
	if _, _, err := h.dial(h.client, "9.9.9.1:80", patience); !errors.Is(err, unix.EHOSTUNREACH) {
		t.Errorf("blocked device: %v, want to be told", err)
	}
	h.reach(h.server, "9.9.9.1:80", "isp1")
	p.Uses[0].Ports[0].First = 81
	h.load(p)
	h.reach(h.client, "9.9.9.1:80", "isp2") // only the second policy is for it now
}

func TestNftLeavesTheDead(t *testing.T) {
	h := newNftHouse(t)
	h.load(h.via())
	c := h.reach(h.client, "9.9.9.2:80", "isp2")
	if err := h.echo(c); err != nil {
		t.Fatal(err)
	}
	heard := h.said[1].Load()
	p := h.via()
	p.WANs[1].Alive, p.Uses = false, nil
	h.load(p)
	// The kernel ends masqueraded flows that change devices; then it is unknown, and the client is told.
	if err := h.echo(c); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the flow of a dead WAN ends with %v, want a reset", err)
	}
	if now := h.said[1].Load(); now != heard {
		t.Errorf("the dead WAN still carried %d bytes", now-heard)
	}
	h.reach(h.client, "9.9.9.2:80", "isp1 203.0.113.2:")
}

func TestNftPassesIPv6(t *testing.T) {
	h := newNftHouse(t)
	h.load(h.policy())
	c := h.reach(h.client, "[2001:db8:9::1]:80", "isp1 [2001:db8:1::10]:") // not translated
	if out, in := segment(c), <-h.mss[0]; out != 1340 || in != 1340 {
		t.Errorf("segments are up to %d out and %d in, want 1340", out, in)
	}
	h.listen(h.client, ":443", func(net.Conn) {})
	for _, to := range []string{"[2001:db8:f::2]:22", "[2001:db8:1::1]:22", "[2001:db8:1::10]:443"} {
		if _, got, err := h.dial(h.isps[0], to, brief); err == nil {
			t.Errorf("isp1 reaches %s: %q", to, got)
		}
	}
	// Neighbour discovery from outside must work, or else the provider loses sight of us.
	nftRun(t, h.isps[0], "ip neigh flush dev line")
	if _, err := h.isps[0].Run("ping -c1 -W3 2001:db8:f::2"); err != nil {
		t.Errorf("ping from outside: %v", err)
	}
}

// The other router answers the client directly: conntrack sees half of every flow, and still all of it takes one way.
func TestNftSendsByThePeer(t *testing.T) {
	h := newNftHouse(t)
	peer := nftNamespace(t, "peer-"+h.router.Name)
	h.run(h.router, `ip link add p3 type veth peer name lan0 netns `+peer.Name+`
		ip link set p3 master lan0 up
		ip route add default via 192.168.1.3 table 103
		ip rule add priority 103 fwmark 0x300/0xff00 lookup 103`)
	h.run(h.isps[1], "ip link add far type veth peer name wan0 netns "+peer.Name+"\nip addr add 192.0.2.1/24 dev far\nip link set far up")
	h.run(peer, `sysctl -qw net.ipv4.ip_forward=1
		ip addr add 192.168.1.3/24 dev lan0
		ip link set lan0 up
		ip addr add 192.0.2.2/24 dev wan0
		ip link set wan0 up
		ip route add default via 192.0.2.1`)
	lone := firewall.Policy{LAN: []string{"lan0"}, Subnets: h.policy().Subnets,
		WANs: []firewall.WAN{{Name: "lte", Device: "wan0", Mark: firewall.MarkOf(0), Alive: true}}}
	nftLoad(t, peer, &Nft{}, firewall.Build(lone))

	p := h.policy()
	p.WANs = append(p.WANs, firewall.WAN{Name: "other", Device: "lan0", Mark: firewall.MarkOf(2), Alive: true, Peer: true})
	p.Uses = []firewall.Use{{Destinations: []netip.Prefix{netip.MustParsePrefix("9.9.9.3/32")}, Via: []firewall.Share{{Mark: firewall.MarkOf(2), Weight: 1}}}}
	h.load(p)
	c := h.reach(h.client, "9.9.9.3:80", "isp2 192.0.2.2:")
	for range 3 {
		if err := h.echo(c); err != nil {
			t.Fatal(err)
		}
	}
	h.reach(h.client, "9.9.9.1:80", "isp1 203.0.113.2:")
}

func TestNftTracksNoPokes(t *testing.T) {
	h := newNftHouse(t)
	h.load(h.policy())
	for _, mark := range []int{int(firewall.MarkPoke), 0} {
		err := h.router.Do(func() error {
			control := func(_, _ string, raw syscall.RawConn) (err error) {
				_ = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, mark) })
				return err
			}
			c, err := (&net.Dialer{Control: control}).Dial("udp", "192.168.1.10:9")
			if err != nil {
				return err
			}
			defer c.Close()
			if _, err := c.Write([]byte{1}); err != nil {
				return err
			}
			tracker, err := conntrack.Dial(nil)
			if err != nil {
				return err
			}
			defer tracker.Close()
			flows, err := tracker.Dump(nil)
			tracked := slices.ContainsFunc(flows, func(f conntrack.Flow) bool { return f.TupleOrig.Proto.DestinationPort == 9 })
			if tracked != (mark == 0) {
				t.Errorf("a packet marked %#x is tracked: %v", mark, tracked)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
