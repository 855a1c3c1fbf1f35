package alert

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/router"
)

func TestMoments(t *testing.T) {
	h := newHouse(t)
	h.moment(router.CauseRestart, "", "")
	h.after(5 * time.Second)
	h.moment(router.CauseUpdate, "", "")
	h.after(time.Minute)
	if l := h.want("main: runs another version")[0]; len(l.Incidents) != 2 || l.priority() != channel.Normal {
		t.Errorf("%+v", l)
	}
	h.moment(router.CauseBudget, "lte", "")
	h.after(time.Minute)
	h.want("main: lte has used up data")
	h.moment(router.CauseLogin, "", "")
	h.after(time.Minute)
	if l := h.want("main: somebody guesses passwords")[0]; l.priority() != channel.High {
		t.Errorf("%s", l.priority())
	}
	disk := h.begins(router.CauseDisk, "")
	h.after(10 * time.Second)
	h.want("main: nothing can be kept on disk")
	h.ends(disk)
	h.after(time.Minute)
	h.want("main: things are kept on disk again after 10 s")
	two := h.begins(router.CauseTwo, "lan")
	h.after(10 * time.Second)
	if l := h.want("main: two routers serve lan")[0]; l.priority() != channel.Urgent {
		t.Errorf("%s", l.priority())
	}
	h.ends(two)
	h.after(time.Minute)
	h.want("main: one router serves lan again after 10 s")
}

func TestARouterThatWasOff(t *testing.T) {
	h := newHouse(t)
	h.say(&router.Incident{ID: "off", Router: "main", Cause: router.CauseRestart, Start: h.now.Add(-3 * time.Minute), End: h.now, Cut: true, Clock: true, Sentence: "main lost its power."})
	h.after(time.Minute)
	if l := h.want("main: is back, after up to 3 min")[0]; l.text(h.now) != "main lost its power." {
		t.Errorf("it says %q", l.text(h.now))
	}
}

func TestAVirtualAddressThatMoves(t *testing.T) {
	h := newHouse(t)
	h.moment(router.CauseVRRP, "lan", "active")
	h.moment(router.CauseVRRP, "lan", "active") // its other family
	h.after(2 * time.Minute)
	if l := h.want("main: serves lan now")[0]; l.priority() != channel.Normal {
		t.Errorf("%s", l.priority())
	}
	h.moment(router.CauseVRRP, "lan", "backup")
	h.after(30 * time.Second)
	h.moment(router.CauseVRRP, "lan", "active")
	h.after(time.Hour)
	h.want() // back before anybody has to know
	for range 5 {
		h.moment(router.CauseVRRP, "lan", "backup")
		h.after(2 * time.Minute)
		h.moment(router.CauseVRRP, "lan", "active")
		h.after(2 * time.Minute)
	}
	h.after(time.Hour)
	h.want("main: does not serve lan any more", "main: serves lan now", "main: does not serve lan any more", "main: serves lan now",
		"main: does not serve lan any more", "main: lan keeps moving between the routers", "main: lan is stable again")
}

func TestThePeerIsLost(t *testing.T) {
	h := newHouse(t)
	h.moment(router.CauseVRRP, "lan", "active")
	h.after(15 * time.Second)
	peer := h.begins(router.CausePeer, "")
	h.after(2 * time.Minute)
	if l := h.want("main: the other router does not answer")[0]; len(l.Incidents) != 2 {
		t.Errorf("it does not say who serves the house: %+v", l.Incidents)
	}
	h.ends(peer)
	h.after(10 * time.Second)
	if !h.m.Heed(h.now, Letter{ID: "x", Stage: Happened, Router: "spare", Incidents: []router.Incident{{Cause: router.CauseRestart, Moment: true, Sentence: "spare was off from 12:04."}}}) {
		t.Error("its own account is a message of its own")
	}
	h.moment(router.CauseVRRP, "lan", "backup")
	h.after(time.Hour)
	l := h.want("main: the other router is back after 2 min")[0]
	if !strings.Contains(l.text(h.now), "spare was off from 12:04.") {
		t.Errorf("it says %q", l.text(h.now))
	}
}

func TestTheMoveWaitsForTheLossOfThePeer(t *testing.T) {
	h := newHouse(t)
	h.m.Use(router.Config{Name: "main", Alert: router.Alert{Wait: 3 * time.Second}, Pair: router.Pair{Peer: netip.MustParseAddr("192.168.1.3")}})
	h.moment(router.CauseVRRP, "lan", "active")
	h.after(20 * time.Second)
	peer := h.begins(router.CausePeer, "")
	h.after(time.Minute)
	if l := h.want("main: the other router does not answer")[0]; len(l.Incidents) != 2 {
		t.Errorf("it does not say who serves the house: %+v", l.Incidents)
	}
	h.ends(peer)
	h.after(time.Minute)
	h.want("main: the other router is back after 1 min")

	h.moment(router.CauseVRRP, "lan", "backup")
	h.after(24 * time.Second)
	peer = h.begins(router.CausePeer, "")
	h.after(2 * time.Second)
	h.ends(peer) // a hiccup, which explains nothing
	h.after(time.Minute)
	h.want("main: does not serve lan any more")
}

func TestTheOtherRoutersOutageExplainsTheMove(t *testing.T) {
	h := newHouse(t)
	h.moment(router.CauseVRRP, "lan", "active")
	h.after(61 * time.Second)
	theirs := Letter{ID: "x", Stage: Began, Router: "spare", Incidents: []router.Incident{
		{ID: "x", Cause: router.CauseWAN, WAN: "fibre"}}}
	if h.m.Heed(h.now, theirs) {
		t.Error("its outage is not told")
	}
	h.after(time.Hour)
	h.want()
}

func TestBothRoutersSeeTheSame(t *testing.T) {
	move := Letter{ID: "x", Stage: Happened, Router: "spare", Incidents: []router.Incident{{ID: "x", Cause: router.CauseVRRP, VRRP: "lan", State: "backup", Moment: true}}}
	t.Run("after us", func(t *testing.T) {
		h := newHouse(t)
		h.moment(router.CauseVRRP, "lan", "active")
		if h.after(time.Second); !h.m.Heed(h.now, move) {
			t.Error("the other router's view of the same move is told, too")
		}
		h.after(time.Hour)
		h.want("main: serves lan now")
	})
	t.Run("another move", func(t *testing.T) {
		h := newHouse(t)
		h.m.Heed(h.now, move)
		h.after(2 * time.Minute)
		h.moment(router.CauseVRRP, "lan", "active")
		h.after(time.Hour)
		h.want("main: serves lan now")
	})
	t.Run("before us", func(t *testing.T) {
		h := newHouse(t)
		if h.m.Heed(h.now, move) {
			t.Error("nobody tells of the move")
		}
		h.moment(router.CauseVRRP, "lan", "active")
		h.after(time.Hour)
		h.want()
	})
}
