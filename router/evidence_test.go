package router

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

// wantCauses compares what has begun and ended since the last time.
func (h *house) wantCauses(want ...string) {
	h.t.Helper()
	var got []string
	for _, e := range h.events {
		if e.Cause != "" {
			got = append(got, string(e.Cause)+" "+e.To+": "+e.Sentence)
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

func TestWhatOthersKnowBeginsAndEnds(t *testing.T) {
	h := settled(t, twoWANs())
	h.fold(ClockSeen{Set: true})
	h.fold(DiskSeen{})
	h.fold(PeerSeen{View: &PairView{Peer: "192.168.1.3", Connected: true}})
	h.wantCauses()
	h.fold(DiskSeen{Err: errors.New("no space left on device")})
	h.fold(DiskSeen{Err: errors.New("input/output error")})
	h.fold(ClockSeen{})
	h.fold(PeerSeen{View: &PairView{Peer: "192.168.1.3"}})
	h.wantCauses("disk begins: Nothing can be kept on disk: no space left on device.",
		"clock begins: Nobody has set the clock: the times of what happens now may be wrong.",
		"peer begins: The other router (192.168.1.3) does not answer.")
	h.fold(DiskSeen{})
	h.fold(ClockSeen{Set: true})
	h.fold(PeerSeen{})
	h.wantCauses("disk ends: Things are kept on disk again.", "clock ends: The clock is set.")
}

// hears makes the engine say how many adverts of another router it has heard.
func (h *house) hears(state vrrp.State, adverts uint64) {
	h.t.Helper()
	h.fold(VRRPSeen{vrrp.Status{
		Elections: []vrrp.Election{{Router: "lan", ID: 51, Family: vrrp.IPv4, Interface: "lan0", State: state, Priority: 100, Since: noon}},
		Speakers:  []vrrp.Speaker{{Interface: "lan0", ID: 51, Family: vrrp.IPv4, Source: netip.MustParseAddr("192.168.1.9"), Adverts: adverts}},
	}})
}

func TestTwoActives(t *testing.T) {
	conflict := func(n uint64, packet ...byte) VRRPTold {
		return VRRPTold{[]vrrp.Report{{Number: n, Time: noon, Kind: vrrp.Conflict, Router: "lan", ID: 51, Family: vrrp.IPv4, Interface: "lan0",
			Reason: "192.168.1.9 is Active, too", Packet: packet}}}
	}
	const begins, ends = "two-actives begins: Conflict on lan: 192.168.1.9 is Active, too.", "two-actives ends: Nobody else serves the addresses of lan any more."
	t.Run("a router", func(t *testing.T) {
		h := settled(t, twin())
		h.hears(vrrp.Active, 3)
		h.wantCauses()
		h.fold(conflict(1, 0x45))
		h.wantCauses(begins)
		for n := range uint64(12) { // its adverts go on; the engine names it again
			h.pass(5 * time.Second)
			h.hears(vrrp.Active, 8+5*n)
		}
		h.fold(conflict(2, 0x45))
		h.pass(9 * time.Second)
		h.hears(vrrp.Active, 63)
		h.wantCauses()
		h.pass(time.Second)
		h.hears(vrrp.Active, 63)
		h.wantCauses(ends)
		h.fold(conflict(3, 0x45))
		h.wantCauses(begins)
	})
	t.Run("this one gives way", func(t *testing.T) {
		h := settled(t, twin())
		h.hears(vrrp.Active, 0)
		h.fold(conflict(1, 0x45))
		h.hears(vrrp.Backup, 5)
		h.pass(10 * time.Second)
		h.hears(vrrp.Backup, 15)
		h.wantCauses(begins, ends)
	})
	t.Run("a host that sends no adverts", func(t *testing.T) {
		h := settled(t, twin())
		h.fold(conflict(1))
		h.pass(89 * time.Second)
		h.hears(vrrp.Active, 0)
		h.wantCauses(begins)
		h.pass(time.Second)
		h.hears(vrrp.Active, 0)
		h.wantCauses(ends)
	})
}
