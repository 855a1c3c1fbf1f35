package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// The pair of most tests: two routers, a client, one virtual address.
var virtual = netip.MustParsePrefix("192.168.1.1/24")

// tags makes namespaces of houses that stand side by side different.
var tags atomic.Int32

// pairHome is a LAN with two routers and a client, without the Internet.
func pairHome() Home {
	return Home{
		Tag: fmt.Sprintf("p%d-", tags.Add(1)),
		Routers: []Router{
			{Name: "main", LAN: "192.168.1.2/24"},
			{Name: "backup", LAN: "192.168.1.3/24"},
		},
		Clients: []Client{{Name: "laptop", Address: "192.168.1.100/24", Gateway: "192.168.1.1"}},
	}
}

// pair is a house with two routers whose LANs are on, and what is measured of it.
type pair struct {
	*House
	main, backup *Box
	laptop       *Device
	recorder     *Recorder
	holders      *Holders
}

func build(tb testing.TB, home Home) *pair {
	tb.Helper()
	h, err := Build(tb.Context(), home)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(h.Close)
	p := &pair{House: h, main: h.Boxes[0], backup: h.Boxes[1], laptop: h.Devices[0]}
	p.recorder, err = h.Record()
	must(tb, err)
	p.holders, err = h.Watch(virtual.Addr())
	must(tb, err)
	for _, b := range h.Boxes {
		tb.Cleanup(func() {
			if tb.Failed() {
				tb.Logf("log of %s:\n%s", b.Name, tail(b.Log()))
			}
		})
	}
	return p
}

// raised is build with the boxes' LANs switched on.
func raised(tb testing.TB, home Home) *pair {
	tb.Helper()
	p := build(tb, home)
	for i, b := range p.Boxes {
		must(tb, b.Raise(fmt.Sprintf("fd00:1::%d/64", i+2)))
		must(tb, b.ServeEcho())
	}
	return p
}

// held waits until exactly one box has the virtual address.
func (p *pair) held(tb testing.TB, by string) {
	tb.Helper()
	p.await(tb, "the address is on "+by, func() bool { return slices.Equal(p.holders.Now(), []string{by}) })
}

func (p *pair) await(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(end) {
			tb.Fatalf("not within 20 s: %s\n%s\n%s", what, p.holders.Story(), lastLines(p.recorder.Story(end.Add(-20*time.Second)), 60))
		}
		time.Sleep(look / 5)
	}
}

// lastLines keeps the end of a text.
func lastLines(text string, n int) string {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '\n' {
			if n--; n < 0 {
				return text[i+1:]
			}
		}
	}
	return text
}

func keepalivedPair(tb testing.TB, interval time.Duration) *pair {
	p := raised(tb, pairHome())
	v := Virtual{ID: 51, Version: 3, Priority: 100, Interval: interval, Addresses: []netip.Prefix{virtual}}
	must(tb, p.main.StartKeepalived(tb.Context(), v.Keepalived()))
	v.Priority = 50
	must(tb, p.backup.StartKeepalived(tb.Context(), v.Keepalived()))
	p.held(tb, "main")
	return p
}

func TestPairOfKeepaliveds(t *testing.T) {
	t.Parallel()
	p := keepalivedPair(t, 100*time.Millisecond)
	probe, err := p.laptop.StartAddress(virtual.Addr())
	must(t, err)
	eventually(t, "the address answers", func() bool { r := probe.udp.Since(probe.udp.start); return r.Sent > 20 && r.Lost < r.Sent/2 })

	mark := time.Now()
	must(t, p.PowerOff("main"))
	p.held(t, "backup")
	gap := p.holders.Since(mark)
	t.Logf("power off: %s", gap)
	if gap.None < 200*time.Millisecond || gap.None > time.Second || gap.Several > 0 {
		t.Errorf("power off: %s, want the down-interval of 0.38 s less up to an advert", gap)
	}
	must(t, p.PowerOn("main"))
	must(t, p.main.Raise())
	must(t, p.main.Restart(t.Context()))
	p.held(t, "main")

	mark = time.Now()
	must(t, p.main.Freeze())
	p.await(t, "both have the address", func() bool { return len(p.holders.Now()) == 2 })
	must(t, p.main.Thaw())
	p.await(t, "one has the address", func() bool { return len(p.holders.Now()) == 1 })
	p.held(t, "main")
	if times := p.holders.Since(mark); times.Several == 0 {
		t.Errorf("a freeze: %s, want several holders for a while", times)
	}
	ping, query := probe.Stop()
	t.Logf("ping: %s", ping)
	t.Logf("query: %s", query)
	if ping.Gap < 150*time.Millisecond || ping.Gap > time.Second || query.Gap < 150*time.Millisecond || query.Gap > time.Second {
		t.Errorf("gaps %s, %s, want about the down-interval", ping.Gap, query.Gap)
	}
	if all := p.recorder.Adverts(mark, "main"); len(all) == 0 || all[0].Version != 3 || all[0].ID != 51 {
		t.Errorf("recorded of main: %v", all)
	}
	if len(p.recorder.Announcements(time.Time{}, "backup")) == 0 {
		t.Error("no announcement of backup was recorded")
	}
}

func TestPairIsCut(t *testing.T) {
	t.Parallel()
	home := pairHome()
	home.Routers[1].Upstairs = true
	p := raised(t, home)
	v := Virtual{ID: 51, Version: 3, Priority: 100, Interval: 100 * time.Millisecond, Addresses: []netip.Prefix{virtual}}
	must(t, p.main.StartKeepalived(t.Context(), v.Keepalived()))
	v.Priority = 50
	must(t, p.backup.StartKeepalived(t.Context(), v.Keepalived()))
	p.held(t, "main")
	both := func() bool { return len(p.holders.Now()) == 2 }
	must(t, p.CutTrunk())
	p.await(t, "both have the address behind a cut trunk", both)
	must(t, p.PlugTrunk())
	p.held(t, "main")
	must(t, p.Deafen("backup"))
	p.await(t, "both have the address when backup is deaf", both)
	must(t, p.Undeafen("backup"))
	p.held(t, "main")
	must(t, p.CutLAN("main"))
	p.held(t, "backup")
	must(t, p.PlugLAN("main"))
	p.held(t, "main")
}

func TestPairWithFRR(t *testing.T) {
	t.Parallel()
	if !frrCan() {
		t.Skip("FRR needs its own user, and the sandbox knows one only")
	}
	for _, c := range []Virtual{
		{Version: 2, Interval: time.Second, Addresses: []netip.Prefix{virtual}},
		{Version: 3, Interval: 100 * time.Millisecond, Addresses: []netip.Prefix{virtual}},
		{Version: 3, Interval: 100 * time.Millisecond, Addresses: []netip.Prefix{netip.MustParsePrefix("fe80::1:51/64"), netip.MustParsePrefix("fd00:1::1/64")}},
	} {
		t.Run(fmt.Sprintf("v%d %s", c.Version, c.Addresses[0]), func(t *testing.T) {
			t.Parallel()
			p := raised(t, pairHome())
			c.ID, c.Priority = 51, 100
			must(t, p.main.StartFRR(t.Context(), c))
			speaks := func(name string, priority int) func() bool {
				return func() bool {
					all := p.recorder.Adverts(time.Now().Add(-2*c.Interval), "")
					return len(all) > 0 && all[len(all)-1].From == name && all[len(all)-1].Priority == priority
				}
			}
			p.await(t, "FRR speaks", speaks("main", 100))
			c.Priority = 50
			must(t, p.backup.StartKeepalived(t.Context(), c.Keepalived()))
			must(t, p.main.FRR("interface lan0", "vrrp 51 priority 40"))
			p.await(t, "keepalived has taken over", speaks("backup", 50))
			mark := time.Now()
			must(t, p.backup.Stop())
			p.await(t, "FRR is back", speaks("main", 40))
			t.Logf("%s", p.recorder.Story(mark.Add(-c.Interval)))
			must(t, p.main.StopFRR())
		})
	}
}

func TestHolderTimes(t *testing.T) {
	start := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	changes := []change{{at(0), "a", true}, {at(100), "a", false}, {at(130), "b", true}, {at(200), "a", true}, {at(250), "b", false}}
	got := holderTimes(changes, at(50), at(300))
	want := HolderTimes{None: 30 * time.Millisecond, LongestNone: 30 * time.Millisecond, Several: 50 * time.Millisecond, Changes: 4}
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
