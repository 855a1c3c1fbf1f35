package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/pathmtu"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/store"
)

// survey is a surveyor with a fibre and a mobile line, in a bubble. Its notes are what was measured and told.
type survey struct {
	t        *testing.T
	surveyor *surveyor

	mu       sync.Mutex
	snapshot *router.Snapshot
	changed  chan struct{}
	notes    []string
	found    map[string]pathmtu.Found // by the first target
	err      error
	during   func(*survey) // a search
	items    []store.Item
}

func (y *survey) Put(key string, value []byte) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.items = append(y.items, store.Item{Key: key, Value: value})
	return nil
}

func (y *survey) All() ([]store.Item, error) { return y.items, nil }

func (y *survey) view() (*router.Snapshot, <-chan struct{}) {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.snapshot, y.changed
}

func (y *survey) tell(f router.Fact) {
	y.mu.Lock()
	defer y.mu.Unlock()
	p := f.(router.PathSeen)
	y.notes = append(y.notes, fmt.Sprintf("%s/%d: %d %t, %d %t, recalled %t",
		p.WAN, p.Index, p.Path.MTU4, p.Path.Hole4, p.Path.MTU6, p.Path.Hole6, p.Recalled))
}

func (y *survey) measure(_ context.Context, l pathmtu.Line) (pathmtu.Found, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.notes = append(y.notes, fmt.Sprintf("measure %s up to %d, at first %d", l.Targets, l.Most, l.Guess))
	if y.during != nil {
		y.during(y)
		y.during = nil
	}
	f, known := y.found[l.Targets[0].String()]
	if !known {
		f.MTU = l.Most
	}
	return f, y.err
}

// set changes the world of the test.
func (y *survey) set(change func()) {
	y.mu.Lock()
	defer y.mu.Unlock()
	change()
}

// change makes a new snapshot.
func (y *survey) change(change func(fibre, lte *router.WANSnapshot)) {
	synctest.Wait()
	y.mu.Lock()
	s := *y.snapshot
	s.WANs = slices.Clone(s.WANs)
	change(&s.WANs[0], &s.WANs[1])
	before := y.changed
	y.snapshot, y.changed = &s, make(chan struct{})
	y.mu.Unlock()
	close(before)
	synctest.Wait()
}

// want compares what was noted since the last time.
func (y *survey) want(notes ...string) {
	y.t.Helper()
	synctest.Wait()
	y.mu.Lock()
	defer y.mu.Unlock()
	if !slices.Equal(y.notes, notes) {
		y.t.Errorf("%s: noted\n%s\nwant\n%s", time.Now().Format("15:04"), strings.Join(y.notes, "\n"), strings.Join(notes, "\n"))
	}
	y.notes = nil
}

func twoPaths() router.Config {
	return router.Config{WANs: []router.WANConfig{{Name: "fibre", Kind: router.DHCP}, {Name: "lte", Kind: router.DHCP}}}
}

func surveying(t *testing.T, prepare func(*survey), test func(*survey)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		y := &survey{t: t, changed: make(chan struct{}), found: map[string]pathmtu.Found{}, snapshot: &router.Snapshot{WANs: []router.WANSnapshot{
			{Name: "fibre", Way: router.Link{Index: 3, Name: "wan0", MTU: 1500}},
			{Name: "lte", Way: router.Link{Index: 4, Name: "usb0", MTU: 1500}, Checks: []router.CheckSnapshot{{Target: "ping 8.8.4.4", OK: true}}},
		}}}
		y.surveyor = &surveyor{
			view: y.view, shelf: y, now: time.Now, scatter: func() time.Duration { return 0 }, log: slog.New(slog.DiscardHandler),
			tell: y.tell, measure: y.measure,
			lines: map[string]*surveyed{}, anew: map[string]bool{}, news: make(chan struct{}, 1), cfg: twoPaths(),
		}
		prepare(y)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- y.surveyor.Run(ctx) }()
		synctest.Wait()
		test(y)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func nothingBefore(*survey) {}

func up(w *router.WANSnapshot) { w.State, w.Address, w.Gateway = "up", "198.51.100.7", "198.51.100.1" }

const (
	fourTargets = "[1.1.1.1 9.9.9.9]"
	sixTargets  = "[2606:4700:4700::1111 2620:fe::fe]"
)

func TestALineIsMeasuredWhenThereIsAReason(t *testing.T) {
	surveying(t, nothingBefore, func(y *survey) {
		y.want() // neither line is up
		y.set(func() { y.found["1.1.1.1"] = pathmtu.Found{MTU: 1400, Hole: true} })
		y.change(func(fibre, _ *router.WANSnapshot) { up(fibre) })
		y.want("measure "+fourTargets+" up to 1500, at first 0", "fibre/3: 1400 true, 0 false, recalled false")
		y.change(func(_, lte *router.WANSnapshot) { up(lte) })
		y.want("measure [8.8.4.4] up to 1500, at first 0", "lte/4: 1500 false, 0 false, recalled false")
		y.change(func(fibre, _ *router.WANSnapshot) {
			fibre.IPv6 = &router.IPv6View{State: "up", Address: "2001:db8::2", Gateway: "fe80::1"}
		})
		y.want("measure "+sixTargets+" up to 1500, at first 0", "fibre/3: 1400 true, 1500 false, recalled false")
		y.change(func(fibre, _ *router.WANSnapshot) { fibre.RTT, fibre.Active = 5, true })
		y.want() // nothing that matters
		y.surveyor.Use(twoPaths())
		y.want("fibre/3: 1400 true, 1500 false, recalled true", "lte/4: 1500 false, 0 false, recalled true")
		y.surveyor.Again("lte")
		y.want("measure [8.8.4.4] up to 1500, at first 1500", "lte/4: 1500 false, 0 false, recalled false")
		y.change(func(fibre, _ *router.WANSnapshot) { fibre.Address = "198.51.100.8" })
		y.want("measure "+fourTargets+" up to 1500, at first 1400", "fibre/3: 1400 true, 1500 false, recalled false")
		y.change(func(_, lte *router.WANSnapshot) { lte.Way.MTU = 1428 })
		y.want("measure [8.8.4.4] up to 1428, at first 1500", "lte/4: 1428 false, 0 false, recalled false")
		y.change(func(_, lte *router.WANSnapshot) { lte.Way.Index = 9 })
		y.want("lte/9: 1428 false, 0 false, recalled true", "measure [8.8.4.4] up to 1428, at first 1428", "lte/9: 1428 false, 0 false, recalled false")
	})
}

func TestALineIsMeasuredDailyAndAfterAnOutage(t *testing.T) {
	surveying(t, nothingBefore, func(y *survey) {
		again := []string{"measure " + fourTargets + " up to 1500, at first 1500", "fibre/3: 1500 false, 0 false, recalled false"}
		y.change(func(fibre, _ *router.WANSnapshot) { up(fibre) })
		y.set(func() { y.notes = nil })
		time.Sleep(pathDaily - time.Minute)
		y.want()
		time.Sleep(time.Minute)
		y.want(again...)
		y.change(func(fibre, _ *router.WANSnapshot) { fibre.State = "down" })
		time.Sleep(2 * pathDaily)
		y.want() // not while it is down
		y.change(func(fibre, _ *router.WANSnapshot) { fibre.State = "up" })
		y.want(again...)
		for range 10 { // it comes and goes
			y.change(func(fibre, _ *router.WANSnapshot) { fibre.State = "down" })
			time.Sleep(pathPause / 20)
			y.change(func(fibre, _ *router.WANSnapshot) { fibre.State = "up" })
			time.Sleep(pathPause/20 - time.Millisecond)
		}
		y.want()
		time.Sleep(pathPause)
		y.want(again...)
	})
}

func TestTheOwnerKnowsBetter(t *testing.T) {
	surveying(t, func(y *survey) {
		y.surveyor.cfg.WANs[0].MTU, y.surveyor.cfg.WANs[1].Kind = 1492, router.Peer
	}, func(y *survey) {
		y.change(func(fibre, lte *router.WANSnapshot) { up(fibre); up(lte) })
		time.Sleep(3 * pathDaily)
		y.want()
		y.surveyor.Use(twoPaths())
		synctest.Wait()
		y.set(func() {
			if len(y.notes) != 4 {
				t.Errorf("with mtu = \"auto\": %q", y.notes)
			}
		})
	})
}

func TestWhatAnEarlierRunHasFound(t *testing.T) {
	surveying(t, func(y *survey) {
		for name, device := range map[string]string{"fibre": "wan0", "lte": "usb7"} {
			text, _ := json.Marshal(keptPath{device, router.PathView{MTU4: 1400, Hole4: true}})
			_ = y.Put(name, text)
		}
		y.err = pathmtu.ErrUnclear
	}, func(y *survey) {
		y.want("fibre/3: 1400 true, 0 false, recalled true") // it holds before the line is up; lte is another device now
		y.change(func(fibre, lte *router.WANSnapshot) { up(fibre); up(lte) })
		y.want("measure "+fourTargets+" up to 1500, at first 1400", "measure [8.8.4.4] up to 1500, at first 0")
		y.set(func() { y.err = nil })
		time.Sleep(pathRetry)
		y.want("measure "+fourTargets+" up to 1500, at first 1400", "fibre/3: 1500 false, 0 false, recalled false",
			"measure [8.8.4.4] up to 1500, at first 0", "lte/4: 1500 false, 0 false, recalled false")
		y.mu.Lock()
		defer y.mu.Unlock()
		var k keptPath
		if last := y.items[len(y.items)-1]; last.Key != "lte" || json.Unmarshal(last.Value, &k) != nil || k.Device != "usb0" || k.Path.MTU4 != 1500 {
			t.Errorf("on the disk is %s", last.Value)
		}
	})
}

// TestALineThatFailsMeanwhile: what was found then is worth nothing.
func TestALineThatFailsMeanwhile(t *testing.T) {
	surveying(t, nothingBefore, func(y *survey) {
		y.set(func() {
			y.during = func(y *survey) {
				s := *y.snapshot
				s.WANs = slices.Clone(s.WANs)
				s.WANs[0].State = "down"
				y.snapshot = &s
			}
		})
		y.set(func() { y.found["1.1.1.1"] = pathmtu.Found{MTU: 1400, Hole: true} })
		y.change(func(fibre, _ *router.WANSnapshot) { up(fibre) })
		y.want("measure " + fourTargets + " up to 1500, at first 0")
		y.change(func(fibre, _ *router.WANSnapshot) { fibre.State = "up" })
		y.want()
		time.Sleep(pathPause)
		y.want("measure "+fourTargets+" up to 1500, at first 0", "fibre/3: 1400 true, 0 false, recalled false")
	})
}

func TestPathTargets(t *testing.T) {
	checks := func(targets ...string) (all []router.CheckSnapshot) {
		for _, target := range targets {
			all = append(all, router.CheckSnapshot{Target: target, OK: target != "ping 9.9.9.9"})
		}
		return all
	}
	for _, c := range []struct {
		checks []router.CheckSnapshot
		six    bool
		want   string
	}{
		{nil, false, fourTargets},
		{nil, true, sixTargets},
		{checks("ping 9.9.9.9", "ping 192.0.2.1", "http http://192.0.2.2/"), false, "[192.0.2.1 9.9.9.9]"},
		{checks("ping 192.0.2.1"), true, sixTargets},
		{checks("ping 192.0.2.1", "ping 2001:db8::1"), true, "[2001:db8::1]"},
		{checks("ping 192.0.2.1", "ping 192.0.2.2", "ping 192.0.2.3", "ping 192.0.2.4"), false, "[192.0.2.1 192.0.2.2 192.0.2.3]"},
	} {
		if got := pathTargets(router.WANSnapshot{Checks: c.checks}, c.six); fmt.Sprint(got) != c.want {
			t.Errorf("%v: %s, want %s", c.checks, got, c.want)
		}
	}
	for _, a := range usual(false) { // of those that lines are checked with, what one operator is asked everybody is asked
		if _, err := netip.ParseAddr(a); err != nil || !slices.ContainsFunc(health.DefaultChecks(), func(c health.Check) bool { return c.Target == a }) {
			t.Errorf("%s is no default check: %v", a, err)
		}
	}
}
