package router

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan"
)

// clients6 are the IPv6 clients of a world: each says its lease after a while, and what is told to it is written down.
type clients6 struct {
	*world
	after  time.Duration
	leases map[string]*wan.Lease6
	told   []string // what was asked of them, in order
}

type fakeClient6 struct {
	all *clients6
	at  Attached
}

func (c *clients6) client(at Attached) wan.Client { return fakeClient6{c, at} }

func (c fakeClient6) note(what string) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.all.told = append(c.all.told, what+" "+c.at.Config.Name+" on "+c.at.Device)
}

func (c fakeClient6) Run(ctx context.Context) error {
	c.all.running.Add(1)
	defer c.all.running.Add(-1)
	c.note("run")
	select {
	case <-time.After(c.all.after):
		name := c.at.Config.Name
		c.at.Report6(wan.Update6{WAN: name, Lease: c.all.leases[name], Reason: "no router advertises IPv6"})
		<-ctx.Done()
	case <-ctx.Done():
	}
	return nil
}

func (c fakeClient6) LinkUp() { c.note("link up") }
func (c fakeClient6) Dead()   { c.note("dead") }

func (c fakeClient6) Release() error {
	c.note("release")
	return nil
}

func (c *clients6) heard() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := strings.Join(c.told, ", ")
	c.told = nil
	return said
}

func newClients6(w *world) *clients6 {
	lease := wan.Lease6{Gateway: netip.MustParseAddr("fe80::1"), Prefixes: []wan.Lifetime{{Prefix: netip.MustParsePrefix("2001:db8:f100::/56")}}}
	return &clients6{world: w, after: 300 * time.Millisecond, leases: map[string]*wan.Lease6{"fibre": &lease}}
}

// start is world.start with these clients.
func (c *clients6) start(t *testing.T, config Config) (*Router, func()) {
	t.Helper()
	ports := c.world.ports()
	ports.Client6 = c.client
	return c.world.run(t, config, ports)
}

func TestLoopSeesToIPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		c := newClients6(w)
		config := dual()
		config.WANs[1].NoIPv6 = true
		r, stop := c.start(t, config)
		defer stop()
		time.Sleep(200 * time.Millisecond)
		if _, n := w.last(); n != 0 {
			t.Error("a plan was made before the line's IPv6 of an earlier run was known: it is taken from the house for a moment")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := c.heard(); got != "run fibre on wan0" {
			t.Errorf("the clients heard %q", got)
		}
		s, _ := r.Snapshot()
		if f := s.WANs[0]; f.IPv6 == nil || f.IPv6.State != "up" || !f.Use6 || s.WANs[1].IPv6 != nil {
			t.Errorf("fibre's IPv6 is %+v, lte's %+v", f.IPv6, s.WANs[1].IPv6)
		}

		w.say6("fibre", health.Verdict{State: health.Down, Reason: "none of 3 checks answers"})
		synctest.Wait()
		wantSentence(t, r, "Internet works, on fibre.")
		wantSaid(t, w, 1, "IPv6 does not work on fibre")
		if got := c.heard(); got != "dead fibre on wan0" {
			t.Errorf("the client of a dead line heard %q", got)
		}

		w.change(func(w *world) { w.links[1] = Link{Index: 9, Name: "wan0", Up: true, Carrier: true, MTU: 1500} })
		r.Look()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := c.heard(); got != "run fibre on wan0" {
			t.Errorf("with another interface the clients heard %q", got)
		}
		config.WANs = slices.Clone(config.WANs) // the router has the other one
		config.WANs[0].NoIPv6 = true
		if err := r.Reconfigure(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if got := c.heard(); got != "release fibre on wan0" {
			t.Errorf("without IPv6 the clients heard %q", got)
		}
	})
}

// The owner's changes leave what is known of a line's IPv6, or have it found out again.
func TestALineThatIsChangedHasItsIPv6Again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClients6(newWorld())
		r, stop := c.start(t, dual())
		defer stop()
		time.Sleep(time.Second)
		config := dual()
		config.WANs[0].Interface = "wan*"
		if err := r.Reconfigure(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s, _ := r.Snapshot(); s.WANs[0].IPv6 == nil || s.WANs[0].IPv6.State != "up" {
			t.Errorf("by a pattern: %+v", s.WANs[0].IPv6)
		}

		without := dual()
		without.WANs[0].Interface, without.WANs[0].NoIPv6 = "wan*", true
		if err := r.Reconfigure(t.Context(), without); err != nil {
			t.Fatal(err)
		}
		if s, _ := r.Snapshot(); s.WANs[0].State != "up" || s.WANs[0].IPv6 != nil {
			t.Errorf("without IPv6 it is %s: %s, %+v", s.WANs[0].State, s.WANs[0].Reason, s.WANs[0].IPv6)
		}
		if err := r.Reconfigure(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s, _ := r.Snapshot(); s.WANs[0].IPv6 == nil || s.WANs[0].IPv6.State != "up" {
			t.Errorf("with IPv6 again: %+v", s.WANs[0].IPv6)
		}
	})
}

// A router without a network of the house has IPv6 for itself; one that does not want any has no client.
func TestWhoHasAnIPv6Client(t *testing.T) {
	for name, c := range map[string]struct {
		lan  LAN
		want string
	}{
		"a server":             {LAN{}, "run fibre on wan0, run lte on usb0"},
		"a house without IPv6": {twoWANs().LAN, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			all := newClients6(newWorld())
			config := twoWANs()
			config.LAN = c.lan
			_, stop := all.start(t, config)
			defer stop()
			time.Sleep(time.Second)
			synctest.Wait()
			if got := all.heard(); got != c.want && got != "run lte on usb0, run fibre on wan0" {
				t.Errorf("%s: the clients heard %q, want %q", name, got, c.want)
			}
		})
	}
}
