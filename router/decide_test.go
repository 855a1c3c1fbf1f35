package router

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/health"
)

func TestTheCheapestUsableWANCarries(t *testing.T) {
	h := newHouse(t, twoWANs())
	h.wantCarrying("fibre") // both unknown: the cheaper one
	h.wantVerdict(VerdictUnknown, "Looking for the Internet")
	h.up("fibre")
	h.wantVerdict(VerdictOK, "Internet works, on fibre.")
}

func TestUnknownIsNeverAReasonToMove(t *testing.T) {
	h := settled(t, twoWANs())
	h.dead("fibre", 2*time.Second)
	h.wantCarrying("lte")
	h.loseLease("fibre", "asking for an address")
	h.lease("fibre", "198.51.100.7/24", "198.51.100.1") // unknown again
	h.wantCarrying("lte")
	h.up("fibre")
	h.wantCarrying("fibre")
}

// The home story (design §1): base 100, four checks of weight 20, the backup costs 50.
func TestTwoLostChecksChangeNothingTheThirdMovesTheHouse(t *testing.T) {
	h := settled(t, twoWANs())
	h.degraded("fibre", 20)
	h.wantCarrying("fibre")
	h.wantVerdict(VerdictDegraded, "on fibre, but not as it should")
	h.degraded("fibre", 40)
	h.wantCarrying("fibre")
	h.degraded("fibre", 60)
	h.wantCarrying("lte")
	h.wantVerdict(VerdictBackup, "on the backup lte since")
	if len(h.swept) != 0 {
		t.Errorf("flows of a line that still half works were ended: %v", h.swept)
	}
}

func TestCablePulledAndBack(t *testing.T) {
	h := settled(t, twoWANs())
	h.cable("wan0", false)
	h.wantCarrying("lte")
	e := h.wantSaid("fibre is down")
	if e.Blame != BlameCable {
		t.Errorf("a pulled cable is blamed on %q", e.Blame)
	}
	h.wantSaid("The house moved from fibre to lte (fibre: no cable in wan0")
	if len(h.swept) != 1 || h.swept[0].WAN != "fibre" || h.swept[0].Idle != 0 || !h.swept[0].Tell {
		t.Errorf("swept %v, want every flow of fibre, told", h.swept)
	}
	h.pass(30 * time.Second)
	h.swept = nil
	h.cable("wan0", true)
	h.wantCarrying("lte") // has to prove itself first
	if !h.state.line("fibre").suspect {
		t.Error("after a lost carrier the checks start in good faith")
	}
	h.up("fibre")
	h.wantCarrying("fibre")
	h.wantSaid("back to fibre; running connections stay where they are")
	if len(h.swept) != 0 {
		t.Errorf("failback ended flows: %v", h.swept)
	}
}

func TestABlackHoleSparesIdleFlowsForThreeSeconds(t *testing.T) {
	h := settled(t, twoWANs())
	h.dead("fibre", 1800*time.Millisecond)
	if len(h.swept) != 1 || h.swept[0].Idle != 2800*time.Millisecond {
		t.Fatalf("first sweep %v, want flows that spoke in the last 2.8s", h.swept)
	}
	h.pass(1199 * time.Millisecond)
	if len(h.swept) != 1 {
		t.Fatalf("the full sweep came early: %v", h.swept)
	}
	h.pass(time.Millisecond)
	if len(h.swept) != 2 || h.swept[1].Idle != 0 {
		t.Fatalf("after 3s: %v, want every flow", h.swept)
	}
	for range 20 {
		h.pass(time.Second)
	}
	if n := len(h.swept); n < 9 || n > 11 {
		t.Errorf("%d sweeps in all, want about one a second for 10s", n)
	}
}

func TestAnOutageThatHealsEndsTheSweep(t *testing.T) {
	h := settled(t, twoWANs())
	h.dead("fibre", 1800*time.Millisecond)
	h.up("fibre")
	h.swept = nil
	for range 12 {
		h.pass(time.Second)
	}
	if len(h.swept) != 0 {
		t.Errorf("flows of a healed line were ended: %v", h.swept)
	}
}

func TestNothingIsTouchedWhenEveryLineIsDown(t *testing.T) {
	h := settled(t, twoWANs())
	h.dead("lte", 2*time.Second)
	h.wantCarrying("fibre")
	before := h.state.Plan(h.last).String()
	h.swept = nil
	h.dead("fibre", 2*time.Second)
	h.wantCarrying("fibre")
	h.wantVerdict(VerdictOffline, "No Internet.", "fibre: none of 3 checks answers", "lte: none of 3")
	if len(h.swept) != 0 {
		t.Errorf("flows were ended with nowhere to go: %v", h.swept)
	}
	if after := h.state.Plan(h.last).String(); after == before {
		t.Error("lte's flows should be sent to it again: fail open")
	}
	h.cable("wan0", false)
	h.wantCarrying("lte") // has a lease and a carrier: the better hope
}

func TestHoldDownDoublesAndShows(t *testing.T) {
	h := settled(t, twoWANs())
	var holds []time.Duration
	for range 4 {
		h.dead("fibre", 2*time.Second)
		h.wantCarrying("lte")
		h.pass(10 * time.Second)
		h.up("fibre")
		held := h.last.Conditions[0].Held
		if held.IsZero() {
			holds = append(holds, 0)
			h.wantCarrying("fibre")
			continue
		}
		holds = append(holds, held.Sub(h.now))
		h.wantCarrying("lte")
		h.wantVerdict(VerdictBackup, "held back until")
		h.pass(held.Sub(h.now))
		h.wantCarrying("fibre")
	}
	want := []time.Duration{0, time.Minute, 2 * time.Minute, 4 * time.Minute}
	for i := range want {
		if holds[i] != want[i] {
			t.Errorf("hold-down %d is %s, want %s", i, holds[i], want[i])
		}
	}
}

func TestAHeldLineIsUsedWhenTheOtherDies(t *testing.T) {
	h := settled(t, twoWANs())
	for range 2 {
		h.dead("fibre", 2*time.Second)
		h.pass(10 * time.Second)
		h.up("fibre")
	}
	h.wantCarrying("lte")
	h.dead("lte", 2*time.Second)
	h.wantCarrying("fibre")
	h.degraded("lte", 40)
	h.wantCarrying("fibre") // needed once, so no longer held: there is no reason to leave it
}

// TestALineThatCarriesIsNotLeftForBeingWell has the house return to a line while a check of it still fails: the last one that passes again
// is no reason to leave it.
func TestALineThatCarriesIsNotLeftForBeingWell(t *testing.T) {
	h := settled(t, twoWANs())
	for range 3 {
		h.degraded("fibre", 66)
		h.wantCarrying("lte")
		h.pass(10 * time.Second)
		h.degraded("fibre", 33)
		h.wantCarrying("fibre")
		h.pass(10 * time.Second)
		h.up("fibre")
		h.wantCarrying("fibre")
		h.pass(10 * time.Second)
	}
}

func TestEqualCostsShare(t *testing.T) {
	config := twoWANs()
	config.WANs[1].Cost = 0
	config.WANs[1].Weight = 3
	h := settled(t, config)
	h.wantCarrying("fibre", "lte")
	h.wantVerdict(VerdictOK, "on fibre and lte")
	p := h.state.policy(h.last, "lan0")
	if len(p.Shares) != 2 || p.Shares[1].Weight != 3 {
		t.Errorf("shares %v, want both, lte with weight 3", p.Shares)
	}
	h.dead("lte", 2*time.Second)
	h.wantCarrying("fibre")
	h.wantVerdict(VerdictDegraded, "lte: none of 3 checks answers")
}

func TestDrainAndResume(t *testing.T) {
	h := settled(t, twoWANs())
	h.fold(DrainWished{WAN: "fibre"})
	h.wantCarrying("lte")
	if len(h.swept) != 0 {
		t.Errorf("a drain ended flows: %v", h.swept)
	}
	h.wantSaid("fibre is being drained")
	h.fold(FlowsCounted{"fibre", 12})
	h.fold(FlowsCounted{"fibre", 0})
	h.wantSaid("fibre is drained: nothing uses it any more")
	h.dead("lte", 2*time.Second)
	h.wantCarrying("fibre") // a drained line beats none
	h.up("lte")
	h.fold(DrainWished{Off: true})
	h.wantCarrying("fibre")
}

func TestFailbackMoveEndsTheFlowsOfTheMeteredLine(t *testing.T) {
	config := twoWANs()
	config.WANs[1].Failback = Move
	h := settled(t, config)
	h.dead("fibre", 5*time.Second)
	h.pass(20 * time.Second)
	h.swept = nil
	h.up("fibre")
	h.wantCarrying("fibre")
	if len(h.swept) != 1 || h.swept[0].WAN != "lte" || !h.swept[0].Tell {
		t.Errorf("swept %v, want lte's flows, told", h.swept)
	}
}

func TestTheLadderNamesTheFirstBrokenThing(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks func(*house)
		reason string
		blame  Blame
	}{
		{"interface gone", func(h *house) { h.fold(LinksSeen{h.links[0], h.links[2]}) }, "there is no interface wan0", BlameCable},
		{"cable", func(h *house) { h.cable("wan0", false) }, "no cable in wan0", BlameCable},
		{"switched off", func(h *house) { h.links[1].Up = false; h.fold(LinksSeen(h.links)) }, "wan0 is switched off", BlameOwner},
		{"no lease", func(h *house) { h.loseLease("fibre", "no DHCP server answers") }, "no DHCP server answers", BlameISP},
		{"house's own network", func(h *house) { h.lease("fibre", "192.168.1.77/24", "192.168.1.254") }, "is the house's own", BlameOwner},
		{"first hop", func(h *house) {
			h.dead("fibre", time.Second)
			h.fold(DiagnosisSeen{WAN: "fibre", Clause: "the ISP's first hop 198.51.100.1 does not answer", Blame: BlameISP})
		}, "the ISP's first hop 198.51.100.1 does not answer", BlameISP},
		{"login page", func(h *house) {
			h.verdict("fibre", health.Verdict{State: health.Captive, Lost: 100, Reason: "a login page answers"})
		}, "a login page answers", BlamePortal},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := settled(t, twoWANs())
			c.breaks(h)
			got := h.last.Conditions[0]
			if !strings.Contains(got.Reason, c.reason) || got.Blame != c.blame {
				t.Errorf("got %q blamed on %q, want %q on %q", got.Reason, got.Blame, c.reason, c.blame)
			}
			h.wantCarrying("lte")
			h.wantVerdict(VerdictBackup, c.reason)
		})
	}
}

func TestAFreshInterfaceIsNoOutage(t *testing.T) {
	h := &house{t: t, now: noon}
	h.links = []Link{{Index: 3, Name: "wan0", MTU: 1500}, {Index: 4, Name: "usb0", MTU: 1500}} // as after boot
	h.state = NewState(twoWANs(), h.links, Earlier{}, h.now)
	h.decide()
	if len(h.events) > 0 {
		t.Errorf("before anything was tried: %v", h.events)
	}
	h.wantVerdict(VerdictUnknown)
	h.pass(patience)
	if e := h.wantSaid("fibre is down"); e.Blame != BlameOwner || !strings.Contains(e.Sentence, "wan0 is switched off") {
		t.Errorf("an interface that stays off: %+v", e)
	}
}

// The file was reordered while the daemon was down: running flows carry the marks of before.
func TestARestartFindsItsNumbersAgain(t *testing.T) {
	config := twoWANs()
	config.WANs[0], config.WANs[1] = config.WANs[1], config.WANs[0]
	links := []Link{{Index: 3, Name: "wan0"}, {Index: 4, Name: "usb0"}}
	s := NewState(config, links, Earlier{Carrying: []string{"usb0"}, Numbers: map[string]int{"wan0": 0, "usb0": 1}}, noon)
	if f, l := s.line("fibre").number, s.line("lte").number; f != 0 || l != 1 {
		t.Errorf("fibre has number %d and lte %d, want 0 and 1", f, l)
	}
	if !slices.Equal(s.carrying, []string{"lte"}) {
		t.Errorf("the house uses %v, want lte as before", s.carrying)
	}
}

func TestAWANTakenOutOfTheFileGivesUpItsFlows(t *testing.T) {
	h := settled(t, twoWANs())
	mark := h.state.line("fibre").mark()
	config := twoWANs()
	config.WANs = config.WANs[1:]
	h.fold(Reconfigured{config})
	h.wantCarrying("lte")
	if len(h.swept) != 1 || h.swept[0].WAN != "fibre" || h.swept[0].Mark != mark || !h.swept[0].Tell {
		t.Errorf("swept %v, want every flow with fibre's mark %#x", h.swept, mark)
	}
	for range 20 {
		h.pass(time.Second)
	}
	if n := len(h.swept); n < 9 || n > 11 {
		t.Errorf("%d sweeps, want about one a second for 10s", n)
	}
}
