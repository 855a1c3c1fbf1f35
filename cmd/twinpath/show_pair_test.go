package main

import (
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestThePairInATerminal(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := &router.Snapshot{Router: "main", Time: noon, Pair: &router.PairView{
		Peer: "192.168.1.3", Router: "backup", Connected: true, Linked: true, Phase: "keeps", FlowsHandedOver: 37, State: "backup",
		Differences: []string{"[lan] dhcp: a lease lasts 12h here and 1h at backup; use the same."},
		WANs:        []router.PartnerWAN{{Name: "lte", State: "up", Active: true, Cost: 10, Address: "192.0.2.7", Since: noon.Add(-time.Minute), Reason: "4 of 4 checks answer"}},
	}}
	var w strings.Builder
	printPair(&w, s, false)
	const want = `
This router and backup (192.168.1.3) work together: connections survive when the house moves.
  37 connections still use backup; they move by ending.
  ! [lan] dhcp: a lease lasts 12h here and 1h at backup; use the same.
    AT BACKUP  STATE     COST  ADDRESS    SINCE  REASON
    lte        up        10+0  192.0.2.7  1m0s   4 of 4 checks answer
`
	if w.String() != want {
		t.Errorf("got\n%s", w.String())
	}
	for _, c := range []struct {
		change func(*router.PairView)
		want   string
	}{
		{func(p *router.PairView) { p.Linked, p.LinkReason = false, "the other router has another [pair] secret" },
			"do not work together: the other router has another [pair] secret. Connections break"},
		{func(p *router.PairView) { p.Deaf = "what backup sends does not reach main" }, "in one direction only: what backup sends"},
		{func(p *router.PairView) { p.Linked, p.Gone = false, true }, "gives no sign of life and answers nothing."},
		{func(p *router.PairView) { p.Linked, p.Connected = false, false }, "does not answer."},
		{func(p *router.PairView) { p.Second = &router.SecondView{Sentence: "Split brain: both serve it."} }, "\nSplit brain: both serve it.\n"},
		{func(p *router.PairView) { p.Phase = "ready" }, "Ready: should the house move here, what runs over backup goes on."},
		{func(p *router.PairView) { p.Phase = "learns" }, "The house moves here: what runs over backup goes on."},
		{func(p *router.PairView) { p.FlowsHandedOver = 1 }, "1 connection still uses backup; it moves by ending."},
		{func(p *router.PairView) { p.State, p.Left, p.Drained = "active", 2, true }, "2 connections still use main; they move by ending.\n  backup is drained."},
	} {
		view := *s.Pair
		c.change(&view)
		w.Reset()
		printPair(&w, &router.Snapshot{Router: "main", Time: noon, Pair: &view}, false)
		if !strings.Contains(w.String(), c.want) {
			t.Errorf("want %q in\n%s", c.want, w.String())
		}
	}
	w.Reset()
	if printPair(&w, new(router.Snapshot), false); w.Len() > 0 {
		t.Errorf("alone: %q", w.String())
	}
}
