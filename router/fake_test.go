package router

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/script"
	"github.com/twinpath/twinpath/vrrp"
	"github.com/twinpath/twinpath/wan"
)

// world is a kernel, clients, monitors and a scout, all in memory. Whatever runs in it is counted.
type world struct {
	running atomic.Int32

	mu       sync.Mutex
	links    []Link
	defaults []string
	plans    []Plan
	refusal  error
	restored []string
	vacated  []Vacate
	flows    int
	events   []Event
	released []string
	mute     map[string]bool             // WANs whose client says nothing
	leases   map[string]wan.Lease        // what the clients get
	verdicts map[string]health.Verdict   // what the monitors say at first
	monitors map[string]*fakeMonitor     // that run now
	reports  map[string]func(wan.Update) // of the clients that run now
	devices  map[string]string           // of the clients that run now
	steps    []string                    // what the kernel and the VRRP engine were told, in order
	watched  []check.Watched
	scripts  []script.Change
	counters func() Counters
}

func newWorld() *world {
	up := health.Verdict{State: health.Up, Reason: "3 of 3 checks answer"}
	return &world{
		links: []Link{
			{Index: 2, Name: "lan0", MAC: "02:00:00:00:00:02", Up: true, Carrier: true, MTU: 1500},
			{Index: 3, Name: "wan0", MAC: "02:00:00:00:00:03", Up: true, Carrier: true, MTU: 1500},
			{Index: 4, Name: "usb0", MAC: "02:00:00:00:00:04", Up: true, Carrier: true, MTU: 1500},
		},
		mute: map[string]bool{},
		leases: map[string]wan.Lease{
			"fibre": {Address: netip.MustParsePrefix("198.51.100.7/24"), Gateway: netip.MustParseAddr("198.51.100.1")},
			"lte":   {Address: netip.MustParsePrefix("192.0.2.9/24"), Gateway: netip.MustParseAddr("192.0.2.1")},
		},
		verdicts: map[string]health.Verdict{"fibre": up, "lte": up},
		monitors: map[string]*fakeMonitor{},
		reports:  map[string]func(wan.Update){},
		devices:  map[string]string{},
	}
}

func (w *world) ports() Ports {
	return Ports{Kernel: w, Client: w.client, Monitor: w.monitor, Scout: w, Now: time.Now, VRRP: engine{w}, Checks: checks{w}, Counters: w.counters,
		Record: func(e Event) { w.change(func(w *world) { w.events = append(w.events, e) }) },
		Script: func(c script.Change) { w.change(func(w *world) { w.scripts = append(w.scripts, c) }) },
	}
}

// engine is a VRRP engine that does nothing.
type engine struct{ *world }

func (e engine) Want(w vrrp.Wanted) {
	e.change(func(world *world) {
		for _, r := range w.Routers {
			world.steps = append(world.steps, fmt.Sprintf("%s %d on %s %s", r.Name, r.Priority, r.Interface, r.Fault))
		}
		if len(w.Routers) == 0 {
			world.steps = append(world.steps, "nothing")
		}
	})
}

type checks struct{ *world }

func (c checks) Want(all []check.Watched) { c.change(func(w *world) { w.watched = all }) }

// walked are the steps since the last call.
func (w *world) walked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	steps := w.steps
	w.steps = nil
	return steps
}

// Apply implements Kernel.
func (w *world) Apply(p Plan) (Applied, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.plans = append(w.plans, p)
	w.steps = append(w.steps, "apply")
	restored := w.restored
	w.restored = nil
	return Applied{Changes: 1, Restored: restored}, w.refusal
}

// Links implements Kernel.
func (w *world) Links() ([]Link, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.links), nil
}

// Earlier implements Kernel.
func (w *world) Earlier() (Earlier, error) { return Earlier{Carrying: w.defaults}, nil }

// Vacate implements Kernel.
func (w *world) Vacate(v Vacate) (Vacated, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.vacated = append(w.vacated, v)
	return Vacated{Flows: 1, Told: 1}, nil
}

// Flows implements Kernel.
func (w *world) Flows(firewall.Mark) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flows, nil
}

// Learn implements Scout: it takes as long as it is let.
func (w *world) Learn(ctx context.Context, _ Suspected) {
	w.running.Add(1)
	defer w.running.Add(-1)
	<-ctx.Done()
}

// Diagnose implements Scout.
func (w *world) Diagnose(_ context.Context, look Suspected) DiagnosisSeen {
	return DiagnosisSeen{WAN: look.WAN, Clause: "nothing beyond the ISP's first hop answers", Blame: BlameISP}
}

// fakeClient gets its lease a moment after its start.
type fakeClient struct {
	world *world
	at    Attached
}

func (w *world) client(at Attached) wan.Client { return &fakeClient{w, at} }

func (c *fakeClient) Run(ctx context.Context) error {
	w, name := c.world, c.at.Config.Name
	w.running.Add(1)
	defer w.running.Add(-1)
	time.Sleep(50 * time.Millisecond)
	w.mu.Lock()
	lease, mute := w.leases[name], w.mute[name]
	w.reports[name], w.devices[name] = c.at.Report, c.at.Device
	w.mu.Unlock()
	if !mute {
		c.at.Report(wan.Update{WAN: name, Lease: &lease})
	}
	<-ctx.Done()
	return nil
}

func (c *fakeClient) LinkUp() {}
func (c *fakeClient) Dead()   {}

func (c *fakeClient) Release() error {
	w := c.world
	w.mu.Lock()
	defer w.mu.Unlock()
	w.released = append(w.released, c.at.Config.Name)
	c.at.Report(wan.Update{WAN: c.at.Config.Name, Reason: "the line has been given up"})
	return nil
}

// fakeMonitor says the verdict that the world has for its WAN, and others on demand.
type fakeMonitor struct {
	world *world
	at    Watched
}

func (w *world) monitor(at Watched) Monitor { return &fakeMonitor{w, at} }

func (m *fakeMonitor) Run(ctx context.Context) error {
	w := m.world
	w.running.Add(1)
	defer w.running.Add(-1)
	w.mu.Lock()
	w.monitors[monitored(m.at)] = m
	v := w.verdicts[m.at.WAN]
	w.mu.Unlock()
	m.at.Report(v)
	<-ctx.Done()
	return nil
}

// monitored is by which name a monitor is known: a line's IPv6 has one of its own.
func monitored(at Watched) string {
	if len(at.Health.Checks) > 0 && at.Health.Checks[0].Target == "2606:4700:4700::1111" {
		return at.WAN + "6"
	}
	return at.WAN
}

// say6 makes the monitor of a line's IPv6 report.
func (w *world) say6(name string, v health.Verdict) { w.say(name+"6", v) }

// say makes a monitor report.
func (w *world) say(name string, v health.Verdict) {
	w.mu.Lock()
	m := w.monitors[name]
	w.mu.Unlock()
	m.at.Report(v)
}

// change edits the world as its owner does.
func (w *world) change(f func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w)
}

// last is the plan in force and how many there were.
func (w *world) last() (Plan, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.plans) == 0 {
		return Plan{}, 0
	}
	return w.plans[len(w.plans)-1], len(w.plans)
}

func (w *world) said() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, e := range w.events {
		all = append(all, e.Sentence)
	}
	return all
}

// start runs a router in the world. The returned function ends it and checks that all its workers ended with it.
func (w *world) start(t *testing.T, config Config) (*Router, func()) {
	t.Helper()
	return w.run(t, config, w.ports())
}

func (w *world) run(t *testing.T, config Config, ports Ports) (*Router, func()) {
	t.Helper()
	r, err := New(config, "test", ports, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if n := w.running.Load(); n != 0 {
			t.Errorf("%d workers outlive the router", n)
		}
	}
}
