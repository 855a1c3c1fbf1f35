package main

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/router"
)

// A line that the owner adds has connections, too: they are watched from then on.
func TestNewLinesAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.look(time.Now()) // alone
		s.meets(nil)
		s.look(time.Now())
		s.play()
		if n := s.kernel.watches.Load(); n != 1 {
			t.Errorf("%d watches were begun, want one", n)
		}
		next := *s.snap
		next.WANs = append(slices.Clone(next.WANs), router.WANSnapshot{Name: "lte", Kind: "dhcp", Mark: firewall.MarkOf(2)})
		s.snap = &next
		for range 2 {
			s.look(time.Now())
			s.play()
		}
		if n := s.kernel.watches.Load(); n != 2 {
			t.Errorf("%d watches were begun, want two", n)
		}
	})
}
