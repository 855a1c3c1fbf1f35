package lab

import (
	"testing"
	"time"
)

func TestThroughput(t *testing.T) {
	h, _, d := plain(t, "fibre")
	udp, err := h.Throughput(t.Context(), d, 18, 200*time.Millisecond)
	must(t, err)
	t.Log(udp)
	if udp.Packets < 1000 || udp.Packets > udp.Sent || udp.PerPacket <= 0 || udp.Busy <= 0 || udp.Busy > 1 {
		t.Errorf("%s, want some thousand packets a second", udp)
	}
	tcp, err := h.Bulk(t.Context(), d, 200*time.Millisecond)
	must(t, err)
	t.Log(tcp)
	if tcp.Bits < 1e6 || tcp.Packets != 0 {
		t.Errorf("%s, want more than 1 Mbit/s", tcp)
	}
	must(t, h.Blackhole("fibre", Beyond))
	if r, err := h.Throughput(t.Context(), d, 18, 20*time.Millisecond); err == nil {
		t.Errorf("through a black hole: %s", r)
	}
}
