package main

import (
	"testing"

	"github.com/twinpath/twinpath/router"
)

func TestWays(t *testing.T) {
	if all := ways(&router.Snapshot{}, &router.Config{}); len(all) != 1 || all[0].Dial != nil {
		t.Errorf("of a server without lines: %+v", all)
	}
	s := &router.Snapshot{WANs: []router.WANSnapshot{{Name: "fibre", State: "down"}, {Name: "lte", State: "up"}}}
	if all := ways(s, &router.Config{}); len(all) != 1 || all[0].Name != "lte" || all[0].Dial == nil {
		t.Errorf("while one line works: %+v", all)
	}
	s.WANs[1].State = "down"
	if all := ways(s, &router.Config{}); len(all) != 0 {
		t.Errorf("while none does: %+v", all)
	}
}
