package main

import (
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestNotesOfLinesAndNames(t *testing.T) {
	var w strings.Builder
	printNotes(&w, []router.WANSnapshot{
		{Name: "fibre", IPv6: &router.IPv6View{State: "up", Address: "2001:db8::2", Prefix: "2001:db8:1::/56"}, Path: &router.PathView{MTU4: 1400, Hole4: true, MTU6: 1492}},
		{Name: "cable", IPv6: &router.IPv6View{State: "down", Address: "2001:db8::3", Reason: "no answer beyond the ISP"}, Path: &router.PathView{MTU4: 1500, MTU6: 1280, Hole6: true}},
		{Name: "lte", IPv6: &router.IPv6View{State: "down", Reason: "no router advertises IPv6"}},
		{Name: "old"},
	})
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)
	printNames(&w, []router.NameView{{Host: "a.example.org", Address: "203.0.113.2", WAN: "fibre", Updated: at}, {Host: "b.example.org"},
		{Host: "c.example.org", Error: "no answer"}, {Host: "d.example.org", Address: "198.51.100.2", Error: "no answer"}})
	const want = `  fibre has IPv6: 2001:db8:1::/56
  fibre swallows packets of more than 1400 bytes without a word: TCP is told to send smaller ones
  IPv6 does not work on cable: no answer beyond the ISP
  cable swallows packets of more than 1280 bytes by IPv6 without a word: TCP is told to send smaller ones

a.example.org leads to 203.0.113.2, fibre, since 2026-11-21 12:00:00.
b.example.org leads nowhere yet.
c.example.org leads nowhere yet: no answer.
d.example.org still leads to 198.51.100.2: no answer.
`
	if w.String() != want {
		t.Errorf("got\n%s", w.String())
	}
}
