package pathmtu

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// path is a way to one target: what passes, who says so, and how much is lost.
type path struct {
	passes int
	says   bool // somebody says what would pass
	shy    bool // and not how much
	dull   int  // the target answers no more than this; 0: everything
	short  int  // the target answers with no more than this
	every  int  // so many packets in a row are lost, then one passes; 0: none is
}

// world is a set of paths.
type world struct {
	paths []path
	sent  int
}

func (w *world) ask(target, size, tries int) Answer {
	p := w.paths[target]
	a := Answer{Fate: Lost}
	for range tries {
		a.Sent++
		w.sent++
		switch {
		case p.every > 0 && w.sent%(p.every+1) != 0, p.dull > 0 && size > p.dull:
		case size > p.passes && p.says && p.shy:
			a.Fate = Refused
		case size > p.passes && p.says:
			a.Fate, a.MTU = Refused, p.passes
		case size > p.passes:
		case p.short > 0 && size > p.short:
			a.Fate = Short
		default:
			a.Fate = Whole
		}
		if a.Fate != Lost {
			return a
		}
	}
	return a
}

func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		wish  Wish
		paths []path
		mtu   int
		hole  bool
		err   error
		most  int // packets
	}{
		"everything passes":            {Wish{Most: 1500}, []path{{passes: 1500}}, 1500, false, nil, 1},
		"a small link":                 {Wish{Most: 1280, Six: true}, []path{{}}, 1280, false, nil, 0},
		"a hole":                       {Wish{Most: 1500}, []path{{passes: 1400}}, 1400, true, nil, 30},
		"a hole, two see it":           {Wish{Most: 1500}, []path{{passes: 1400}, {passes: 1400}}, 1400, true, nil, 30},
		"a hole of IPv6":               {Wish{Most: 1500, Six: true}, []path{{passes: 1400}, {passes: 1400}}, 1400, true, nil, 30},
		"the same hole as before":      {Wish{Most: 1500, Guess: 1400}, []path{{passes: 1400}, {passes: 1400}}, 1400, true, nil, 12},
		"a larger hole than before":    {Wish{Most: 1500, Guess: 1400}, []path{{passes: 1390}}, 1390, true, nil, 30},
		"a smaller one":                {Wish{Most: 1500, Guess: 1400}, []path{{passes: 1450}}, 1450, true, nil, 30},
		"no hole any more":             {Wish{Most: 1500, Guess: 1400}, []path{{passes: 1500}}, 1500, false, nil, 1},
		"honest":                       {Wish{Most: 1500}, []path{{passes: 1400, says: true}}, 1400, false, nil, 2},
		"honest, of IPv6":              {Wish{Most: 1500, Six: true}, []path{{passes: 1400, says: true}}, 1400, false, nil, 2},
		"honest as before RFC 1191":    {Wish{Most: 1500}, []path{{passes: 1400, says: true, shy: true}}, 1400, false, nil, 15},
		"one byte":                     {Wish{Most: 1500}, []path{{passes: 1499}}, 1499, true, nil, 30},
		"the least of IPv6":            {Wish{Most: 1500, Six: true}, []path{{passes: 1280}}, 1280, true, nil, 30},
		"less than IPv6 may have":      {Wish{Most: 1500, Six: true}, []path{{passes: 1279}}, 0, false, ErrSilent, 30},
		"narrow, honest":               {Wish{Most: 1500}, []path{{passes: 1000, says: true}}, 1000, false, nil, 3},
		"narrow, two see it":           {Wish{Most: 1500}, []path{{passes: 1000}, {passes: 1000}}, 1000, true, nil, most},
		"narrow, one sees it":          {Wish{Most: 1500}, []path{{passes: 1000}}, 0, false, ErrUnclear, most},
		"a target that answers little": {Wish{Most: 1500}, []path{{passes: 1500, dull: 100}}, 0, false, ErrSilent, 10},
		"and another that does":        {Wish{Most: 1500}, []path{{passes: 1500, dull: 100}, {passes: 1500}}, 1500, false, nil, 12},
		"and a hole":                   {Wish{Most: 1500}, []path{{passes: 1400, dull: 100}, {passes: 1400}}, 1400, true, nil, 40},
		"a target that cuts":           {Wish{Most: 1500}, []path{{passes: 1500, short: 96}, {passes: 1500}}, 1500, false, nil, 2},
		"all targets cut":              {Wish{Most: 1500}, []path{{passes: 1500, short: 96}}, 0, false, ErrSilent, 1},
		"one target's own limit":       {Wish{Most: 1500}, []path{{passes: 1400}, {passes: 1500}}, 1500, false, nil, 30},
		"two limits":                   {Wish{Most: 1500}, []path{{passes: 1400}, {passes: 1492, says: true}}, 1492, false, nil, 30},
		"the second is deaf":           {Wish{Most: 1500}, []path{{passes: 1400}, {}}, 1400, true, nil, most},
		"the second is told":           {Wish{Most: 1500}, []path{{passes: 1400}, {passes: 1400, says: true}}, 1400, false, nil, 30},
		"nothing is there":             {Wish{Most: 1500}, []path{{}, {}}, 0, false, ErrSilent, 20},
		"nobody is asked":              {Wish{Most: 1500}, nil, 0, false, ErrSilent, 0},
		"one of two is lost":           {Wish{Most: 1500}, []path{{passes: 1500, every: 1}}, 1500, false, nil, 2},
		"two of three are lost":        {Wish{Most: 1500}, []path{{passes: 1500, every: 2}}, 1500, false, nil, 3},
		"a hole, and one of two lost":  {Wish{Most: 1500}, []path{{passes: 1400, every: 1}}, 1400, true, nil, most},
	} {
		c.wish.Targets = len(c.paths)
		w := &world{paths: c.paths}
		got, err := Find(c.wish, w.ask)
		if got.MTU != c.mtu || got.Hole != c.hole || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v; want %d, a hole %t, %v", name, got, err, c.mtu, c.hole, c.err)
		}
		if got.Sent != w.sent || w.sent > c.most {
			t.Errorf("%s: %d packets, it says %d, want %d at most", name, w.sent, got.Sent, c.most)
		}
	}
}

// TestNoHoleIsInvented has lines that lose any share of what is sent: what is found is the truth or nothing, and at most one search
// in a hundred takes loss for a hole at a third lost, which no house would call working.
func TestNoHoleIsInvented(t *testing.T) {
	const searches = 2000
	r := rand.New(rand.NewPCG(1, 2))
	for _, lost := range []float64{0.01, 0.1, 0.2, 1. / 3} {
		invented, found := 0, 0
		for range searches {
			truth, sent := 1280+r.IntN(221), 0
			got, err := Find(Wish{Targets: 2, Most: 1500}, func(_, size, tries int) Answer {
				a := Answer{Fate: Lost}
				for range tries {
					a.Sent++
					sent++
					if size <= truth && r.Float64() >= lost {
						a.Fate = Whole
						return a
					}
				}
				return a
			})
			switch {
			case sent > most:
				t.Fatalf("%d packets", sent)
			case err == nil && got.MTU != truth:
				invented++
			case err == nil:
				found++
			}
		}
		t.Logf("%3.0f %% lost: %d of %d searches found it, %d were wrong", 100*lost, found, searches, invented)
		if invented > searches/100 {
			t.Errorf("%.2f lost: %d of %d searches were wrong", lost, invented, searches)
		}
		if lost < 0.05 && found < searches*9/10 {
			t.Errorf("%.2f lost: only %d of %d searches found it", lost, found, searches)
		}
	}
}

func TestTheTimeIsUp(t *testing.T) {
	n := 0
	_, err := Find(Wish{Targets: 2, Most: 1500}, func(int, int, int) Answer {
		if n++; n > 3 {
			return Answer{}
		}
		return Answer{Fate: Lost, Sent: 1}
	})
	if !errors.Is(err, ErrLate) {
		t.Errorf("%v", err)
	}
}
