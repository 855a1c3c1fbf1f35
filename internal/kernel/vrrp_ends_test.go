package kernel

import (
	"encoding/binary"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/vrrp"
)

var router51 = [6]byte{0, 0, 0x5e, 0, 1, 51}

// frame4 is an Ethernet frame with an IPv4 packet of a protocol, and a payload to tell it by.
func frame4(to [6]byte, protocol byte, payload string) []byte {
	f := append(to[:], router51[:]...)
	f = append(f, 8, 0)
	return append(f, packet4(netip.MustParseAddr("192.168.1.3"), netip.MustParseAddr("224.0.0.18"), protocol, payload)...)
}

func packet4(from, to netip.Addr, protocol byte, payload string) []byte {
	p := make([]byte, 20, 20+len(payload))
	p[0], p[1], p[8], p[9] = 0x45, 0xc0, 255, protocol
	binary.BigEndian.PutUint16(p[2:], uint16(20+len(payload)))
	copy(p[12:], from.AsSlice())
	copy(p[16:], to.AsSlice())
	binary.BigEndian.PutUint16(p[10:], onesComplement(p[:20]))
	return append(p, payload...)
}

func packet6(from, to netip.Addr, next byte, payload string) []byte {
	p := make([]byte, 40, 40+len(payload))
	p[0], p[6], p[7] = 0x60, next, 255
	binary.BigEndian.PutUint16(p[4:], uint16(len(payload)))
	copy(p[8:], from.AsSlice())
	copy(p[24:], to.AsSlice())
	return append(p, payload...)
}

func frame6(next byte, payload string) []byte {
	f := append(groups[1][:], router51[:]...)
	f = append(f, 0x86, 0xdd)
	return append(f, packet6(netip.MustParseAddr("fe80::3"), netip.MustParseAddr("ff02::12"), next, payload)...)
}

// ends are the wires of a router and of the other one, at the far end of its lan0.
type ends struct {
	*holder
	far        *sandbox.Namespace
	here, over vrrp.Wire
}

func newEnds(t testing.TB) *ends {
	h := newHolder(t)
	e := &ends{holder: h, far: &sandbox.Namespace{Name: "far" + h.Name[1:]}}
	e.here, e.over = e.open(h.Namespace), e.open(e.far)
	return e
}

func (e *ends) open(n *sandbox.Namespace) (w vrrp.Wire) {
	e.t.Helper()
	err := n.Do(func() (err error) {
		w, err = NewVirtual(slog.New(slog.DiscardHandler)).Open("lan0")
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = w.Close() })
	return w
}

func (e *ends) farMust(line string) string {
	e.t.Helper()
	out, err := e.far.Run(line)
	if err != nil {
		e.t.Fatal(err)
	}
	return out
}

func (e *ends) send(w vrrp.Wire, frames ...[]byte) {
	e.t.Helper()
	for _, f := range frames {
		if err := w.Transmit(f); err != nil {
			e.t.Fatal(err)
		}
	}
}

// heard sends frames from the far end, and a last one behind them, and returns the payloads that came before it.
func (e *ends) heard(frames ...[]byte) (payloads []string) {
	e.t.Helper()
	e.send(e.over, frames...)
	e.send(e.over, frame4(groups[0], protocolVRRP, "the last one"))
	return e.untilLast()
}

func (e *ends) untilLast() (payloads []string) {
	e.t.Helper()
	defer time.AfterFunc(5*time.Second, func() { _ = e.here.Close() }).Stop()
	buffer := make([]byte, 2048)
	for {
		n, err := e.here.Receive(buffer)
		if err != nil {
			e.t.Fatalf("after %q: %v", payloads, err)
		}
		payload := string(buffer[n-12 : n])
		if payload == "the last one" {
			return payloads
		}
		payloads = append(payloads, payload)
	}
}

// mac is the address of an interface.
func (h *holder) mac(name string) (mac [6]byte) {
	h.t.Helper()
	err := h.Do(func() (err error) {
		mac, err = macOf(name)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return mac
}

// unreachables is the counter of ICMP destination unreachable messages sent.
func (e *ends) unreachables(snmp string) string {
	var names []string
	for _, line := range strings.Split(snmp, "\n") {
		w := strings.Fields(line)
		if len(w) == 0 || w[0] != "Icmp:" {
			continue
		}
		if names == nil {
			names = w
			continue
		}
		for i, name := range names {
			if name == "OutDestUnreachs" {
				return w[i]
			}
		}
	}
	e.t.Fatalf("no counter in\n%s", snmp)
	return ""
}

// with is an address with another byte in one place.
func with(mac [6]byte, place int) [6]byte {
	mac[place] ^= 4
	return mac
}
