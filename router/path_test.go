package router

import (
	"testing"
	"time"

	"github.com/twinpath/twinpath/wan"
)

func TestWhatFitsThroughALine(t *testing.T) {
	six := func(mtu int) six { return six{lease: &wan.Lease6{MTU: mtu}} }
	for name, c := range map[string]struct {
		line        line
		four, six   int
		hint, hint6 int
	}{
		"nothing is known":           {line{way: Link{MTU: 1500}}, 1500, 1500, 0, 0},
		"no interface":               {line{}, 0, 0, 0, 0},
		"the lease":                  {line{way: Link{MTU: 1500}, lease: &wan.Lease{MTU: 1492}}, 1492, 1492, 1492, 1492},
		"the owner, whatever others": {line{way: Link{MTU: 1500}, config: WANConfig{MTU: 1480}, lease: &wan.Lease{MTU: 1400}, path: PathView{MTU4: 1300, MTU6: 1300}, six: six(1300)}, 1480, 1480, 1480, 1480},
		"the owner, too much":        {line{way: Link{MTU: 1492}, config: WANConfig{MTU: 1500}}, 1492, 1492, 0, 0},
		"the owner, less than IPv6":  {line{way: Link{MTU: 1500}, config: WANConfig{MTU: 1000}}, 1000, 1280, 1000, 1280},
		"found out":                  {line{way: Link{MTU: 1500}, path: PathView{MTU4: 1400, MTU6: 1380}}, 1400, 1380, 1400, 1380},
		"found out, one family":      {line{way: Link{MTU: 1500}, path: PathView{MTU4: 1400}}, 1400, 1500, 1400, 0},
		"found out, the lease less":  {line{way: Link{MTU: 1500}, lease: &wan.Lease{MTU: 1300}, path: PathView{MTU4: 1400, MTU6: 1400}}, 1300, 1400, 1300, 1400},
		"advertised":                 {line{way: Link{MTU: 1500}, lease: &wan.Lease{MTU: 1400}, six: six(1460)}, 1400, 1460, 1400, 1460},
		"advertised, less found":     {line{way: Link{MTU: 1500}, six: six(1460), path: PathView{MTU6: 1400}}, 1500, 1400, 0, 1400},
		"a large interface":          {line{way: Link{MTU: 9000}, path: PathView{MTU4: 1500, MTU6: 1500}}, 1500, 1500, 1500, 1500},
		"a small interface":          {line{way: Link{MTU: 576}}, 576, 576, 0, 0},
	} {
		l := c.line
		if four, six := l.mtu4(), l.mtu6(); four != c.four || six != c.six || l.hint(four) != c.hint || l.hint(six) != c.hint6 {
			t.Errorf("%s: %d and %d, of routes %d and %d", name, four, six, l.hint(four), l.hint(six))
		}
	}
}

func TestAFindingIsSaidOnce(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	config := Config{WANs: []WANConfig{{Name: "fibre", Interface: "wan0", Kind: DHCP}}}
	s := NewState(config, []Link{{Index: 3, Name: "wan0", Up: true, Carrier: true, MTU: 1500}}, Earlier{}, now)
	const gone = "fibre lets packets of 1500 bytes through again: the path MTU black hole is gone."
	for _, step := range []struct {
		index    int
		recalled bool
		path     PathView
		says     string
	}{
		{3, false, PathView{MTU4: 1500}, ""},
		{4, false, PathView{MTU4: 1400, Hole4: true}, ""}, // of an interface that is gone
		{3, false, PathView{MTU4: 1400, Hole4: true}, "fibre swallows packets of more than 1400 bytes without a word (a path MTU black hole): TCP is told to send smaller ones."},
		{3, false, PathView{MTU4: 1400, Hole4: true, Checked: now}, ""},
		{3, false, PathView{MTU4: 1400, Hole4: true, MTU6: 1400, Hole6: true}, ""}, // it is the same one
		{3, false, PathView{MTU4: 1400, Hole4: true, MTU6: 1380, Hole6: true}, "fibre swallows packets of more than 1400 bytes, and those of IPv6 of more than 1380, without a word (a path MTU black hole): TCP is told to send smaller ones."},
		{3, false, PathView{MTU4: 1500, MTU6: 1380, Hole6: true}, "fibre swallows IPv6 packets of more than 1380 bytes without a word (a path MTU black hole): TCP is told to send smaller ones."},
		{3, false, PathView{MTU4: 1500, MTU6: 1500}, gone},
		{3, false, PathView{MTU4: 1492, MTU6: 1500}, ""},
		{3, true, PathView{MTU4: 1390, Hole4: true}, ""}, // an earlier run has said it
		{3, false, PathView{MTU4: 1390, Hole4: true}, ""},
	} {
		var said string
		for _, e := range s.Fold(now, PathSeen{WAN: "fibre", Index: step.index, Path: step.path, Recalled: step.recalled}) {
			said += e.Sentence
			if e.Kind != EventWAN || e.WAN != "fibre" || e.Blame != BlameNobody {
				t.Errorf("%+v", e)
			}
		}
		if said != step.says {
			t.Errorf("%+v: it says %q, want %q", step.path, said, step.says)
		}
	}
}
