package lab

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// forgetFlows empties a router's conntrack: every connection that it has has ended, as far as it knows.
func forgetFlows(tb testing.TB, b *Box) {
	tb.Helper()
	must(tb, b.space.Do(func() error { return netlink.ConntrackTableFlush(netlink.ConntrackTable) }))
}

// TestTraffic has the instruments themselves see nothing where nothing is, and all where all is lost.
func TestTraffic(t *testing.T) {
	h, b, d := plain(t, "fibre")
	must(t, h.ServeInside(d, 8022))
	_, err := b.Feed("nft -f -", "table ip inbound { chain in { type nat hook prerouting priority -100; iifname wan0 tcp dport 8022 dnat to 192.168.1.100; }; }\n")
	must(t, err)
	load := Load{Streams: 4, Idle: 2, Calls: 4, Interval: 20 * time.Millisecond, Others: true,
		Inbound: netip.AddrPortFrom(hosts(h.Lines[0].network, 10), 8022)}
	start := func() *Traffic {
		traffic, err := h.StartTraffic(t.Context(), d, load)
		must(t, err)
		must(t, pause(t.Context(), 300*time.Millisecond)) // a piece of an ordinary day is what is measured
		return traffic
	}
	r := start().Stop()
	t.Log(r)
	if !r.Unharmed() || r.AllLost() || r.Streams != 7 || r.Flows != 8 || r.Sent < 200 || r.Pings < 10 {
		t.Errorf("an ordinary day: %s", r)
	}
}

// TestTrafficMoves changes the line under it.
func TestTrafficMoves(t *testing.T) {
	h, b, d := plain(t, "fibre")
	traffic, err := h.StartTraffic(t.Context(), d, Load{Streams: 2, Idle: 1, Calls: 2, Others: true})
	must(t, err)
	must(t, pause(t.Context(), 100*time.Millisecond))
	mark := time.Now()
	must(t, b.SetUp(ByHand{ISP: "lte", Masquerade: true}))
	forgetFlows(t, b)
	eventually(t, "the streams that speak break", func() bool { return traffic.Alive() == 1 })
	if _, all := traffic.Told(mark); all {
		t.Error("the one that idles broke, too")
	}
	r := traffic.Stop()
	t.Log(r)
	if r.Unharmed() || !r.AllLost() || !errors.Is(r.First, syscall.ECONNRESET) {
		t.Errorf("another line: %s", r)
	}
	if told, all := traffic.Told(mark); !all || told <= 0 || told > 5*time.Second {
		t.Errorf("told %s after the change, %v", told, all)
	}
}
