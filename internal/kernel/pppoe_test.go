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

func TestPPPoEWidensTheLink(t *testing.T) {
	customer := newCustomer(t)
	p := connect(t, customer, "wan0")
	must(t, p.Namespace, "ip link set house0 mtu 1508")
	must(t, customer, "ip address add 198.51.100.2/24 dev wan0")
	access := kernel.PPPoE{Device: "wan0"}
	far := netip.MustParseAddr("198.51.100.1")
	if err := customer.Do(func() error {
		if access.Passes(t.Context(), "wan0", far, 1508) || !access.Passes(t.Context(), "wan0", far, 1500) {
			t.Error("1508 bytes pass a link of 1500, or 1500 do not")
		}
		if err := access.Widen(1508); err != nil {
			return err
		}
		if got := access.Size("wan0"); got != 1508 || !access.Passes(t.Context(), "wan0", far, 1508) {
			t.Errorf("the link has %d bytes, or they do not pass", got)
		}
		if err := access.Widen(1492); err != nil || access.Size("wan0") != 1508 {
			t.Errorf("it was narrowed to %d, %v", access.Size("wan0"), err)
		}
		err := kernel.PPPoE{Device: "wan0"}.Widen(1 << 20)
		if err == nil || !strings.HasPrefix(err.Error(), "let wan0 carry 1048576 bytes: ") {
			t.Errorf("a megabyte: %v", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	must(t, p.Namespace, "ip link set house0 mtu 1500") // swallows what is larger without a word
	if err := customer.Do(func() error {
		if access.Passes(t.Context(), "wan0", far, 1508) || !access.Passes(t.Context(), "wan0", far, 1500) {
			t.Error("1508 bytes pass a narrow end, or 1500 do not")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
