package setup

import (
	"errors"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/wan"
)

// surveyor is a survey with a clock and one port, eth0.
type surveyor struct {
	*testing.T
	survey
	now  time.Time
	link router.Link
}

func newSurveyor(t *testing.T) *surveyor {
	return &surveyor{T: t, now: time.Unix(0, 0), link: port(0, silent).Link}
}

// sees expects so many looks to be wanted after a while.
func (s *surveyor) sees(after time.Duration, want int) sight {
	s.Helper()
	s.now = s.now.Add(after)
	_, look := s.see(s.now, []router.Link{s.link})
	if len(look) != want {
		s.Fatalf("at %s: looks along %v, want %d", s.now.UTC().Format(time.TimeOnly), look, want)
	}
	if want == 0 {
		return sight{}
	}
	return look[0]
}

func (s *surveyor) finds(at sight, up wan.Upstream) { s.heard(s.now, at, up, nil) }

func (s *surveyor) plug(in bool) { s.link.Carrier = in }

func TestSurveyRaisesOnce(t *testing.T) {
	s := newSurveyor(t)
	s.link.Up, s.link.Carrier = false, false
	for i, want := range []int{1, 0} {
		if raise, _ := s.see(s.now, []router.Link{s.link}); len(raise) != want {
			t.Errorf("time %d: switches on %v, want %d", i, raise, want)
		}
	}
	s.link.Index++ // taken out and plugged in again
	if raise, _ := s.see(s.now, []router.Link{s.link}); len(raise) != 1 {
		t.Error("a device that comes back stays off")
	}
}

func TestSurveyLooksAgain(t *testing.T) {
	s := newSurveyor(t)
	first := s.sees(0, 1)
	s.sees(5*time.Second, 0) // one look at a time
	s.finds(first, silent)
	s.sees(29*time.Second, 0)
	second := s.sees(time.Second, 1)
	s.finds(second, fibre) // a modem that took its time
	s.sees(time.Hour, 0)   // it is the daemon's now
}

func TestSurveyForgetsWhatAnotherCableShowed(t *testing.T) {
	s := newSurveyor(t)
	first := s.sees(0, 1)
	s.plug(false)
	s.sees(time.Second, 0)
	s.plug(true)
	s.sees(time.Second, 0) // the first still looks
	s.finds(first, silent) // along the cable that was pulled
	if s.ports()[0].Known {
		t.Error("what the first cable showed counts for the second")
	}
	s.finds(s.sees(0, 1), silent)
	if !s.ports()[0].Known {
		t.Error("the second cable is not known")
	}
	s.plug(false)
	s.sees(time.Second, 0)
	if s.ports()[0].Known {
		t.Error("a port of the house without a cable is still the house's")
	}
}

func TestSurveyRemembersALine(t *testing.T) {
	s := newSurveyor(t)
	s.finds(s.sees(0, 1), fibre)
	for _, in := range []bool{false, true, false} {
		s.plug(in)
		s.sees(time.Minute, 0)
		if s.ports()[0].Upstream.Silent() {
			t.Fatalf("cable %t: the line is forgotten", in)
		}
	}
	s.link.MAC = "02:00:00:00:00:99" // another device under the same name
	s.sees(time.Minute, 0)
	if !s.ports()[0].Upstream.Silent() {
		t.Error("another device has the line of the first")
	}
}

func TestSurveyRetriesAfterAnError(t *testing.T) {
	s := newSurveyor(t)
	s.heard(s.now, s.sees(0, 1), silent, errors.New("network is down"))
	if s.ports()[0].Known {
		t.Error("an error is taken for silence")
	}
	if !s.ready(s.now) {
		t.Error("a port that cannot be looked along keeps everybody waiting")
	}
	s.sees(4*time.Second, 0)
	s.sees(time.Second, 1)
}

func TestSurveyIsReady(t *testing.T) {
	s := newSurveyor(t)
	if s.ready(s.now) {
		t.Error("ready before anything was seen")
	}
	s.plug(false)
	s.sees(0, 0)
	if s.ready(s.now.Add(carrierWait - 1)) {
		t.Error("ready before a cable had time to show")
	}
	s.plug(true)
	at := s.sees(time.Second, 1)
	if s.ready(s.now) {
		t.Error("ready while the first look goes on")
	}
	s.finds(at, silent)
	if !s.ready(s.now) {
		t.Error("not ready when everything is known")
	}
	s.plug(false)
	s.sees(0, 0)
	s.plug(true)
	s.sees(0, 1)
	if !s.ready(s.now) {
		t.Error("a cable plugged in later makes everybody wait")
	}
}

// Of two ports that hear each other one gives way, and comes back when the other's cable is gone.
func TestSurveyBreaksALoop(t *testing.T) {
	var s survey
	now := time.Unix(0, 0)
	a, b := port(0, silent).Link, port(1, silent).Link
	hears := func(at sight, other string) { s.heard(now, at, wan.Upstream{Loop: other}, nil) }
	twice := func(want ...bool) {
		t.Helper()
		for i, p := range s.ports() {
			if p.Twice != want[i] {
				t.Errorf("%s gave way: %t, want %t", p.Name, p.Twice, want[i])
			}
		}
	}
	_, look := s.see(now, []router.Link{a, b})
	hears(look[0], b.MAC)
	hears(look[1], a.MAC)
	twice(true, false)
	now = now.Add(lookAgain)
	_, look = s.see(now, []router.Link{a, b})
	hears(look[1], a.MAC)
	hears(look[0], b.MAC) // the bridge's address may be the other's
	twice(true, false)
	b.Carrier, now = false, now.Add(lookAgain)
	_, look = s.see(now, []router.Link{a, b})
	hears(look[0], "")
	twice(false, false)
}
