package rescue

import (
	"slices"
	"testing"
	"time"
)

// taken is the steps of a line that is sick from start on for a while, with the minutes when they were taken.
func taken(l *Ladder, start time.Time, during time.Duration) (steps []Step, minutes []int) {
	for now := start; now.Before(start.Add(during)); {
		if s := l.See(now, true); s != Nothing {
			steps, minutes = append(steps, s), append(minutes, int(now.Sub(start)/time.Minute))
		}
		next := l.Next()
		if !next.After(now) {
			panic("See wants to be called at once, for ever")
		}
		now = next
	}
	return steps, minutes
}

func TestStepsGetHarsherAndRarer(t *testing.T) {
	var l Ladder
	start := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	steps, minutes := taken(&l, start, 5*time.Hour)
	if want := []Step{Replug, Cycle, Replug, Cycle, Replug, Cycle, Replug, Cycle}; !slices.Equal(steps, want) {
		t.Errorf("steps %v, want %v", steps, want)
	}
	if want := []int{3, 9, 21, 45, 93, 153, 213, 273}; !slices.Equal(minutes[:8], want) {
		t.Errorf("at %v minutes, want %v", minutes, want)
	}
}

func TestALineThatWorksIsLeftAlone(t *testing.T) {
	var l Ladder
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for range 100 {
		if s := l.See(now, false); s != Nothing || !l.Next().IsZero() {
			t.Fatalf("%v is done about a line that works, and more at %v", s, l.Next())
		}
		now = now.Add(time.Hour)
	}
}

func TestAShortOutageIsNotTouched(t *testing.T) {
	var l Ladder
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	l.See(now, true)
	if s := l.See(now.Add(first-time.Second), true); s != Nothing {
		t.Errorf("%v before its time", s)
	}
	l.See(now.Add(first-time.Second), false)
	if s := l.See(now.Add(first+time.Second), false); s != Nothing || !l.Next().IsZero() {
		t.Errorf("%v after the line came back", s)
	}
}

// A device that works for a minute after each step and fails again must not be put off and on every three minutes.
func TestAnOutageThatComesBackGoesOnWithItsWaits(t *testing.T) {
	var l Ladder
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	taken(&l, now, 10*time.Minute) // two steps: the next wait is 12 minutes
	now = now.Add(10 * time.Minute)
	l.See(now, false)
	now = now.Add(time.Minute)
	l.See(now, true)
	if got := l.Next().Sub(now); got != 4*first {
		t.Errorf("the next step comes after %v, want %v", got, 4*first)
	}
	l.See(now, false)
	now = now.Add(quiet)
	l.See(now, true)
	if got := l.Next().Sub(now); got != first {
		t.Errorf("after a long quiet time the next step comes after %v, want %v", got, first)
	}
	if s, at := l.Latest(); s != Nothing || !at.IsZero() {
		t.Errorf("a new outage begins with %v", s)
	}
}
