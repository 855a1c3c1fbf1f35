package kernel

import (
	"net/netip"
	"testing"
)

func TestDatagram(t *testing.T) {
	whole := limitedBroadcast([]byte("hello"), netip.MustParseAddr("198.51.100.7"))
	if onesComplement(whole[:20]) != 0 {
		t.Errorf("wrong header checksum in % x", whole[:20])
	}
	if got, ok := datagram(append(whole, 0, 0, 0)); !ok || string(got) != "hello" {
		t.Errorf("padded: %q %v", got, ok)
	}
	for n := range whole {
		if got, ok := datagram(whole[:n]); ok {
			t.Errorf("cut to %d bytes it is read as %q", n, got)
		}
	}
	for i := range 28 {
		for v := range 256 {
			p := append([]byte(nil), whole...)
			p[i] = byte(v)
			datagram(p) // must not panic
		}
	}
}
