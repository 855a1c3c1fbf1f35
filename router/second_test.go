package router

import (
	"strings"
	"testing"
	"time"
)

// sentences are those of events.
func sentences(events []Event) string {
	var all []string
	for _, e := range events {
		all = append(all, e.Sentence)
	}
	return strings.Join(all, " ")
}

func TestADifferenceIsSaidOnce(t *testing.T) {
	var e evidence
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		seen []string
		want string
	}{
		{nil, ""},
		{[]string{"The ranges differ."}, "The ranges differ."},
		{[]string{"The ranges differ."}, ""},
		{[]string{"The ids differ.", "The ranges differ."}, "The ids differ."},
		{[]string{"The ids differ."}, "Settled: The ranges differ."},
		{nil, "Settled: The ids differ."},
	} {
		if got := sentences(e.fold(now, DifferencesSeen{step.seen})); got != step.want {
			t.Errorf("%q says %q, want %q", step.seen, got, step.want)
		}
		view := new(PairView)
		e.showPair(view, false)
		if len(view.Differences) != len(step.seen) {
			t.Errorf("%q shows %q", step.seen, view.Differences)
		}
	}
}

func TestASplitBrainIsAnIncident(t *testing.T) {
	var e evidence
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	split := &SecondView{Answers: true, Split: true, Sentence: "Split brain: both serve 192.168.1.1."}
	calm := &SecondView{Answers: true, Sentence: "backup answers over lte: it leaves the house to this router."}
	mute := &SecondView{Sentence: "backup answers neither over the LAN nor over its line."}
	for _, step := range []struct {
		name  string
		view  *SecondView
		cause Cause
		to    string
		say   string
	}{
		{"silent", calm, "", "", calm.Sentence},
		{"still", calm, "", "", ""},
		{"split", split, CauseTwo, "begins", split.Sentence},
		{"still split", split, "", "", ""},
		{"no word any more", mute, "", "", mute.Sentence},
		{"split as before", split, "", "", split.Sentence},
		{"one gives way", calm, CauseTwo, "ends", "The two routers no longer both serve the house."},
		{"split again", split, CauseTwo, "begins", split.Sentence},
		{"the LAN is well", nil, CauseTwo, "ends", "The two routers no longer both serve the house."},
		{"still well", nil, "", "", ""},
	} {
		events := e.fold(now, SecondSeen{step.view})
		if got := sentences(events); got != step.say {
			t.Errorf("%s: says %q, want %q", step.name, got, step.say)
		}
		if len(events) == 1 && (events[0].Cause != step.cause || events[0].To != step.to || events[0].Kind != EventPair) {
			t.Errorf("%s: %+v", step.name, events[0])
		}
		if want := step.view == split; (e.split() != "") != want {
			t.Errorf("%s: complains %q", step.name, e.split())
		}
	}
}

func TestTheEndOfASplitBrainIsNoConflict(t *testing.T) {
	var e evidence
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	if e.healing(now) {
		t.Error("without a split brain")
	}
	e.fold(now, SecondSeen{&SecondView{Answers: true, Split: true, Sentence: "Split brain."}})
	if !e.healing(now.Add(time.Hour)) {
		t.Error("not while it lasts")
	}
	e.fold(now, SecondSeen{})
	if !e.healing(now.Add(time.Second)) || e.healing(now.Add(time.Minute)) {
		t.Error("not for a moment after it")
	}
}
