package vrrp

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

// hub is a network in memory.
type hub struct {
	mu    sync.Mutex
	wires []*fakeWire
	seen  []seenFrame // every frame on it
	deaf  map[string]bool
}

type seenFrame struct {
	at   time.Time
	from string
	data []byte
}

func (h *hub) send(from *fakeWire, frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, seenFrame{time.Now(), from.host.name, slices.Clone(frame)})
	for _, w := range h.wires {
		if w != from && w.host.linked() && from.host.linked() && !h.deaf[w.host.name] {
			w.deliver(frame)
		}
	}
}

// adverts returns the priorities that a host has sent since a time, for VRID id.
func (h *hub) adverts(from string, id uint8, since time.Time) []uint8 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []uint8
	for _, f := range h.seen {
		var p packet.Packet
		if f.from == from && !f.at.Before(since) && p.Parse(f.data) == packet.Accepted && p.ID == id {
			all = append(all, p.Priority)
		}
	}
	return all
}

// claim has every wire see somebody use an address.
func (h *hub) claim(address netip.Addr, mac [6]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.wires {
		w.claims <- Claim{address, mac}
	}
}

// announcements counts the gratuitous ARP messages of a host since a time.
func (h *hub) announcements(from string, since time.Time) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, f := range h.seen {
		if f.from == from && !f.at.Before(since) && f.data[12] == 8 && f.data[13] == 6 {
			n++
		}
	}
	return n
}

// host is one machine's kernel in memory.
type host struct {
	name string
	hub  *hub

	mu      sync.Mutex
	devices []Device
	up      bool
	here    []Holding
	stolen  []Holding // taken away by somebody, to be noticed
	changed func()
	refresh int
	slow    time.Duration // what it takes to put addresses on
}

func (h *hub) add(name string, n byte) *host {
	return &host{name: name, hub: h, up: true, devices: []Device{{
		Index: 7, Name: "lan0", MAC: [6]byte{2, 0, 0, 0, 0, n}, Up: true,
		Addresses: []netip.Addr{netip.AddrFrom4([4]byte{192, 168, 1, n}), netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: n})},
	}}}
}

func (h *host) linked() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.up
}

// link plugs the cable in or out.
func (h *host) link(up bool) {
	h.change(func() {
		h.up = up
		for i := range h.devices {
			h.devices[i].Up = up
		}
	})
}

func (h *host) change(f func()) {
	h.mu.Lock()
	f()
	changed := h.changed
	h.mu.Unlock()
	if changed != nil {
		changed()
	}
}

func (h *host) Open(device string) (Wire, error) {
	if device != "lan0" {
		return nil, errors.New("no such device")
	}
	w := &fakeWire{host: h, in: make(chan []byte, 4096), claims: make(chan Claim, 16), shut: make(chan struct{}), alive: make(chan struct{})}
	h.hub.mu.Lock()
	defer h.hub.mu.Unlock()
	h.hub.wires = append(h.hub.wires, w)
	return w, nil
}

func (h *host) Devices() ([]Device, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.devices), nil
}

func (h *host) Hold(all []Holding, refresh bool) ([]Holding, error) {
	time.Sleep(h.slow)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.here = slices.Clone(all)
	if refresh {
		h.refresh++
	}
	stolen := h.stolen
	h.stolen = nil
	return stolen, nil
}

func (h *host) Left() ([]Holding, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.here), nil
}

func (h *host) Watch(ctx context.Context, changed func()) error {
	h.mu.Lock()
	h.changed = changed
	h.mu.Unlock()
	<-ctx.Done()
	return nil
}

// holds reports whether the host has an address.
func (h *host) holds(address string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.here, func(held Holding) bool {
		return slices.Contains(held.Addresses, netip.MustParsePrefix(address))
	})
}

type fakeWire struct {
	host   *host
	in     chan []byte
	claims chan Claim
	once   sync.Once
	first  sync.Once
	shut   chan struct{}
	alive  chan struct{}
}

func (w *fakeWire) deliver(frame []byte) {
	w.first.Do(func() { close(w.alive) })
	var p packet.Packet
	if r := p.Parse(frame); r == packet.Protocol {
		return
	}
	select {
	case w.in <- slices.Clone(frame):
	default:
	}
}

func (w *fakeWire) Receive(frame []byte) (int, error) {
	select {
	case f := <-w.in:
		return copy(frame, f), nil
	case <-w.shut:
		return 0, errors.New("closed")
	}
}

func (w *fakeWire) Poll(frame []byte) (int, error) {
	select {
	case f := <-w.in:
		return copy(frame, f), nil
	default:
		return 0, nil
	}
}

func (w *fakeWire) Transmit(frame []byte) error {
	w.host.hub.send(w, frame)
	return nil
}

func (w *fakeWire) Unicast(ip []byte, to netip.Addr) error {
	ethernet := packet.AppendEthernet(nil, [6]byte{2}, [6]byte{2, 1}, packet.EtherType(false))
	return w.Transmit(append(ethernet, ip...))
}

func (w *fakeWire) Guard([]netip.Addr) error { return nil }

func (w *fakeWire) Claim() (Claim, error) {
	select {
	case c := <-w.claims:
		return c, nil
	case <-w.shut:
		return Claim{}, errors.New("closed")
	}
}

func (w *fakeWire) Alive() <-chan struct{} { return w.alive }

func (w *fakeWire) Close() error {
	w.once.Do(func() { close(w.shut) })
	w.host.hub.mu.Lock()
	defer w.host.hub.mu.Unlock()
	w.host.hub.wires = slices.DeleteFunc(w.host.hub.wires, func(o *fakeWire) bool { return o == w })
	return nil
}

// running is an engine on a host.
type running struct {
	*Engine
	host *host
	kill context.CancelFunc
	done chan error
}

func (h *host) start(t *testing.T, past ...Past) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var n uint32
	stamp := func() packet.Stamp { n++; return packet.Stamp{Seconds: uint32(time.Now().Unix()), Counter: uint16(n)} }
	r := &running{Engine: NewEngine(h, stamp, past, slog.New(slog.DiscardHandler)), host: h, kill: cancel, done: make(chan error, 1)}
	go func() { r.done <- r.Run(ctx) }()
	t.Cleanup(func() { r.end(t) })
	return r
}

// end stops an engine as kill -9 does: nothing is said.
func (r *running) end(t *testing.T) {
	r.kill()
	if err := <-r.done; err != nil {
		t.Errorf("engine on %s: %v", r.host.name, err)
	}
	r.done <- nil
}

func (r *running) election(family Family) Election {
	status, _ := r.Status()
	for _, e := range status.Elections {
		if e.Family == family {
			return e
		}
	}
	return Election{}
}

// wish is a house's gateway as the pair in the tests wants it.
func wish(priority int, change ...func(*Wish)) Wanted {
	w := Wish{Router: Router{
		Name: "lan", ID: 51, Interface: "lan0", Version: 3, Base: priority, Interval: time.Second,
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.1/24")}, Preempt: true, FastPreempt: true,
	}, Priority: priority}
	for _, f := range change {
		f(&w)
	}
	return Wanted{Routers: []Wish{w}}
}
