package incident

import (
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestMoments(t *testing.T) {
	s := newScene(t)
	move := router.Event{Kind: router.EventVRRP, VRRP: "lan", Family: "ipv4", From: "active", To: "backup", Sentence: "main is Backup for 192.168.1.1 (lan): 192.168.1.3 has priority 150."}
	s.say(move)
	move.Family = "ipv6"
	s.say(move)
	s.want("vrrp: main is Backup for 192.168.1.1 (lan): 192.168.1.3 has priority 150.")
	if i := s.the(router.CauseVRRP); !i.Moment || i.Open() || i.State != "backup" || i.VRRP != "lan" || !i.Start.Equal(i.End) || i.Lasted != 0 {
		t.Errorf("got %+v", i)
	}
	s.pass(time.Minute)
	s.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", From: "waiting", To: "backup", Sentence: "main is Backup."})
	s.say(router.Event{Kind: router.EventRouter, Cause: router.CauseUpdate, To: "moment", Sentence: "This router works by version 2."})
	s.say(router.Event{Kind: router.EventBudget, Cause: router.CauseBudget, WAN: "lte", To: "moment", Sentence: "lte has used 80 % of its data."})
	s.want("update: This router works by version 2.", "budget: lte has used 80 % of its data.")
}

func TestTwoActives(t *testing.T) {
	s := newScene(t)
	s.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", Cause: router.CauseTwo, To: "begins", Sentence: "Conflict on lan: 192.168.1.9 is Active, too, with priority 50."})
	s.want("two-actives on: Conflict on lan: 192.168.1.9 is Active, too, with priority 50.")
	s.pass(time.Minute)
	s.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", Sentence: "Conflict on lan: 192.168.1.9 is Active, too, with priority 60."})
	s.want("two-actives on: Conflict on lan: 192.168.1.9 is Active, too, with priority 50.")
	s.pass(15 * time.Second)
	s.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", Cause: router.CauseTwo, To: "ends", Sentence: "Nobody else serves the addresses of lan any more."})
	s.want("two-actives: Conflict on lan: 192.168.1.9 is Active, too, with priority 50. It was over after 1 min 15 s.")
}

func TestAVirtualRouterThatCannotBeServed(t *testing.T) {
	s := newScene(t)
	s.view.VRRP = []router.VRRPSnapshot{{Name: "lan", State: "fault", Reason: "check tcp 127.0.0.1:80 fails", Since: s.now}}
	s.pass(4 * time.Second)
	s.want()
	s.pass(time.Minute)
	s.want("vrrp on: main must not serve lan: check tcp 127.0.0.1:80 fails.")
	s.view.VRRP[0].State = "backup"
	s.pass(time.Second)
	s.want("vrrp: main could not serve lan for 1 min 5 s: check tcp 127.0.0.1:80 failed.")
}

func TestThePeerTheDiskAndTheClock(t *testing.T) {
	s := newScene(t)
	s.view.Pair = &router.PairView{Peer: "192.168.1.3"}
	s.view.Disk, s.view.ClockUnset = "no space left on device", true
	s.pass(10 * time.Second)
	s.want("disk on: Nothing can be kept on disk: no space left on device.")
	s.pass(10 * time.Second)
	s.want("peer on: The other router (192.168.1.3) does not answer.")
	s.pass(time.Minute)
	s.want("clock on: Nobody has set the clock: times may be wrong.")
	for _, i := range s.last {
		if i.Clock {
			t.Errorf("the clock of %s is trusted", i.ID)
		}
	}
	s.view.Pair.Connected, s.view.Disk, s.view.ClockUnset = true, "", false
	s.pass(time.Second)
	s.want("disk: Nothing could be kept on disk for 1 min 16 s: no space left on device.",
		"peer: The other router (192.168.1.3) did not answer for 1 min 16 s.",
		"clock: Nobody had set the clock for 1 min 16 s.")
	s.pass(10 * time.Minute)
	s.view.Pair.Connected = false
	s.pass(10 * time.Second)
	s.view.Pair.Connected = true
	s.pass(time.Minute)
	s.want()
}

func TestAMoveThatTheOwnerWants(t *testing.T) {
	s := newScene(t)
	s.view.Drained = true
	s.see()
	s.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", From: "active", To: "backup", Sentence: "main is Backup."})
	if i := s.the(router.CauseVRRP); i.Blame != router.BlameOwner {
		t.Errorf("got %+v", i)
	}
}

// What looks show is not begun by what is said of it: a clock that is set within a minute is no incident.
func TestALookCountsMoreThanAWord(t *testing.T) {
	s := newScene(t)
	s.view.ClockUnset = true
	s.say(router.Event{Kind: router.EventRouter, Cause: router.CauseClock, To: "begins", Sentence: "Nobody has set the clock."})
	s.pass(30 * time.Second)
	s.view.ClockUnset = false
	s.say(router.Event{Kind: router.EventRouter, Cause: router.CauseClock, To: "ends", Sentence: "The clock is set."})
	s.pass(time.Minute)
	s.want()
}

// A router whose only line is dead hands the house over: the house is not offline.
func TestTheOtherRouterCarriesTheHouse(t *testing.T) {
	s := newScene(t)
	s.view.WANs = s.view.WANs[:1]
	s.view.VRRP = []router.VRRPSnapshot{{Name: "lan", State: "active", ActiveRouter: "192.168.1.2"}}
	s.pass(time.Minute)
	s.dies("fibre")
	s.want("wan on: fibre is down: the ISP's first router does not answer. Nothing carries the house.")
	s.pass(time.Second)
	s.view.VRRP[0].State, s.view.VRRP[0].ActiveRouter = "backup", "192.168.1.3"
	s.pass(time.Minute)
	s.want("wan on: fibre is down: the ISP's first router does not answer. The other router carries the house.")
	s.works("fibre")
	s.want("wan: fibre was down for 1 min 2 s: the ISP's first router did not answer. The other router carried the house.")

	s.told = nil
	s.view.VRRP[0].State, s.view.VRRP[0].ActiveRouter = "active", "192.168.1.2"
	s.dies("fibre")
	s.pass(10 * time.Second)
	if i := s.the(router.CauseOffline); !i.Open() || !strings.HasPrefix(i.Sentence, "No line works: fibre") {
		t.Errorf("nobody takes it over: %+v", i)
	}
}

// Two routers that both serve the house, and find each other over their lines only, are one trouble.
func TestASplitBrainIsOneIncident(t *testing.T) {
	s := newScene(t)
	s.view.Pair = &router.PairView{Peer: "192.168.1.3", Second: &router.SecondView{Answers: true, Split: true}}
	s.say(router.Event{Kind: router.EventPair, Cause: router.CauseTwo, To: "begins", Sentence: "Split brain: both serve 192.168.1.1."})
	s.want("two-actives on: Split brain: both serve 192.168.1.1.")
	s.pass(time.Minute)
	s.want()
	s.view.Pair = &router.PairView{Peer: "192.168.1.3", Second: &router.SecondView{}}
	s.pass(time.Minute)
	s.want("peer on: The other router (192.168.1.3) does not answer.")
	s.view.Pair = &router.PairView{Peer: "192.168.1.3", Connected: true}
	s.say(router.Event{Kind: router.EventPair, Cause: router.CauseTwo, To: "ends", Sentence: "The two routers no longer both serve the house."})
	s.pass(time.Second)
	if i := s.the(router.CauseTwo); i.Open() || i.Sentence != "Split brain: both serve 192.168.1.1. It was over after 2 min." {
		t.Errorf("%+v", i)
	}
}
