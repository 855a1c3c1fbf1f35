package kernel

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/router"
)

// The box stands for the router that takes over: its conntrack knows nothing of the flow, and it has never heard of the client.
func TestTellFlows(t *testing.T) {
	for family, address := range map[string]string{"IPv4": "198.51.100.1:7000", "IPv6": "[2001:db8:1::1]:7000"} {
		t.Run(family, func(t *testing.T) {
			b := newBox(t)
			client, server := b.settle()
			conn := dialThrough(t, client, server, address)
			if _, err := server.Run("ip addr flush dev wan0"); err != nil {
				t.Fatal(err)
			}
			b.vacate(router.Vacate{WAN: "fibre", Mark: firewall.MarkOf(0)})
			b.must("ip neigh flush dev house")
			felt := make(chan error, 1)
			start := time.Now()
			go func() {
				_ = conn.SetReadDeadline(start.Add(5 * time.Second))
				_, err := conn.Read(make([]byte, 1))
				felt <- err
			}()
			lost := []flow.Flow{
				flow.Of(6, conn.LocalAddr().(*net.TCPAddr).AddrPort(), netip.MustParseAddrPort(address)),
				flow.Of(17, netip.MustParseAddrPort("192.168.1.10:5000"), netip.MustParseAddrPort("198.51.100.1:53")),
				flow.Of(6, netip.MustParseAddrPort("192.0.2.1:5000"), netip.MustParseAddrPort("198.51.100.1:443")),
			}
			told := 0
			if err := b.Do(func() (err error) { told, err = b.kernel.TellFlows(lost); return err }); err != nil || told != 1 {
				t.Errorf("told %d, %v; want the one of TCP in the house", told, err)
			}
			err := <-felt
			if !errors.Is(err, syscall.ECONNRESET) || time.Since(start) > 500*time.Millisecond {
				t.Errorf("the client felt %v after %v, want a reset within 500 ms", err, time.Since(start))
			}
			t.Logf("the idle client was reset after %v", time.Since(start))
		})
	}
}

func TestTellFlowsOfNobody(t *testing.T) {
	if told, err := new(Kernel).TellFlows(nil); told != 0 || err != nil {
		t.Errorf("told %d, %v", told, err)
	}
}
