package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/router"
)

// moved is a mover whose router only notes what is wanted of it, and what was sent to the other one.
type moved struct {
	*mover
	drained []string
	aside   []router.StandAside
	sent    []link.Kind
	said    []readying
}

func (m *moved) Drain(wan string, off bool) error {
	m.drained = append(m.drained, wan)
	return nil
}

func (m *moved) Tell(f router.Fact) { m.aside = append(m.aside, f.(router.StandAside)) }

func newMoved(cfg router.Config) *moved {
	m := &moved{}
	m.mover = &mover{router: m, stopped: func(context.Context) bool { return true }, log: slog.New(slog.DiscardHandler), config: cfg, changed: make(chan struct{}), answers: map[uint64]chan<- readying{}}
	return m
}

func (m *moved) connect() {
	m.Up(link.Session{}, func(kind link.Kind, body []byte) {
		var r readying
		_ = json.Unmarshal(body, &r)
		m.sent, m.said = append(m.sent, kind), append(m.said, r)
	})
}

// shows makes the router look like this: who serves the house, and how far the hand-over of the other one's connections is.
func (m *moved) shows(active bool, phase string) {
	s := &router.Snapshot{
		WANs: []router.WANSnapshot{{Name: "fibre", Active: true, State: "up"}},
		VRRP: []router.VRRPSnapshot{{State: "backup"}},
		Pair: &router.PairView{Linked: true, Phase: phase, Lines: []router.PartnerLine{{Name: "lte", Usable: true}}},
	}
	if active {
		s.VRRP[0].State, s.VRRP[0].Holding = "active", true
	}
	m.Look(time.Now(), s)
}

func (m *moved) hears(kind link.Kind, r readying) {
	body, _ := json.Marshal(r)
	m.Hear(time.Now(), kind, body)
}

func house(change ...func(*router.Config)) router.Config {
	cfg := router.Config{
		LAN:  router.LAN{Interface: "lan0", Address: netip.MustParsePrefix("192.168.1.2/24")},
		WANs: []router.WANConfig{{Name: "fibre", Interface: "wan0", Kind: router.DHCP}},
	}
	for _, c := range change {
		c(&cfg)
	}
	return cfg
}

func TestADrainWaitsUntilTheOtherRouterIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMoved(house())
		m.connect()
		m.shows(true, "")
		began := time.Now()
		done := make(chan error)
		go func() { done <- m.mover.Drain("", false) }()
		synctest.Wait()
		if !slices.Equal(m.sent, []link.Kind{link.Prepare}) || len(m.drained) != 0 {
			t.Fatalf("sent %v, drained %v", m.sent, m.drained)
		}
		m.hears(link.Prepared, readying{Number: 99, Ready: true}) // of another question
		time.Sleep(time.Second)
		if len(m.drained) != 0 {
			t.Fatal("it did not wait")
		}
		m.hears(link.Prepared, readying{Number: m.said[0].Number, Ready: true})
		if err := <-done; err != nil || len(m.drained) != 1 || time.Since(began) != time.Second {
			t.Errorf("%v, drained %v after %v", err, m.drained, time.Since(began))
		}
	})
}

func TestADrainDoesNotWaitForEver(t *testing.T) {
	for name, c := range map[string]struct {
		until func(*moved)
		wan   string
		wait  time.Duration
	}{
		"no answer":          {func(m *moved) { m.connect(); m.shows(true, "") }, "", prepares},
		"no link":            {func(m *moved) { m.shows(true, "") }, "", 0},
		"the link ends":      {func(m *moved) { m.connect(); m.shows(true, ""); time.AfterFunc(time.Second, m.Down) }, "", time.Second},
		"the house is there": {func(m *moved) { m.connect(); m.shows(false, "ready") }, "", 0},
		"one line only":      {func(m *moved) { m.connect(); m.shows(true, "") }, "fibre", 0},
		"nothing is known":   {func(*moved) {}, "", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMoved(house())
			c.until(m)
			began := time.Now()
			if err := m.mover.Drain(c.wan, false); err != nil || len(m.drained) != 1 || time.Since(began) != c.wait {
				t.Errorf("%s: %v, drained %q after %v, want %v", name, err, m.drained, time.Since(began), c.wait)
			}
		})
	}
}

func TestTheOtherRouterHearsWhenThisOneIsReady(t *testing.T) {
	m := newMoved(house())
	m.connect()
	m.shows(false, "")
	m.hears(link.Prepare, readying{Number: 7})
	if len(m.sent) != 0 {
		t.Fatal("it is not ready")
	}
	m.shows(false, "ready")
	m.shows(false, "ready")
	if want := []readying{{Number: 7, Ready: true}}; !slices.Equal(m.said, want) || m.sent[0] != link.Prepared {
		t.Errorf("said %v, want %v", m.said, want)
	}
	m.hears(link.Prepare, readying{Number: 8}) // and at once when it is ready already
	if len(m.said) != 2 || !m.said[1].Ready {
		t.Errorf("said %v", m.said)
	}
	m.config.Pair.NoHandOver = true
	m.hears(link.Prepare, readying{Number: 9})
	if len(m.said) != 3 || m.said[2].Ready || m.said[2].Reason == "" {
		t.Errorf("said %v", m.said)
	}
	m.Hear(time.Now(), link.Prepare, []byte("what?"))
	m.hears(link.Flows, readying{Number: 10})
	if len(m.said) != 3 {
		t.Errorf("said %v", m.said)
	}
}

func TestTheHouseMovesAroundANewConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMoved(house())
		m.connect()
		m.shows(true, "")
		next := house(func(c *router.Config) { c.WANs[0].VLAN = 7 })
		go func() {
			time.Sleep(100 * time.Millisecond)
			m.hears(link.Prepared, readying{Number: 1, Ready: true})
			time.Sleep(400 * time.Millisecond)
			m.shows(false, "")
		}()
		began := time.Now()
		after := m.around(next)
		if took := time.Since(began); took != 500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if len(m.aside) != 1 || !m.aside[0].Until.After(time.Now()) ||
			m.aside[0].Reason != "In the new configuration fibre is made anew: the other router is to serve the house meanwhile." {
			t.Fatalf("%+v", m.aside)
		}
		after()
		m.shows(false, "") // with the line of before
		if len(m.aside) != 1 {
			t.Error("it came back before the line was made anew")
		}
		time.Sleep(works)
		m.Look(time.Now(), &router.Snapshot{WANs: []router.WANSnapshot{{Name: "fibre", Active: true, State: "down"}}})
		if len(m.aside) != 1 {
			t.Error("it came back without a line")
		}
		m.shows(false, "")
		m.shows(false, "")
		if len(m.aside) != 2 || !m.aside[1].Until.IsZero() {
			t.Errorf("%+v", m.aside)
		}
	})
}

func TestAConfigurationIsNotHeldUp(t *testing.T) {
	vlan := func(c *router.Config) { c.WANs[0].VLAN = 7 }
	for name, c := range map[string]struct {
		next router.Config
		set  func(*moved)
		wait time.Duration
	}{
		"nothing breaks":         {house(func(c *router.Config) { c.WANs[0].Cost = 5 }), func(m *moved) { m.connect(); m.shows(true, "") }, 0},
		"the house is there":     {house(vlan), func(m *moved) { m.connect(); m.shows(false, "") }, 0},
		"the other cannot":       {house(vlan), func(m *moved) { m.connect(); m.shows(true, ""); m.view.Pair.Lines[0].Usable = false }, 0},
		"the other is not asked": {house(vlan), func(m *moved) { m.shows(true, "") }, 0},
		"no answer":              {house(vlan), func(m *moved) { m.connect(); m.shows(true, "") }, prepares},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMoved(house())
			c.set(m)
			began := time.Now()
			m.around(c.next)()
			if took := time.Since(began); took != c.wait || len(m.aside) != 0 {
				t.Errorf("%s: %v, %+v", name, took, m.aside)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // the other one is ready, and nobody takes the house
		m := newMoved(house())
		m.connect()
		m.shows(true, "")
		go func() {
			synctest.Wait()
			m.hears(link.Prepared, readying{Number: 1, Ready: true})
		}()
		began := time.Now()
		m.around(house(vlan))()
		if took := time.Since(began); took != leaves {
			t.Errorf("it took %v", took)
		}
	})
}

func TestARouterThatIsStoppedLeavesFirst(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*moved)
		sent []link.Kind
		wait time.Duration
	}{
		"it serves":        {func(m *moved) { m.connect(); m.shows(true, "") }, []link.Kind{link.Prepare, link.Leaves}, prepares + leaves},
		"it does not":      {func(m *moved) { m.connect(); m.shows(false, "ready") }, []link.Kind{link.Leaves}, 0},
		"nobody else can":  {func(m *moved) { m.connect(); m.shows(true, ""); m.view.Pair.Lines[0].Usable = false }, []link.Kind{link.Leaves}, 0},
		"there is no link": {func(m *moved) { m.shows(true, "") }, nil, 0},
		"a restart": {func(m *moved) {
			m.connect()
			m.shows(true, "")
			m.stopped = func(context.Context) bool { return false }
		}, nil, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMoved(house())
			c.set(m)
			began := time.Now()
			why := errors.New("terminated")
			ctx, stop := context.WithCancelCause(t.Context())
			longer, cancel := m.lasting(ctx)
			defer cancel()
			stop(why)
			<-longer.Done()
			if !errors.Is(context.Cause(longer), why) {
				t.Errorf("%s: it ends for %v", name, context.Cause(longer))
			}
			if took := time.Since(began); took != c.wait || !slices.Equal(m.sent, c.sent) || (len(m.drained) > 0) != (c.wait > 0) {
				t.Errorf("%s: %v, sent %v, drained %q", name, took, m.sent, m.drained)
			}
		})
	}
}

func TestAStoppedRouterIsDeserted(t *testing.T) {
	m := newMoved(house())
	m.connect()
	m.hears(link.Leaves, readying{})
	if m.deserted() {
		t.Error("it is still there")
	}
	m.Down()
	if !m.deserted() {
		t.Error("it is thought to go on")
	}
	m.connect()
	m.Down()
	if m.deserted() {
		t.Error("one that was there again need not be gone for ever")
	}
}
