package alert

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/router"
)

func TestOneMessageWhenItBeginsAndOneWhenItEnds(t *testing.T) {
	h := newHouse(t)
	fibre := h.begins(router.CauseWAN, "fibre")
	h.after(59 * time.Second)
	h.want()
	h.after(time.Second)
	l := h.want("main: fibre is down")[0]
	if l.priority() != channel.High || !l.Incidents[0].Start.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("%+v", l)
	}
	h.after(3*time.Minute + 12*time.Second)
	h.ends(fibre)
	h.after(time.Minute)
	l = h.want("main: fibre is back after 4 min 12 s")[0]
	if got := l.text(h.now); !strings.Contains(got, "(From 12:05:00 to 12:09:12: 4 min 12 s.)") {
		t.Errorf("it says %q", got)
	}
	if !l.message(h.now).Resolved || l.message(h.now).ID != fibre {
		t.Errorf("%+v", l.message(h.now))
	}
	h.after(24 * time.Hour)
	h.want()
}

func TestABlipIsNotTold(t *testing.T) {
	h := newHouse(t)
	fibre := h.begins(router.CauseWAN, "fibre")
	h.after(50 * time.Second)
	h.ends(fibre)
	h.after(time.Hour)
	h.want()
}

func TestWhatComesOfAnOutageIsPartOfItsMessage(t *testing.T) {
	h := newHouse(t)
	fibre := h.begins(router.CauseWAN, "fibre")
	h.after(time.Second)
	lte := h.begins(router.CauseMetered, "lte")
	h.moment(router.CauseVRRP, "lan", "backup")
	h.after(time.Minute)
	l := h.want("main: fibre is down")[0]
	if len(l.Incidents) != 3 || l.Incidents[0].ID != fibre || l.Incidents[1].ID != lte || l.Incidents[2].VRRP != "lan" {
		t.Errorf("it is about %+v", l.Incidents)
	}
	h.after(5 * time.Minute)
	h.ends(fibre)
	h.moment(router.CauseVRRP, "lan", "active")
	h.after(time.Second)
	h.ends(lte)
	h.after(time.Hour)
	h.want("main: fibre is back after 6 min 1 s")
}

func TestALineThatComesBackLate(t *testing.T) {
	h := newHouse(t)
	fibre := h.begins(router.CauseWAN, "fibre")
	lte := h.begins(router.CauseMetered, "lte")
	h.after(2 * time.Minute)
	h.want("main: fibre is down")
	h.moment(router.CauseVRRP, "lan", "backup") // which took its time
	h.after(2 * time.Minute)
	h.ends(fibre)
	h.after(20 * time.Second)
	h.want("main: fibre is back after 4 min")
	h.moment(router.CauseVRRP, "lan", "active")
	h.ends(lte)
	h.after(time.Hour)
	h.want()
}

func TestAMeteredLineWithoutAReason(t *testing.T) {
	h := newHouse(t)
	lte := h.begins(router.CauseMetered, "lte")
	h.after(time.Minute)
	h.want("main: the house is on lte, which is metered")
	h.ends(lte)
	h.after(time.Hour)
	h.want("main: the house is off lte again after 1 min")
}

func TestNoInternetMutesTheLines(t *testing.T) {
	h := newHouse(t)
	fibre := h.begins(router.CauseWAN, "fibre")
	h.after(10 * time.Second)
	lte := h.begins(router.CauseIdle, "lte")
	none := h.begins(router.CauseOffline, "")
	h.after(2 * time.Minute)
	l := h.want("main: no Internet")[0]
	if len(l.Incidents) != 3 || l.priority() != channel.Urgent {
		t.Errorf("%s: %+v", l.priority(), l.Incidents)
	}
	h.after(8 * time.Minute)
	h.ends(fibre, none)
	h.after(20 * time.Second)
	h.ends(lte)
	h.after(time.Hour)
	l = h.want("main: Internet is back after 10 min")[0]
	if len(l.Incidents) != 3 {
		t.Errorf("it is about %+v", l.Incidents)
	}
}

func TestOneLineStaysDownAfterBothWere(t *testing.T) {
	h := newHouse(t)
	h.begins(router.CauseIdle, "lte")
	fibre := h.begins(router.CauseWAN, "fibre")
	none := h.begins(router.CauseOffline, "")
	h.after(2 * time.Minute)
	h.want("main: no Internet")
	h.ends(fibre, none)
	h.after(10 * time.Minute)
	l := h.want("main: Internet is back after 2 min")[0]
	if last := l.Incidents[len(l.Incidents)-1]; last.WAN != "lte" || !last.Open() {
		t.Errorf("it does not say that lte is still down: %+v", l.Incidents)
	}
}

func TestAStormIsFourMessagesAtMost(t *testing.T) {
	h := newHouse(t)
	for range 100 { // in ten minutes
		id := h.begins(router.CauseWAN, "fibre")
		lte := h.begins(router.CauseMetered, "lte")
		h.moment(router.CauseVRRP, "lan", "backup")
		h.after(3 * time.Second)
		h.ends(id, lte)
		h.moment(router.CauseVRRP, "lan", "active")
		h.after(3 * time.Second)
	}
	h.after(3 * time.Hour)
	l := h.want("main: fibre is unstable", "main: fibre is stable again")
	if len(l) == 2 {
		if u := l[1].Unrest; u.Total != 100 || !u.Since.Equal(noon.Add(5*time.Minute)) {
			t.Errorf("%+v", u)
		}
		if got := l[1].text(h.now); got != "It has failed 100 times from 12:05:00 to 12:14:54, and not since." {
			t.Errorf("it says %q", got)
		}
	}
}

func TestAFastStormIsToldWhileItGoesOn(t *testing.T) {
	h := newHouse(t)
	for range 60 {
		id := h.begins(router.CauseWAN, "fibre")
		h.after(500 * time.Millisecond)
		h.ends(id)
		h.after(500 * time.Millisecond)
	}
	if l := h.want("main: fibre is unstable"); len(l) == 1 && l[0].Unrest.Total != 12 {
		t.Errorf("%+v", l[0].Unrest)
	}
	h.after(time.Hour)
	h.want("main: fibre is stable again")
}

func TestAStormOfOneIncidentThatGoesOn(t *testing.T) {
	h := newHouse(t)
	id := h.begins(router.CauseWAN, "fibre")
	for range 99 {
		h.after(3 * time.Second)
		h.ends(id)
		h.after(3 * time.Second)
		h.again(id)
	}
	h.ends(id)
	h.after(3 * time.Hour)
	if l := h.want("main: fibre is unstable", "main: fibre is stable again"); len(l) == 2 && l[1].Unrest.Total != 100 {
		t.Errorf("%+v", l[1].Unrest)
	}
}

func TestBothLinesAreUnstable(t *testing.T) {
	h := newHouse(t)
	for n := range 60 { // each line fails for a minute and a half, and the last half minute of it no line works
		fibre := h.begins(router.CauseWAN, "fibre")
		h.after(time.Minute)
		lte := h.begins(router.CauseIdle, "lte")
		none := h.begins(router.CauseOffline, "")
		h.after(30 * time.Second)
		h.ends(fibre, none)
		h.after(30 * time.Second)
		h.ends(lte)
		h.after(3 * time.Minute)
		if n == 1 {
			h.letters = nil // the first two failures are told for themselves
		}
	}
	h.after(time.Hour)
	n := 0
	for _, l := range h.letters {
		switch l.Stage {
		case Began, Ended:
			t.Errorf("%s: %s", l.Time.Sub(noon), l.title())
		case Digest:
			n++
		}
	}
	if len(h.letters) != n+4 || n > 10 {
		t.Errorf("%d messages, of them %d digests, in five hours", len(h.letters), n)
	}
	h.letters = nil
}

func TestADayOfUnrestIsAnHourlyDigest(t *testing.T) {
	h := newHouse(t)
	for range 24 * 6 {
		id := h.begins(router.CauseWAN, "fibre")
		h.after(90 * time.Second)
		h.ends(id)
		h.after(10*time.Minute - 90*time.Second)
	}
	h.after(time.Hour)
	first, last := h.letters[:4], h.letters[len(h.letters)-1]
	if n := len(h.letters); n < 24 || n > 31 {
		t.Errorf("%d messages on a day", n)
	}
	for n, title := range []string{"main: fibre is down", "main: fibre is back after 1 min 30 s", "main: fibre is down", "main: fibre is back after 1 min 30 s"} {
		if first[n].title() != title {
			t.Errorf("message %d: %s", n, first[n].title())
		}
	}
	if last.Stage != Stable || last.Unrest.Total != 24*6 {
		t.Errorf("the last one: %+v", last.Unrest)
	}
	h.letters = nil
}

func TestUnrestThatEndsWithTheLineDown(t *testing.T) {
	h := newHouse(t)
	for range 3 {
		id := h.begins(router.CauseWAN, "fibre")
		h.after(5 * time.Second)
		h.ends(id)
		h.after(5 * time.Second)
	}
	id := h.begins(router.CauseWAN, "fibre")
	h.after(29 * time.Minute)
	h.want("main: fibre is unstable")
	h.after(5 * time.Minute)
	l := h.want("main: fibre is down")[0]
	if !strings.Contains(l.text(h.now), "Before that it had failed 4 times since 12:05:00.") {
		t.Errorf("it says %q", l.text(h.now))
	}
	h.ends(id)
	h.after(time.Minute)
	h.want("main: fibre is back after 34 min")
}

func TestRemindersOfWhatIsNoEmergency(t *testing.T) {
	h := newHouse(t)
	h.m.See(&router.Snapshot{WANs: []router.WANSnapshot{{Name: "lte", Budget: &router.BudgetView{Month: 5e9, Used: router.Used{Month: 12e8}}}}})
	fibre := h.begins(router.CauseWAN, "fibre")
	lte := h.begins(router.CauseMetered, "lte")
	h.after(24 * time.Hour)
	l := h.want("main: fibre is down", "main: still: fibre is down")[1]
	if got := l.text(h.now); !strings.Contains(got, "metered lte.") || !strings.Contains(got, "1.2 GB of 5 GB are used this month.") {
		t.Errorf("it says %q", got)
	}
	h.after(24 * time.Hour)
	h.want("main: still: fibre is down")
	h.ends(fibre, lte)
	h.after(48 * time.Hour)
	h.want("main: fibre is back after 2 d")
}

func TestNoReminders(t *testing.T) {
	h := newHouse(t)
	h.m.Use(router.Config{Name: "main", Alert: router.Alert{Wait: time.Minute}})
	h.begins(router.CauseIdle, "lte")
	h.after(72 * time.Hour)
	h.want("main: lte is down, so there is one way less")
}

func TestWhatTheOwnerDoesIsNotTold(t *testing.T) {
	h := newHouse(t)
	h.m.See(&router.Snapshot{WANs: []router.WANSnapshot{{Name: "fibre", Drained: true}}})
	lte := h.begins(router.CauseMetered, "lte")
	h.moment(router.CauseVRRP, "lan", "backup")
	h.after(23 * time.Hour)
	h.want()
	h.after(2 * time.Hour)
	h.want("main: still: the house is on lte, which is metered") // a drain that was forgotten
	h.m.See(&router.Snapshot{})
	h.ends(lte)
	h.after(time.Hour)
	h.want("main: the house is off lte again after 1 d 1 h")

	h.m.See(&router.Snapshot{WANs: []router.WANSnapshot{{Name: "fibre", Drill: &router.DrillView{Full: true}}}})
	fibre := h.begins(router.CauseWAN, "fibre")
	h.after(3 * time.Minute)
	h.ends(fibre)
	h.m.See(&router.Snapshot{})
	h.after(time.Hour)
	h.want()

	h.number++
	h.say(&router.Incident{ID: "plug", Cause: router.CauseWAN, WAN: "dsl", Blame: router.BlameOwner, Start: h.now})
	h.after(time.Hour)
	h.want()
}

func TestAHouseThatGetsPowerAgainIsGivenTime(t *testing.T) {
	h := newHouse(t)
	h.restart(time.Hour)
	fibre := h.begins(router.CauseWAN, "fibre")
	h.moment(router.CauseVRRP, "lan", "active")
	h.moment(router.CauseRestart, "", "")
	h.after(10 * time.Second)
	h.want("main: has restarted")
	h.after(100 * time.Second)
	h.ends(fibre)
	h.after(time.Hour)
	h.want()
	h.restart(time.Hour)
	h.begins(router.CauseWAN, "fibre")
	h.after(119 * time.Second)
	h.want()
	h.after(time.Second)
	h.want("main: fibre is down")
}

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

func TestARestartForgetsNothing(t *testing.T) {
	h := newHouse(t)
	fibre := h.begins(router.CauseWAN, "fibre")
	h.after(2 * time.Minute)
	h.want("main: fibre is down")
	h.restart(10 * time.Minute)
	h.say(h.known[fibre])
	h.after(5 * time.Minute)
	h.want()
	h.ends(fibre)
	h.restart(0) // before anybody could be told
	h.after(time.Hour)
	h.want("main: fibre is back after 17 min")
}

func TestMemoryIsSmall(t *testing.T) {
	h := newHouse(t)
	long := strings.Repeat("ä", 10_000)
	for n := range 500 {
		id := fmt.Sprint(n)
		h.m.Take(h.now, router.Incident{ID: "m" + id, Cause: router.CauseLogin, Moment: true, Sentence: long})
		h.m.Take(h.now, router.Incident{ID: "w" + id, Cause: router.CauseWAN, WAN: "line" + id, Start: h.now, Drops: 1000, Sentence: long})
	}
	text, err := h.m.Memory()
	if err != nil || len(text) > 60<<10 || len(h.m.unrests) != 64 || len(h.m.held) != 50 {
		t.Errorf("%d bytes, %d unrests, %d moments, %v", len(text), len(h.m.unrests), len(h.m.held), err)
	}
	if h.after(time.Minute); len(h.m.threads) > 200 {
		t.Errorf("%d incidents", len(h.m.threads))
	}
	h.letters = nil
}

func TestAnIncidentThatNobodySawEnd(t *testing.T) {
	h := newHouse(t)
	h.begins(router.CauseWAN, "fibre")
	h.after(2 * time.Minute)
	h.want("main: fibre is down")
	h.restart(time.Hour)
	h.after(48 * time.Hour)
	h.want()
	if len(h.m.threads) != 0 {
		t.Errorf("it is remembered for ever: %+v", h.m.threads[0])
	}
}

func TestAnOutageThatWasOverWhenItWasHeardOf(t *testing.T) {
	h := newHouse(t)
	h.say(&router.Incident{ID: "a", Cause: router.CauseWAN, WAN: "fibre", Start: h.now.Add(-time.Hour), End: h.now, Lasted: router.Seconds(time.Hour), Cut: true, Clock: true})
	h.say(&router.Incident{ID: "b", Cause: router.CauseWAN, WAN: "dsl", Start: h.now.Add(-time.Second), End: h.now, Lasted: router.Seconds(time.Second), Clock: true})
	h.after(time.Hour)
	h.want("main: fibre is back after at least 1 h")
}

func TestAClockThatIsSetMeanwhile(t *testing.T) {
	h := newHouse(t)
	fibre := h.begins(router.CauseWAN, "fibre")
	h.known[fibre].Clock = false
	h.after(30 * time.Second)
	h.known[fibre].Start = h.now.AddDate(56, 0, 0) // it thought that it was 1970
	h.say(h.known[fibre])
	h.after(29 * time.Second)
	h.want()
	h.after(time.Second)
	l := h.want("main: fibre is down")[0]
	if got := l.text(h.now.AddDate(56, 0, 0)); !strings.Contains(got, "(Since 12:05:30.)") || !strings.Contains(got, "clock was not set") {
		t.Errorf("it says %q", got)
	}
}

func TestGroups(t *testing.T) {
	for group, causes := range map[string][]router.Cause{
		"wan":    {router.CauseWAN, router.CausePortal, router.CauseIdle, router.CauseMetered, router.CauseOffline, router.CauseUnsure, router.CauseBudget, router.CauseDrill},
		"vrrp":   {router.CauseVRRP, router.CauseTwo, router.CausePeer},
		"router": {router.CauseRestart, router.CauseUpdate, router.CauseUndone, router.CauseDisk, router.CauseClock, router.CauseLogin},
	} {
		for _, c := range causes {
			l := Letter{Incidents: []router.Incident{{Cause: c}}}
			for _, g := range []string{"wan", "vrrp", "router"} {
				if l.wanted([]string{g}) != (g == group) {
					t.Errorf("%s for %s: %t", c, g, g != group)
				}
			}
			if !l.wanted(nil) {
				t.Errorf("%s is not for everybody", c)
			}
			if began(router.Incident{Cause: c}) == string(c) || over(router.Incident{Cause: c}) == "" {
				t.Errorf("%s has no words", c)
			}
		}
	}
}
