package alert

import (
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

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
