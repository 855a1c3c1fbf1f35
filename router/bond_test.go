package router

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

// coupled is a house whose router is one of a pair.
func coupled(t *testing.T) *house {
	t.Helper()
	cfg := twoWANs()
	cfg.Pair = Pair{Peer: netip.MustParseAddr("192.168.1.3"), Secret: "twenty letters or so", Beat: 50 * time.Millisecond}
	cfg.VRRP = []VirtualRouter{
		{Router: vrrp.Router{Name: "lan", ID: 51, Base: 100, Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.1/24")}}, TrackAll: true},
		{Router: vrrp.Router{Name: "far", ID: 52, Base: 100, Interface: "dmz0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}}},
	}
	return settled(t, cfg)
}

// wantPair compares what was said of the pair since the last time.
func (h *house) wantPair(want ...string) {
	h.t.Helper()
	var got []string
	for _, e := range h.events {
		if e.Kind == EventPair {
			got = append(got, e.Sentence)
		}
	}
	h.events = nil
	if len(got) != len(want) {
		h.t.Fatalf("at %s got %q, want %q", h.now.Sub(noon), got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			h.t.Errorf("at %s got %q, want %q", h.now.Sub(noon), got[i], want[i])
		}
	}
}

func TestWhatIsSaidOfThePair(t *testing.T) {
	h := coupled(t)
	alone := Together{Since: h.now, Reason: "nobody listens at 192.168.1.3 port 61112"}
	linked := Together{Linked: true, Since: h.now, Router: "backup"}
	kept := func(phase HandOver, n int) TogetherSeen {
		view := linked
		view.Phase, view.Kept = phase, n
		return TogetherSeen{view}
	}
	h.fold(TogetherSeen{alone})
	h.pass(5 * time.Second)
	h.wantPair()
	h.pass(6 * time.Second)
	h.wantPair("This router and the other router do not work together: nobody listens at 192.168.1.3 port 61112. Connections break when the house moves from one to the other.")
	h.fold(TogetherSeen{linked})
	h.wantPair("This router and backup work together: connections survive when the house moves from one to the other.")
	h.fold(kept(HandOverReady, 0))
	h.fold(kept(HandOverLearns, 0))
	h.fold(kept(HandOverKeeps, 0))
	h.wantPair()
	h.fold(kept(HandOverKeeps, 37))
	h.fold(kept(HandOverKeeps, 3))
	h.wantPair("37 connections stay with backup until they end.")
	h.fold(TogetherSeen{linked})
	h.wantPair("No connection is left with backup.")
	short := Together{Since: h.now, Router: "backup", Reason: "the connection was lost"}
	h.fold(TogetherSeen{short})
	h.pass(3 * time.Second)
	h.fold(TogetherSeen{linked})
	h.wantPair()
	deaf := linked
	deaf.Deaf = "what this router sends does not reach backup"
	h.fold(TogetherSeen{deaf})
	h.fold(TogetherSeen{linked})
	h.wantPair("The two routers hear each other in one direction only: what this router sends does not reach backup.", "The two routers hear each other again.")
	gone := short
	gone.Gone = vrrp.Gone{IPv4: netip.MustParseAddr("192.168.1.3")}
	h.fold(TogetherSeen{gone})
	h.pass(20 * time.Second)
	h.wantPair("backup is gone: it gives no sign of life and answers nothing.")
	h.fold(TogetherSeen{linked})
	h.wantPair("backup gives signs of life again.")
	h.fold(TogetherSeen{gone})
	h.wantPair("backup is gone: it gives no sign of life and answers nothing.")
	back := alone
	back.Router = "backup"
	h.fold(TogetherSeen{back}) // it answers, and no more: it has another secret perhaps
	h.pass(split)
	h.wantPair("This router and backup do not work together: nobody listens at 192.168.1.3 port 61112. Connections break when the house moves from one to the other.")
	h.fold(TogetherSeen{linked})
	h.wantPair("backup gives signs of life again.", "This router and backup work together: connections survive when the house moves from one to the other.")
}

func TestWhatTheElectionsAreToldOfThePair(t *testing.T) {
	h := coupled(t)
	wish := func(name string) vrrp.Wish {
		t.Helper()
		for _, w := range h.state.Wanted(h.now, h.state.Decide(h.now)).Routers {
			if w.Name == name {
				return w
			}
		}
		t.Fatalf("nothing is wanted of %s", name)
		return vrrp.Wish{}
	}
	gone := vrrp.Gone{IPv4: netip.MustParseAddr("192.168.1.3"), IPv6: netip.MustParseAddr("fe80::3")}
	for _, c := range []struct {
		name  string
		view  Together
		grace time.Duration
	}{
		{"not prepared", Together{Since: h.now}, readiness},
		{"prepared", Together{Since: h.now, Linked: true, Ready: true}, 0},
		{"never", Together{Since: h.now, Vain: true}, 0},
		{"dead", Together{Since: h.now, Gone: gone, Ready: true}, 0},
	} {
		h.fold(TogetherSeen{c.view})
		if w := wish("lan"); w.Grace != c.grace || w.Gone != c.view.Gone {
			t.Errorf("%s: the house's election is told grace %s and gone %v, want %s and %v", c.name, w.Grace, w.Gone, c.grace, c.view.Gone)
		}
		if w := wish("far"); w.Grace != 0 || w.Gone != (vrrp.Gone{}) {
			t.Errorf("%s: the election of another network is told grace %s and gone %v", c.name, w.Grace, w.Gone)
		}
	}
	cfg := h.state.config
	cfg.Pair.NoHandOver = true
	h.fold(Reconfigured{Config: cfg})
	h.fold(TogetherSeen{Together{Since: h.now}})
	if w := wish("lan"); w.Grace != 0 {
		t.Errorf("without hand-over the election waits %s for one", w.Grace)
	}
}

func TestThePairInTheSnapshot(t *testing.T) {
	h := coupled(t)
	snap := func() *Snapshot { return h.state.Snapshot(h.now, "1", h.state.Decide(h.now)) }
	if p := snap().Pair; p != nil {
		t.Fatalf("before anything is known the snapshot has %+v", *p)
	}
	page := &PairView{Peer: "192.168.1.3", Router: "backup", Sentence: "Internet works, on lte."}
	h.fold(PeerSeen{View: page})
	h.fold(TogetherSeen{Together{Linked: true, Since: h.now, Phase: HandOverKeeps, Kept: 3, Left: 9}})
	p := snap().Pair
	if p == nil || !p.Connected || !p.Linked || p.Phase != "keeps" || p.FlowsHandedOver != 3 || p.Left != 9 || p.Sentence != page.Sentence {
		t.Errorf("the snapshot has %+v", p)
	}
	if page.Linked || page.Connected {
		t.Error("what the page of the other router said was changed")
	}
	side := snap().Side
	if side.Name != "lan0" || len(side.Devices) != 1 || len(side.Uplinks) != 2 || side.Known {
		t.Errorf("the house's side is %+v", side)
	}
	h.fold(VRRPSeen{vrrp.Status{Elections: []vrrp.Election{
		{Router: "lan", ID: 51, Family: vrrp.IPv4, Interface: "lan0", State: vrrp.Active},
		{Router: "far", ID: 52, Family: vrrp.IPv4, Interface: "dmz0", State: vrrp.Backup},
	}}})
	if side = snap().Side; !side.Known || side.Serves != 1 || side.Follows != 0 {
		t.Errorf("the house's side is %+v", side)
	}
}

// The end of a connection is told of, whether or not the routers were linked when it began; a router alone has the kernel's own way.
func TestConntrackTellsAPair(t *testing.T) {
	told := Sysctl{Path: "net/netfilter/nf_conntrack_events", Value: "1", Optional: true}
	if h := coupled(t); !slices.Contains(h.state.Plan(h.last).Sysctls, told) {
		t.Errorf("a pair's plan lacks %v", told)
	}
	if h := settled(t, twoWANs()); slices.Contains(h.state.Plan(h.last).Sysctls, told) {
		t.Errorf("a lone router's plan has %v", told)
	}
}
