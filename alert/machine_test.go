package alert

import (
	"fmt"
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

func TestMemoryForgetsThePastFirst(t *testing.T) {
	h := newHouse(t)
	h.begins(router.CauseWAN, "fibre")
	h.after(2 * time.Minute)
	h.want("main: fibre is down")
	for n := range 150 {
		i := router.Incident{ID: fmt.Sprint("x", n), Cause: router.CauseWAN, WAN: fmt.Sprint("line", n), Start: h.now, Sentence: strings.Repeat("x", 900)}
		h.m.Take(h.now, i)
		i.End = h.now.Add(time.Second)
		h.m.Take(h.now.Add(time.Second), i)
	}
	h.restart(time.Second)
	if len(h.m.threads) == 0 || h.m.threads[0].Incident.WAN != "fibre" || len(h.m.threads) > 100 {
		t.Errorf("%d incidents are remembered, and not first the one that was told and goes on", len(h.m.threads))
	}
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
	h.say(&router.Incident{ID: "a", Cause: router.CauseWAN, WAN: "fibre", Start: h.now.Add(-5 * time.Hour), End: h.now, Lasted: router.Seconds(time.Hour), Cut: true, Clock: true})
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
