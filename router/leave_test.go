package router

import (
	"net/netip"
	"testing"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

func (h *house) noMore(want ...string) {
	h.t.Helper()
	var got []string
	for _, e := range h.events {
		if e.Kind == EventVRRP && e.Blame == BlameOwner {
			got = append(got, e.Sentence)
		}
	}
	h.events = nil
	if len(got) != len(want) {
		h.t.Fatalf("at %s said %q, want %q", h.now.Sub(noon), got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			h.t.Errorf("at %s said %q, want %q", h.now.Sub(noon), got[i], want[i])
		}
	}
}

func TestADrainedRouterMayBeSwitchedOff(t *testing.T) {
	const drained, empty = "main is being drained: another router is to serve the house.",
		"main is drained: nothing uses it any more, it may be switched off."
	h := coupled(t)
	linked := func(left int) { h.fold(TogetherSeen{Together{Linked: true, Since: noon, Left: left}}) }
	h.doing(vrrp.Active, 100, "")
	linked(0) // nobody is at home
	h.fold(DrainWished{})
	h.wantStanding(1, "")
	h.pass(10 * time.Second)
	h.noMore(drained) // the addresses are here
	h.doing(vrrp.Backup, 1, "")
	linked(3)
	h.pass(10 * time.Second)
	h.noMore()
	linked(0)
	h.pass(vacancy / 2)
	linked(1) // one that was just being counted
	h.pass(10 * time.Second)
	h.noMore()
	linked(0)
	h.pass(0)
	if s := h.state.Snapshot(h.now, "1", h.last); s.Vacant || s.DrainedSince == nil || !s.DrainedSince.Equal(noon) {
		t.Errorf("vacant %v, drained since %v", s.Vacant, s.DrainedSince)
	}
	h.pass(vacancy)
	h.noMore(empty)
	linked(1)
	linked(0)
	h.pass(time.Minute)
	h.noMore() // it is said once
	if s := h.state.Snapshot(h.now, "1", h.last); !s.Vacant {
		t.Error("the snapshot does not know")
	}
	h.fold(TogetherSeen{Together{Since: h.now}})
	h.pass(time.Second)
	if s := h.state.Snapshot(h.now, "1", h.last); s.Vacant {
		t.Error("without the link nobody knows")
	}
	h.fold(DrainWished{Off: true})
	h.wantStanding(100, "")
	if s := h.state.Snapshot(h.now, "1", h.last); s.Vacant || s.DrainedSince != nil {
		t.Error("the snapshot still has it")
	}
}

func TestARouterStandsAsideForAWhile(t *testing.T) {
	const why, over = "fibre is made anew: another router serves the house meanwhile.", "The new configuration works: this router may serve the house again."
	h := coupled(t)
	h.doing(vrrp.Active, 100, "")
	h.fold(StandAside{Until: h.now.Add(time.Minute), Reason: why})
	h.noMore(why)
	h.wantStanding(1, "")
	if s := h.state.Snapshot(h.now, "1", h.last); s.AsideUntil == nil || s.Drained {
		t.Error("the snapshot does not have it")
	}
	h.fold(StandAside{})
	h.noMore(over)
	h.wantStanding(100, "")
	h.fold(StandAside{})
	h.noMore()

	h.fold(StandAside{Until: h.now.Add(time.Minute), Reason: why}) // and by itself
	if wake := h.state.leavingWake(h.now, h.now.Add(time.Hour)); wake != h.now.Add(time.Minute) {
		t.Errorf("it would wake at %s", wake.Sub(h.now))
	}
	h.pass(time.Minute)
	h.noMore(why, over)
	h.wantStanding(100, "")
}

func TestWhatAConfigurationBreaks(t *testing.T) {
	carrying := []string{"fibre"}
	for want, change := range map[string]func(*Config){
		"":                    func(c *Config) { c.WANs[0].Cost, c.WANs[1].MAC = 10, "02:00:00:00:00:09" },
		"fibre is made anew":  func(c *Config) { c.WANs[0].VLAN = 7 },
		"fibre is taken away": func(c *Config) { c.WANs = c.WANs[1:] },
		"the house's side of this router is made anew": func(c *Config) { c.LAN.Address = netip.MustParsePrefix("192.168.2.1/24") },
	} {
		next := twoWANs()
		change(&next)
		if got := Breaks(twoWANs(), next, carrying); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
