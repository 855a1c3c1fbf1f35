package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/twinpath/twinpath/web"
)

// crowdedPair is a pair that serves a house with two hundred devices behind one cable of it.
func crowdedPair(t *testing.T) (h *House, laptop *tenant, c *throng) {
	t.Helper()
	plan := tagged(Pair())
	plan.Clients[0].Address = "192.168.1.251/24"
	plan.Clients = append(plan.Clients, Client{Name: "throng", Address: "192.168.1.250/24", Gateway: PairGateway.String()})
	h, err := Build(t.Context(), plan)
	must(t, err)
	t.Cleanup(h.Close)
	for _, b := range h.Boxes {
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("log of %s:\n%s", b.Name, b.Log())
			}
		})
	}
	must(t, startPair(t.Context(), h, built(t), func(router string) string {
		wide := strings.Replace(served(quickPair(router)), `"192.168.1.150", "192.168.1.159"`, `"192.168.1.10", "192.168.1.249"`, 1)
		return wide + PairPageConfig(router)
	}))
	await(t, h.Boxes[0], "main serves the house", func(s Status) bool { return len(s.VRRP) > 0 && s.VRRP[0].State == "active" && s.Pair.Connected })
	c, err = join(h.Devices[1], 220)
	must(t, err)
	t.Cleanup(c.leave)
	return h, newTenant(t, h.Devices[0], "laptop"), c
}

// learns waits until a router knows the address of each of the guests, and returns when it did.
func learns(t *testing.T, b *Box, guests []*guest) time.Time {
	t.Helper()
	missing := len(guests)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * look) {
		text, err := b.Get(t.Context(), "/api/v1/house/leases")
		var all []web.HouseLease
		if err != nil || json.Unmarshal(text, &all) != nil {
			continue // it is busy
		}
		known := map[string]netip.Addr{}
		for _, l := range all {
			known[l.MAC] = l.Address
		}
		missing = 0
		for _, g := range guests {
			if known[g.mac.String()] != g.has() {
				missing++
			}
		}
		if missing == 0 {
			return time.Now()
		}
	}
	t.Fatalf("%s does not know the addresses of %d devices", b.Name, missing)
	return time.Time{}
}

// curious asks for another name 20 times a second, each once, until it is stopped.
type curious struct {
	stop chan struct{}
	done sync.WaitGroup
	mu   sync.Mutex
	ok   []time.Time // when names were answered
}

func (n *tenant) wonder(resolver netip.Addr) *curious {
	c := &curious{stop: make(chan struct{})}
	c.done.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-c.stop:
				return
			case <-tick.C:
			}
			c.done.Go(func() {
				if at, ok := n.once(resolver, fmt.Sprintf("n%d.quad9.net.", i)); ok {
					c.mu.Lock()
					c.ok = append(c.ok, at)
					c.mu.Unlock()
				}
			})
		}
	})
	return c
}

func (c *curious) end() { close(c.stop); c.done.Wait() }

// first is the first answer after a moment; zero: none.
func (c *curious) first(after time.Time) (at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ok := range c.ok {
		if ok.After(after) && (at.IsZero() || ok.Before(at)) {
			at = ok
		}
	}
	return at
}

// once asks for a name with one datagram, and reports when it was answered.
func (n *tenant) once(resolver netip.Addr, name string) (time.Time, bool) {
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Second)
	defer cancel()
	conn, err := n.Dial(ctx, "udp4", netip.AddrPortFrom(resolver, 53).String())
	if err != nil {
		return time.Time{}, false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	q := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true}, Questions: []dnsmessage.Question{
		{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	text, err := q.Pack()
	if err != nil {
		return time.Time{}, false
	}
	answer := make([]byte, 1500)
	if _, err := conn.Write(text); err != nil {
		return time.Time{}, false
	}
	size, err := conn.Read(answer)
	var m dnsmessage.Message
	if err != nil || m.Unpack(answer[:size]) != nil || m.RCode != dnsmessage.RCodeSuccess || len(m.Answers) == 0 {
		return time.Time{}, false
	}
	return time.Now(), true
}

// TestTwoHundredDevicesKeepTheirAddresses has the router that serves them lose its power, and come back.
func TestTwoHundredDevicesKeepTheirAddresses(t *testing.T) {
	t.Parallel()
	h, laptop, c := crowdedPair(t)
	old, young := c.guests[:200], c.guests[200:]
	began := time.Now()
	must(t, each(old, func(_ int, g *guest) error { return c.obtain(g) }))
	t.Logf("200 devices have addresses after %s", round(time.Since(began)))
	done := time.Now()
	t.Logf("the other router knows them all %s later", round(learns(t, h.Boxes[1], old).Sub(done)))
	before := map[*guest]netip.Addr{}
	for _, g := range old {
		before[g] = g.has()
	}

	wondering := laptop.wonder(PairGateway)
	defer wondering.end()
	eventually(t, "names are answered", func() bool { return !wondering.first(began).IsZero() })
	off := time.Now()
	must(t, h.PowerOff("main"))
	await(t, h.Boxes[1], "the other router has the address", func(s Status) bool { return len(s.VRRP) > 0 && s.VRRP[0].State == "active" })
	moved := time.Now()
	eventually(t, "names are answered again", func() bool { return !wondering.first(off.Add(200 * time.Millisecond)).IsZero() })
	again := wondering.first(off.Add(200 * time.Millisecond))
	t.Logf("without power: %s until the other router has the address, %s more until a name is answered", round(moved.Sub(off)), round(again.Sub(moved)))
	if again.Sub(moved) > time.Second {
		t.Errorf("names are answered %s after the switch, want 1 s at most", again.Sub(moved))
	}

	settle := func(n int, g *guest) error {
		return []func(*guest) error{c.rebind, c.reboot, c.obtain}[n%3](g)
	}
	must(t, each(old, settle))
	must(t, each(young, func(_ int, g *guest) error { return c.obtain(g) }))
	unmoved(t, "after the failover", before)
	if all := twice(c.guests); len(all) > 0 {
		t.Errorf("addresses that two devices have: %v", all)
	}

	for _, g := range young {
		before[g] = g.has()
	}
	must(t, h.PowerOn("main"))
	must(t, h.PlugLAN("main"))
	must(t, h.Boxes[0].Restart(t.Context()))
	await(t, h.Boxes[0], "main serves the house again", func(s Status) bool { return len(s.VRRP) > 0 && s.VRRP[0].State == "active" })
	learns(t, h.Boxes[0], c.guests)
	must(t, each(c.guests, settle))
	unmoved(t, "after the way back", before)
	if all := twice(c.guests); len(all) > 0 {
		t.Errorf("addresses that two devices have after the way back: %v", all)
	}
}

func unmoved(t *testing.T, when string, before map[*guest]netip.Addr) {
	t.Helper()
	for g, a := range before {
		if g.has() != a {
			t.Errorf("%s %s has %s, and %s before", when, g.mac, g.has(), a)
		}
	}
}
