package drill

import (
	"errors"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/router"
)

func TestChoose(t *testing.T) {
	pair := &router.PairView{Peer: "192.168.1.3"}
	for name, c := range map[string]struct {
		change                 func(*router.Snapshot)
		wan, through, sentence string
		move                   string // why the house cannot be moved; empty: it can
	}{
		"the heir":                  {func(*router.Snapshot) {}, "fibre", "lte", "If fibre fails, the house is to use lte.", ""},
		"several":                   {func(s *router.Snapshot) { s.WANs[0].Heirs = []string{"lte", "dsl"} }, "fibre", "lte and dsl", "If fibre fails, the house is to use lte and dsl.", ""},
		"idle":                      {func(*router.Snapshot) {}, "lte", "lte", "lte carries nothing: it is proven itself.", "lte carries nothing"},
		"none":                      {func(s *router.Snapshot) { s.WANs[0].Heirs = nil }, "fibre", "", "If fibre fails, nothing is left.", "lte is up: 3 of 3 checks answer"},
		"a single line":             {func(s *router.Snapshot) { s.WANs[0].Heirs, s.WANs = nil, s.WANs[:1] }, "fibre", "", "If fibre fails, nothing is left.", "there is no other line"},
		"another router":            {func(s *router.Snapshot) { s.WANs[0].Heirs, s.Pair, s.VRRP = nil, pair, make([]router.VRRPSnapshot, 1) }, "fibre", "the other router", "If fibre fails, the other router (192.168.1.3) is to take over.", "the other router would take over"},
		"a pair, no virtual router": {func(s *router.Snapshot) { s.WANs[0].Heirs, s.Pair = nil, pair }, "fibre", "", "If fibre fails, nothing is left.", "no other line"},
		"drained":                   {func(s *router.Snapshot) { s.WANs[1].Drained = true }, "fibre", "lte", "If fibre fails, the house is to use lte.", "lte is drained"},
	} {
		s := two()
		s.WANs[1].Reason = "3 of 3 checks answer"
		if name == "several" {
			s.WANs = append(s.WANs, router.WANSnapshot{Name: "dsl", State: "up"})
		}
		c.change(s)
		got, err := Choose(s, c.wan)
		if err != nil || got.through() != c.through || got.begins() != c.sentence {
			t.Errorf("%s: %q, %q, %v", name, got.through(), got.begins(), err)
		}
		switch err := got.movable(s); {
		case (err == nil) != (c.move == ""), err != nil && !strings.Contains(err.Error(), c.move):
			t.Errorf("%s: it can be moved: %v, want %q", name, err, c.move)
		}
	}
	if _, err := Choose(two(), "dsl"); !errors.Is(err, router.ErrNoWAN) {
		t.Errorf("an unknown line: %v", err)
	}
}
