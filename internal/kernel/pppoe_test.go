package kernel_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/wan"
)

// concentrator answers PPPoE discovery at a provider's end with its question's tags and a name, as RFC 2516 §5.2 has it, and RFC 4638
// for the size; it keeps what else it hears.
func (p *provider) concentrator(heard chan<- []byte) {
	p.t.Helper()
	var conn *packet.Conn
	if err := p.Do(func() error {
		link, err := net.InterfaceByName("house0")
		if err == nil {
			conn, err = packet.Listen(link, packet.Raw, unix.ETH_P_PPP_DISC, nil)
		}
		return err
	}); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	go func() {
		frame := make([]byte, 2000)
		for {
			n, _, err := conn.ReadFrom(frame)
			if err != nil {
				return
			}
			if frame[15] != 0x09 {
				heard <- bytes.Clone(frame[:n])
				continue
			}
			tags := frame[20 : 20+int(frame[18])<<8+int(frame[19])]
			tags = append([]byte{1, 2, 0, 3, 'B', 'R', '1'}, tags...)
			offer := append(append(bytes.Clone(frame[6:12]), frame[6:12]...), 0x88, 0x63, 0x11, 0x07, 0, 0, byte(len(tags)>>8), byte(len(tags)))
			_, _ = conn.WriteTo(append(offer, tags...), &packet.Addr{HardwareAddr: bytes.Clone(frame[6:12])})
		}
	}()
}

func TestPPPoEFinds(t *testing.T) {
	customer := newCustomer(t)
	p := connect(t, customer, "wan0")
	heard := make(chan []byte, 10)
	p.concentrator(heard)
	access := kernel.PPPoE{Device: "wan0"}
	if err := customer.Do(func() error {
		c, ok, err := access.Find(t.Context(), "internet")
		if !ok || c != (wan.Concentrator{Name: "BR1", Payload: 1500}) {
			t.Errorf("found %+v, %t", c, ok)
		}
		if err != nil {
			return err
		}
		return access.HangUp(net.HardwareAddr{2, 0, 0, 0, 0, 9}, 0x1234)
	}); err != nil {
		t.Fatal(err)
	}
	select {
	case frame := <-heard:
		if want := []byte{2, 0, 0, 0, 0, 9}; !bytes.Equal(frame[:6], want) || !bytes.Equal(frame[14:20], []byte{0x11, 0xa7, 0x12, 0x34, 0, 0}) {
			t.Errorf("heard %x", frame)
		}
	case <-time.After(5 * time.Second):
		t.Error("no PADT was heard")
	}
}

func TestPPPoEFindsNobody(t *testing.T) {
	customer := newCustomer(t)
	connect(t, customer, "wan0")
	access := kernel.PPPoE{Device: "wan0"}
	for _, c := range []struct {
		device string
		wait   time.Duration
		want   string
	}{{"wan0", 10 * time.Second, ""}, {"wan0", 50 * time.Millisecond, "use of closed"}, {"wan9", time.Second, "ask for PPPoE servers on wan9: "}} {
		access.Device = c.device
		ctx, cancel := context.WithTimeout(t.Context(), c.wait)
		if err := customer.Do(func() error {
			_, ok, err := access.Find(ctx, "")
			if ok || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("on %s within %s: %t, %v, want %q", c.device, c.wait, ok, err, c.want)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
}

func TestPPPoEWaitsForAWideLink(t *testing.T) {
	customer := newCustomer(t)
	p := connect(t, customer, "wan0")
	must(t, p.Namespace, "ip link set house0 mtu 1508")
	must(t, customer, "ip address add 198.51.100.2/24 dev wan0")
	access := kernel.PPPoE{Device: "wan0"}
	far := netip.MustParseAddr("198.51.100.1")
	passes := func(what string, bytes int, want bool) {
		t.Helper()
		if err := customer.Do(func() error {
			if access.Passes(t.Context(), "wan0", far, bytes) != want {
				t.Errorf("%s: %d bytes pass: %t, want %t", what, bytes, !want, want)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	passes("a usual link", 1508, false)
	passes("a usual link", 1500, true)
	wide := make(chan error, 1)
	go func() { wide <- customer.Do(func() error { return access.Wide(t.Context(), 1508) }) }()
	select {
	case err := <-wide:
		t.Errorf("a usual link counts as wide: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	must(t, customer, "ip link set wan0 mtu 1508")
	if err := <-wide; err != nil {
		t.Error(err)
	}
	passes("a wide link", 1508, true)
	must(t, p.Namespace, "ip link set house0 mtu 1500") // swallows what is larger without a word
	passes("a narrow end", 1508, false)
	passes("a narrow end", 1500, true)
	if err := customer.Do(func() error { return access.Wide(t.Context(), 1<<20) }); err == nil || !strings.HasPrefix(err.Error(), "let wan0 carry 1048576 bytes: its most are ") {
		t.Errorf("a megabyte: %v", err)
	}
}
