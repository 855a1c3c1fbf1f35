package lab

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
)

// lease asks for an address on wan0 of a box; nil when nobody answers.
func lease(t *testing.T, b *Box) *dhcpv4.DHCPv4 {
	t.Helper()
	must(t, ip(b.space, "link set wan0 up"))
	var c *nclient4.Client
	must(t, b.space.Do(func() error {
		link, err := net.InterfaceByName("wan0")
		if err != nil {
			return err
		}
		conn, err := nclient4.NewRawUDPConn("wan0", 68)
		if err != nil {
			return err
		}
		c, err = nclient4.NewWithConn(conn, link.HardwareAddr, nclient4.WithTimeout(300*time.Millisecond), nclient4.WithRetry(2))
		return err
	}))
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	got, err := c.Request(ctx)
	if err != nil {
		return nil
	}
	return got.ACK
}

func TestProviderGivesLeases(t *testing.T) {
	h, err := Build(t.Context(), Default())
	must(t, err)
	t.Cleanup(h.Close)
	b := h.Boxes[0]
	good := func(network string) {
		t.Helper()
		ack := lease(t, b)
		if ack == nil {
			t.Fatal("no lease")
		}
		n := netip.MustParsePrefix(network)
		a, _ := netip.AddrFromSlice(ack.YourIPAddr.To4())
		gateway := hosts(n, 1).String()
		if !n.Contains(a) || a.Less(hosts(n, 100)) || ack.Router()[0].String() != gateway || ack.DNS()[0].String() != gateway {
			t.Errorf("lease of %s by router %v, DNS %v: want .100 or more of %s", a, ack.Router(), ack.DNS(), network)
		}
	}
	good("198.51.100.0/24")
	must(t, h.StopDHCP("fibre"))
	if ack := lease(t, b); ack != nil {
		t.Errorf("a stopped server gave %s", ack.YourIPAddr)
	}
	must(t, h.StartDHCP(t.Context(), "fibre"))
	must(t, h.Renumber(t.Context(), "fibre", "198.18.7.0/24"))
	good("198.18.7.0/24")
	must(t, h.Blackhole("fibre", Whole))
	if ack := lease(t, b); ack != nil {
		t.Errorf("a dead provider gave %s", ack.YourIPAddr)
	}
	must(t, h.Blackhole("fibre", Beyond))
	good("198.18.7.0/24")
}
