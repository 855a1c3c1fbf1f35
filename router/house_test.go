package router

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// house is a State with verbs. Each verb is followed by a decision, as in the loop, and whatever was said and
// planned is kept for the checks that follow.
type house struct {
	t      *testing.T
	now    time.Time
	state  *State
	links  []Link
	last   Decision
	events []Event
	swept  []Vacate
}

func twoWANs() Config {
	return Config{
		Name: "main",
		LAN:  LAN{Interface: "lan0", Address: netip.MustParsePrefix("192.168.1.1/24")},
		WANs: []WANConfig{
			{Name: "fibre", Interface: "wan0", Kind: DHCP, Cost: 0, Weight: 1},
			{Name: "lte", Interface: "usb*", Kind: DHCP, Cost: 50, Weight: 1, Metered: true},
		},
	}
}

// newHouse has both cables in and both leases, and no verdict yet.
func newHouse(t *testing.T, config Config) *house {
	t.Helper()
	h := &house{t: t, now: noon}
	h.links = []Link{
		{Index: 2, Name: "lan0", MAC: "02:00:00:00:00:02", Up: true, Carrier: true, MTU: 1500},
		{Index: 3, Name: "wan0", MAC: "02:00:00:00:00:03", Up: true, Carrier: true, MTU: 1500},
		{Index: 4, Name: "usb0", MAC: "02:00:00:00:00:04", Up: true, Carrier: true, MTU: 1500},
	}
	h.state = NewState(config, slices.Clone(h.links), Earlier{}, h.now)
	if len(config.WANs) > 0 {
		h.lease("fibre", "198.51.100.7/24", "198.51.100.1")
		h.lease("lte", "192.0.2.9/24", "192.0.2.1")
	}
	return h
}

// settled is newHouse with both lines up and the first events forgotten.
func settled(t *testing.T, config Config) *house {
	t.Helper()
	h := newHouse(t, config)
	h.up("fibre")
	h.up("lte")
	h.events, h.swept = nil, nil
	return h
}

func (h *house) fold(f Fact) {
	h.t.Helper()
	h.events = append(h.events, h.state.Fold(h.now, f)...)
	h.decide()
}

func (h *house) decide() {
	h.state.park(h.now)
	h.last = h.state.Decide(h.now)
	h.events = append(h.events, h.state.Commit(h.now, h.last)...)
	h.swept = append(h.swept, h.state.DueSweeps(h.now)...)
}

func (h *house) pass(d time.Duration) {
	h.now = h.now.Add(d)
	h.decide()
}

func (h *house) index(name string) int { return h.state.line(name).link.Index }

func (h *house) lease(name, address, gateway string) {
	h.t.Helper()
	l := &wan.Lease{Address: netip.MustParsePrefix(address), Gateway: netip.MustParseAddr(gateway)}
	h.fold(LeaseSeen{wan.Update{WAN: name, Lease: l}, h.index(name)})
}

func (h *house) loseLease(name, why string) {
	h.t.Helper()
	h.fold(LeaseSeen{wan.Update{WAN: name, Reason: why}, h.index(name)})
}

func (h *house) verdict(name string, v health.Verdict) {
	h.t.Helper()
	h.fold(HealthSeen{name, h.index(name), v})
}

func (h *house) up(name string) {
	h.t.Helper()
	h.verdict(name, health.Verdict{State: health.Up, Reason: "3 of 3 checks answer"})
}

func (h *house) degraded(name string, lost int) {
	h.t.Helper()
	h.verdict(name, health.Verdict{State: health.Degraded, Lost: lost, Reason: "some checks do not answer"})
}

// dead is a black hole that began a while ago.
func (h *house) dead(name string, ago time.Duration) {
	h.t.Helper()
	h.verdict(name, health.Verdict{State: health.Down, Lost: 100, Reason: "none of 3 checks answers", Silent: h.now.Add(-ago), Broken: health.Everything})
}

func (h *house) cable(device string, in bool) {
	h.t.Helper()
	h.links = slices.Clone(h.links)
	for i := range h.links {
		if h.links[i].Name == device {
			h.links[i].Carrier = in
		}
	}
	h.fold(LinksSeen(h.links))
}

func (h *house) wantCarrying(names ...string) {
	h.t.Helper()
	if !slices.Equal(h.state.carrying, names) {
		h.t.Errorf("at %s the house uses %v, want %v", h.now.Sub(noon), h.state.carrying, names)
	}
}

func (h *house) wantVerdict(v Verdict, phrases ...string) {
	h.t.Helper()
	s := h.state.Snapshot(h.now, "test", h.last)
	if s.Verdict != v {
		h.t.Errorf("at %s the verdict is %q, want %q", h.now.Sub(noon), s.Verdict, v)
	}
	for _, p := range phrases {
		if !strings.Contains(s.Sentence, p) {
			h.t.Errorf("the sentence does not say %q: %q", p, s.Sentence)
		}
	}
}

// wantSaid checks that exactly one event has the phrase.
func (h *house) wantSaid(phrase string) Event {
	h.t.Helper()
	var found []Event
	for _, e := range h.events {
		if strings.Contains(e.Sentence, phrase) {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		h.t.Fatalf("%d events say %q, want 1; said: %v", len(found), phrase, h.events)
	}
	return found[0]
}
