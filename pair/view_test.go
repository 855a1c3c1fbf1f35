package pair

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

// showing is a router with one metered line, which hears the other one.
func showing() *router.Snapshot {
	s := spare()
	s.Pair = &router.PairView{Peer: "192.168.1.2"}
	s.WANs = []router.WANSnapshot{{
		Name: "lte", Kind: "dhcp", State: "up", Active: true, Cost: 10, Metered: true, Address: "192.0.2.7", Reason: "4 of 4 checks answer",
		Checks: []router.CheckSnapshot{{Target: "ping 1.1.1.1", OK: true}}, RTT: router.Milliseconds(time.Millisecond),
		Budget: &router.BudgetView{Month: 1000, Used: router.Used{Month: 10}, Percent: 1},
	}}
	s.Speakers = []router.SpeakerSnapshot{{Source: "192.168.1.2", Last: noon}, {Source: "192.168.1.9", Last: noon}}
	s.House = &router.HouseView{Leases: 3}
	return s
}

func TestAViewIsShownOnNewsAndNowAndThen(t *testing.T) {
	var v Viewer
	s, now := showing(), noon
	text, next := v.View(now, s)
	if text == nil || !next.Equal(now.Add(again)) {
		t.Fatalf("the first: %d bytes, next in %s", len(text), next.Sub(now))
	}
	s.Time, s.WANs[0].RTT, s.VRRP[0].Sent, s.WANs[0].Budget.Used.Month = noon.Add(time.Hour), 5, 99, 11
	for _, step := range []struct {
		after  time.Duration
		change func()
		shown  bool
	}{
		{2 * time.Second, func() {}, false},
		{2 * time.Second, func() { s.WANs[0].Reason = "3 of 4 checks answer" }, true},
		{500 * time.Millisecond, func() { s.Sentence = "No Internet." }, false},
		{500 * time.Millisecond, func() {}, true},
		{4 * time.Second, func() {}, false},
		{time.Second, func() {}, true},
		{time.Second, v.Anew, true},
	} {
		now = now.Add(step.after)
		step.change()
		if text, _ := v.View(now, s); (text != nil) != step.shown {
			t.Errorf("%s after the first: shown %t, want %t", now.Sub(noon), text != nil, step.shown)
		}
	}
}

func TestAViewHasWhatThePageShowsEverybody(t *testing.T) {
	var v Viewer
	text, _ := v.View(noon, showing())
	for _, unwanted := range []string{"192.168.1.9", "checks\":[{", "leases", "rtt_ms", "house"} {
		if strings.Contains(string(text), unwanted) {
			t.Errorf("it has %s: %s", unwanted, text)
		}
	}
	theirs := new(status)
	if err := json.Unmarshal(text, theirs); err != nil {
		t.Fatal(err)
	}
	view := (&meeting{peer: other, us: first, at: noon, theirs: theirs}).seenBy(&router.Snapshot{Time: noon}, noon)
	if len(view.WANs) != 1 || view.WANs[0].Name != "lte" || view.WANs[0].Budget.Used.Month != 10 || view.State != "backup" || !view.HearsUs {
		t.Errorf("%+v", view)
	}
}

func TestAViewIsBounded(t *testing.T) {
	s := showing()
	long := strings.Repeat("ä\x1b", 10_000)
	for range 200 {
		s.WANs = append(s.WANs, router.WANSnapshot{Name: "x", Reason: long})
		s.VRRP = append(s.VRRP, router.VRRPSnapshot{Name: "v", Reason: long, Addresses: strings.Split(strings.Repeat("2001:db8::1/64 ", 64), " ")})
	}
	var v Viewer
	text, _ := v.View(noon, s)
	if len(text) == 0 || len(text) > mostShown {
		t.Errorf("%d bytes", len(text))
	}
	many := make([]router.PartnerWAN, 100)
	many[0].Reason = long
	if lines := linesOf(many); len(lines) != mostLines || len(lines[0].Reason) > 4*clause {
		t.Errorf("%d lines, the first because of %d bytes", len(lines), len(lines[0].Reason))
	}
}

func TestWhatTheLinkBringsIsNotAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan router.PeerSeen, 10)
		w := NewWatch(func() *router.Snapshot { return new(router.Snapshot) }, func(p router.PeerSeen) { told <- p }, slog.New(slog.DiscardHandler))
		peer := netip.MustParseAddr("::") // where no page is asked within a bubble: it would be told
		w.Use(peer)
		var v Viewer
		text, _ := v.View(noon, showing())
		if err := w.Hear(text, first); err != nil {
			t.Fatal(err)
		}
		last := w.visit(t.Context(), meeting{})
		if p := <-told; !p.View.Connected || p.View.Router != "spare" || len(p.View.WANs) != 1 {
			t.Errorf("%+v", p.View)
		}
		if err := w.Hear([]byte("<html>"), first); err == nil {
			t.Error("something else is taken for a view")
		}
		time.Sleep(again)
		if _, heard := w.told(); heard == nil {
			t.Error("what the link has brought counts as old after one period")
		}
		time.Sleep(2 * again)
		if _, heard := w.told(); heard != nil {
			t.Error("what the link has brought counts for ever")
		}
		_ = last
	})
}
