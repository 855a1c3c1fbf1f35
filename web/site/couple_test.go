package site

import (
	"strings"
	"testing"

	"github.com/twinpath/twinpath/router"
)

func TestHowTheTwoStandToEachOther(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*router.Snapshot)
		word   string
		says   string
	}{
		{"linked", func(s *router.Snapshot) { s.Pair.Phase, s.Pair.FlowsHandedOver = "", 0 }, "Together", "Should the house move to spare, what runs over main goes on."},
		{"kept", func(*router.Snapshot) {}, "Together", "12 connections still use spare; they move by ending."},
		{"one kept", func(s *router.Snapshot) { s.Pair.FlowsHandedOver = 1 }, "Together", "1 connection still uses spare; it moves by ending."},
		{"moving", func(s *router.Snapshot) { s.Pair.Phase = "learns" }, "Together", "The house moves here: what runs over spare goes on."},
		{"ready", func(s *router.Snapshot) {
			s.VRRP[0].State, s.Pair.State, s.Pair.Phase, s.Pair.Heard, s.Pair.Left = "backup", "active", "ready", true, 3
		}, "Together", "Ready: should the house move here, what runs over spare goes on. 3 connections still use main; they move by ending."},
		{"deaf", func(s *router.Snapshot) { s.Pair.Deaf = "what spare sends does not reach main" }, "Half connected", "in one direction only: what spare sends does not reach main."},
		{"gone", func(s *router.Snapshot) { s.Pair.Gone, s.Pair.Linked = true, false }, "Alone", "spare gives no sign of life and answers nothing."},
		{"unlinked", func(s *router.Snapshot) {
			s.Pair.Linked, s.Pair.LinkReason = false, "the other router has another [pair] secret"
		}, "Together",
			"The two do not work together: the other router has another [pair] secret. Connections break when the house moves."},
		{"split", func(s *router.Snapshot) {
			s.Pair.Linked, s.Pair.Connected = false, false
			s.Pair.Second = &router.SecondView{Answers: true, Split: true, Sentence: "Split brain: both serve 192.168.1.1."}
		}, "Both are Active", "Split brain: both serve 192.168.1.1."},
		{"cut", func(s *router.Snapshot) {
			s.Pair.Linked, s.Pair.Connected = false, false
			s.Pair.Second = &router.SecondView{Answers: true, Sentence: "spare answers over mobile."}
		}, "The LAN is cut", "spare answers over mobile."},
		{"versions, unlinked", func(s *router.Snapshot) { s.Pair.Linked, s.Pair.Differences, s.Pair.Version = false, nil, "0.1" }, "Together", "The two run different versions"},
	} {
		s := paired().snapshot
		c.change(s)
		got := pairOf(s)
		if text := strings.Join(append(append([]string{got.Hearing}, got.Moving...), got.Odd...), " "); got.Word != c.word || !strings.Contains(text, c.says) {
			t.Errorf("%s: %s: %s", c.name, got.Word, text)
		}
	}
}

func TestLinesOfTheOtherRouter(t *testing.T) {
	s := paired().snapshot
	for _, c := range []struct {
		change func(*router.PartnerWAN)
		role   string
	}{
		{func(*router.PartnerWAN) {}, "Standby"},
		{func(w *router.PartnerWAN) { w.State = "down" }, "Out of use"},
		{func(w *router.PartnerWAN) { w.Drained = true }, "Drained"},
		{func(w *router.PartnerWAN) { w.Kind = "peer" }, "Through this router"},
	} {
		s.Pair.WANs = []router.PartnerWAN{{Name: "mobile", State: "up", Active: true}}
		c.change(&s.Pair.WANs[0])
		if got := pairOf(s).Ways[0]; got.Role != c.role || got.Old {
			t.Errorf("%+v: %s", s.Pair.WANs[0], got.Role)
		}
	}
	s.Pair.WANs, s.Pair.State = []router.PartnerWAN{{Name: "mobile", State: "up", Active: true}}, "active"
	if got := pairOf(s).Ways[0]; got.Role != "In use" {
		t.Errorf("of the Active: %s", got.Role)
	}
	s.Pair.Connected = false
	if got := pairOf(s).Ways[0]; !got.Old || got.Role == "In use" {
		t.Errorf("of one that is silent: %+v", got)
	}
}

func TestAMoveIsShownOnce(t *testing.T) {
	d := paired()
	if got := timeline(d.troubles); len(got) != 2 || got[0].What != "No backup: mobile, at spare" || got[1].What != "Moved: lan" {
		t.Errorf("%+v", got)
	}
	if got := timeline(d.troubles[2:]); len(got) != 1 || got[0].What != "Moved: lan, at spare" {
		t.Errorf("what only the other router has seen: %+v", got)
	}
}
