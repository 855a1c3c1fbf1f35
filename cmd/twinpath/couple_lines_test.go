package main

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/router"
)

// What one router says of its lines, the other one hears: at once, when they are linked, and again from time to time.
func TestLendingIsHeard(t *testing.T) {
	var heard []string
	other := &lending{log: slog.New(slog.DiscardHandler)}
	send := func(kind link.Kind, body []byte) {
		other.Hear(time.Now(), kind, body)
		text := fmt.Sprint(len(other.Lines()))
		for _, p := range other.Lines() {
			text += " " + p.Name + " " + p.State
		}
		heard = append(heard, text)
	}
	want := func(what string, all ...string) {
		t.Helper()
		if fmt.Sprint(heard) != fmt.Sprint(all) {
			t.Errorf("%s: heard %q, want %q", what, heard, all)
		}
		heard = nil
	}
	one := &lending{log: slog.New(slog.DiscardHandler)}
	one.Up(link.Session{}, send)
	want("nothing is known yet")
	one.Offer([]router.PartnerLine{{Name: "fibre", State: "up"}})
	want("linked", "1 fibre up")
	now := time.Now()
	one.Look(now.Add(again/2), nil)
	want("soon after")
	one.Look(now.Add(2*again), nil)
	want("later", "1 fibre up")
	one.Down()
	one.Offer([]router.PartnerLine{})
	one.Look(now.Add(9*again), nil)
	want("not linked")
	one.Up(link.Session{}, send)
	want("linked again, with no line", "0")
	other.Hear(now, link.Lines, []byte(strings.Repeat("[", 99)))
	other.Hear(now, link.View, []byte(`[{"name":"lte"}]`))
	if all := other.Lines(); all == nil || len(all) != 0 {
		t.Errorf("nonsense, and another topic's: believed %v", all)
	}
}

// Connections that go to the other router because the owner wants it are not ended after a while, as those that are only left there.
func TestLeans(t *testing.T) {
	wans := []router.WANSnapshot{{Name: "fibre", Kind: "dhcp", Active: true}, {Name: "neighbour", Kind: "peer"}}
	named := router.Config{Policies: []router.Policy{{WANs: []string{"neighbour"}}}}
	if leans(router.Config{}, &router.Snapshot{WANs: wans}) {
		t.Error("nothing goes there")
	}
	if !leans(named, &router.Snapshot{WANs: wans}) {
		t.Error("a policy names it")
	}
	wans[1].Active = true
	if !leans(router.Config{}, &router.Snapshot{WANs: wans}) {
		t.Error("it carries the house")
	}
}
