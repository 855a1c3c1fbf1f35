package kernel_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/ipv6"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/wan/inet6"
)

// line6 opens a line of a customer's wan0.
func line6(t *testing.T, customer *sandbox.Namespace, kind inet6.Kind) (line inet6.Line, err error) {
	t.Helper()
	err = customer.Do(func() (err error) {
		line, err = kernel.Inet6Sockets{Mark: 0x100}.Open("wan0", kind)
		return err
	})
	return line, err
}

// subscribe6 is a customer of IPv6 with a cable to a provider; its link-local address is there at once.
func subscribe6(t *testing.T) (customer, provider *sandbox.Namespace) {
	t.Helper()
	customer = newCustomer(t)
	must(t, customer, "sysctl -qw net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.all.forwarding=1")
	provider, err := sandbox.Add(fmt.Sprintf("isp%d", providers.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	must(t, customer, "ip link add wan0 address 02:00:00:00:00:10 type veth peer name house0 netns "+provider.Name)
	for _, end := range []struct {
		*sandbox.Namespace
		device, address string
	}{{customer, "wan0", "fe80::10"}, {provider, "house0", "fe80::1"}} {
		must(t, end.Namespace, "ip link set "+end.device+" addrgenmode none up")
		must(t, end.Namespace, "ip address add "+end.address+"/64 dev "+end.device+" nodad")
	}
	return customer, provider
}

// within receives one message.
func within(t *testing.T, line inet6.Line) (raw []byte, from netip.Addr) {
	t.Helper()
	timer := time.AfterFunc(5*time.Second, func() { _ = line.Close() })
	defer timer.Stop()
	buffer := make([]byte, 1500)
	n, from, err := line.Receive(buffer)
	if err != nil {
		t.Fatalf("nothing within 5 s: %v", err)
	}
	return buffer[:n], from
}

func TestAdvertsAreHeardAndNothingElse(t *testing.T) {
	customer, provider := subscribe6(t)
	line, err := line6(t, customer, inet6.Routers)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	if mac := line.HardwareAddr().String(); mac != "02:00:00:00:00:10" || line.PointToPoint() {
		t.Errorf("address %s, point-to-point %t", mac, line.PointToPoint())
	}
	var router *ipv6.PacketConn
	err = provider.Do(func() error {
		conn, err := net.ListenPacket("ip6:ipv6-icmp", "::")
		if err != nil {
			return err
		}
		router = ipv6.NewPacketConn(conn)
		device, err := net.InterfaceByName("house0")
		if err != nil {
			return err
		}
		return router.SetMulticastInterface(device)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer router.Close()
	say := func(message []byte, hops int) {
		t.Helper()
		if err := router.SetMulticastHopLimit(hops); err != nil {
			t.Fatal(err)
		}
		if _, err := router.WriteTo(message, nil, &net.IPAddr{IP: net.ParseIP("ff02::1")}); err != nil {
			t.Fatal(err)
		}
	}
	advert := func(lifetime byte) []byte { return []byte{134, 0, 0, 0, 64, 0, 0, lifetime, 15: 0} }
	say(advert(1), 64)                         // from afar (RFC 4861 §6.1.2)
	say([]byte{128, 0, 0, 0, 0, 1, 0, 1}, 255) // a ping
	say([]byte{136, 23: 0}, 255)               // a neighbour
	say(advert(2), 255)
	raw, from := within(t, line)
	if len(raw) != 16 || raw[7] != 2 || from != netip.MustParseAddr("fe80::1") {
		t.Errorf("heard %x from %s", raw, from)
	}
	if err := line.Send([]byte{133, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		t.Error(err)
	}
}

func TestServersAreSpokenTo(t *testing.T) {
	customer, provider := subscribe6(t)
	line, err := line6(t, customer, inet6.Servers)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	var server *net.UDPConn
	err = provider.Do(func() error {
		device, err := net.InterfaceByName("house0")
		if err != nil {
			return err
		}
		server, err = net.ListenMulticastUDP("udp6", device, &net.UDPAddr{IP: net.ParseIP("ff02::1:2"), Port: 547})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := line.Send([]byte("solicit")); err != nil {
		t.Fatal(err)
	}
	_ = server.SetReadDeadline(time.Now().Add(5 * time.Second))
	buffer := make([]byte, 100)
	n, from, err := server.ReadFromUDPAddrPort(buffer)
	if err != nil || string(buffer[:n]) != "solicit" || from.Port() != 546 || from.Addr().WithZone("") != netip.MustParseAddr("fe80::10") {
		t.Fatalf("the server got %q from %s, %v", buffer[:n], from, err)
	}
	if _, err := server.WriteToUDPAddrPort([]byte("advertise"), from); err != nil {
		t.Fatal(err)
	}
	if raw, from := within(t, line); string(raw) != "advertise" || from.WithZone("") != netip.MustParseAddr("fe80::1") {
		t.Errorf("got %q from %s", raw, from)
	}
	// Two lines may ask at the same time.
	must(t, customer, "ip link add wan1 type veth peer name far1")
	must(t, customer, "ip link set far1 up")
	must(t, customer, "ip link set wan1 addrgenmode none up")
	must(t, customer, "ip address add fe80::11/64 dev wan1 nodad")
	err = customer.Do(func() error {
		other, err := kernel.Inet6Sockets{}.Open("wan1", inet6.Servers)
		if err == nil {
			_ = other.Close()
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNoLinkLocalAddress(t *testing.T) {
	customer, _ := subscribe6(t)
	must(t, customer, "ip -6 address flush dev wan0")
	_, err := line6(t, customer, inet6.Routers)
	if err == nil || err.Error() != "open IPv6 socket on wan0: no link-local address yet" {
		t.Errorf("without an address: %v", err)
	}
	must(t, customer, "ip address add fe80::10/64 dev wan0") // tentative for a second
	if out := must(t, customer, "ip address show dev wan0"); !strings.Contains(out, "tentative") {
		t.Skip("the kernel was faster")
	}
	if line, err := line6(t, customer, inet6.Servers); err == nil {
		t.Errorf("a tentative address is used: %v", line)
	}
	must(t, customer, "ip link del wan0")
	if _, err := line6(t, customer, inet6.Servers); err == nil || !strings.HasPrefix(err.Error(), "open IPv6 socket on wan0: ") {
		t.Errorf("without a device: %v", err)
	}
}
