// Package router decides which WAN carries the house and keeps the kernel that way.
//
// State holds the facts; Fold takes one in, Decide applies the one rule of design §1, Plan says what is wanted of
// the kernel: all pure. Router is the one loop around them. It owns the State; clients, monitors and
// the kernel send facts to it and everyone else reads its Snapshot.
package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/vrrp"
)

const (
	// settle is how long the first plan waits for clients that know their lease from an earlier run, so that
	// a restart takes nothing away that it will want a moment later.
	settle = 2 * time.Second
	// reconcile is how often the kernel is compared with the plan without any notice that it changed.
	reconcile = 30 * time.Second
	// breath keeps a fight with another program from taking a whole core.
	breath = 10 * time.Millisecond
	// countFlows is how often the flows of a drained WAN are counted.
	countFlows = 5 * time.Second
)

// Router is the one loop. Make it with New.
type Router struct {
	ports   Ports
	version string
	log     *slog.Logger

	state    *State
	inbox    *inbox
	crew     *crew
	sweeper  *sweeper
	snapshot atomic.Pointer[Snapshot]
	changed  atomic.Pointer[chan struct{}] // closed and replaced with each snapshot

	started, looked, applied, counted time.Time
	next                              time.Time // round without news
	plan                              Plan
	refused                           error // by the kernel, of plan
	measured                          time.Time
	counters                          Counters // of then
	wanted                            vrrp.Wanted
	checks                            []check.Watched
	offered                           []PartnerLine  // to the other router; nil: nothing was
	waiting                           []chan<- error // to hear how the next plan was taken
}

// New returns a router that does nothing until Run.
func New(config Config, version string, ports Ports, log *slog.Logger) (*Router, error) {
	links, err := ports.Kernel.Links()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	earlier, err := ports.Kernel.Earlier()
	if err != nil {
		return nil, fmt.Errorf("read what an earlier run left: %w", err)
	}
	now := ports.Now()
	r := &Router{ports: ports, version: version, log: log, inbox: newInbox(), started: now, looked: now, counted: now}
	r.state = NewState(config, links, earlier, now)
	r.crew = newCrew(ports, r.inbox, log)
	r.sweeper = newSweeper(ports.Kernel, log)
	first := make(chan struct{})
	r.changed.Store(&first)
	r.snapshot.Store(r.state.Snapshot(now, version, r.state.Decide(now)))
	return r, nil
}

// Look tells the router that something in the kernel changed. It never blocks.
func (r *Router) Look() { r.inbox.lookAgain() }

// Tell hands a fact to the router. It never blocks.
func (r *Router) Tell(f Fact) { r.inbox.put(f, nil) }

// Reconfigure replaces the configuration and returns when the kernel has it, or why not.
func (r *Router) Reconfigure(ctx context.Context, config Config) error {
	done := make(chan error, 1)
	r.inbox.put(Reconfigured{config}, done)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Answer returns when the loop has made a full round, after the first plan: the proof of life for a watchdog.
func (r *Router) Answer(ctx context.Context) error {
	done := make(chan error, 1)
	r.inbox.put(nil, done)
	return await(ctx, done)
}

// Alive returns when the loop turns, and costs it next to nothing: the proof of life for the sentinel, twice a second.
func (r *Router) Alive(ctx context.Context) error {
	done := make(chan error, 1)
	r.inbox.feel(done)
	return await(ctx, done)
}

func await(ctx context.Context, done <-chan error) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Snapshot returns the newest view and a channel that is closed when there is a newer one.
func (r *Router) Snapshot() (*Snapshot, <-chan struct{}) {
	changed := *r.changed.Load()
	return r.snapshot.Load(), changed
}

// Run keeps the house online until ctx ends. The kernel is left as it is then: connections outlive the daemon.
func (r *Router) Run(ctx context.Context) error {
	defer r.crew.stop()
	go r.sweeper.run(ctx)
	defer r.sweeper.wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.inbox.wake:
		case <-timer.C:
		}
		if r.inbox.beat() && r.ports.Now().Before(r.next) {
			continue
		}
		r.round(ctx)
		sleep := r.sleep()
		r.next = r.ports.Now().Add(sleep)
		timer.Reset(sleep)
	}
}

// round takes in all news, decides, makes it true and tells.
func (r *Router) round(ctx context.Context) {
	now := r.ports.Now()
	letters, look := r.inbox.take()
	if look || now.Sub(r.looked) >= reconcile {
		r.look(now)
		look, now = true, r.ports.Now()
	}
	for _, l := range letters {
		r.record(r.state.Fold(now, l.fact))
		if l.done != nil {
			r.waiting = append(r.waiting, l.done)
		}
	}
	if r.state.blind() { // what a client made is here before its lease
		r.look(now)
		look = true
	}
	r.state.park(now)
	r.crew.attend(ctx, r.state)
	if !r.settled(now) {
		return
	}
	d := r.state.Decide(now)
	r.record(r.state.Commit(now, d))
	r.checkVirtual()
	r.offer(d)
	err := r.elect(now, d, func() error { return r.apply(now, r.state.Plan(d), look) })
	r.crew.rescue(ctx, r.state, now, d)
	r.runScripts()
	r.crew.watch(ctx, r.state, d)
	r.sweeper.put(r.state.DueSweeps(now))
	if now.Sub(r.counted) >= countFlows {
		r.counted = now
		r.crew.countFlows(r.state)
	}
	snapshot := r.state.Snapshot(now, r.version, d)
	r.measure(now, snapshot)
	r.publish(snapshot)
	for _, w := range r.waiting {
		w <- err // has room for it
	}
	r.waiting = nil
}

func (r *Router) look(now time.Time) {
	if wait := breath - now.Sub(r.looked); wait > 0 {
		time.Sleep(wait)
	}
	r.looked = r.ports.Now()
	links, err := r.ports.Kernel.Links()
	if err != nil {
		r.log.Error("list interfaces", "err", err)
		return
	}
	r.record(r.state.Fold(now, LinksSeen(links)))
}

// settled reports whether every client has said what it knows, or has had its time.
func (r *Router) settled(now time.Time) bool {
	if !r.applied.IsZero() || now.Sub(r.started) >= settle {
		return true
	}
	for _, l := range r.state.lines {
		if l.link.Index != 0 && l.parked == "" && !l.reported && l.dressed(now) || r.crew.six.clients[l.config.Name] != nil && !l.six.reported {
			return false
		}
	}
	return true
}

// apply makes the plan true when it is new or the kernel may have changed under it.
func (r *Router) apply(now time.Time, p Plan, look bool) error {
	if !look && !r.applied.IsZero() && reflect.DeepEqual(p, r.plan) {
		return r.refused
	}
	applied, err := r.ports.Kernel.Apply(p)
	r.plan, r.applied, r.refused = p, now, err
	if err != nil && r.inbox.looking() {
		return err // of what is changing right now: the next round has a better look
	}
	if err != nil {
		r.log.Error("apply plan", "err", err)
	}
	r.record(r.state.Fold(r.ports.Now(), PlanApplied{applied, err}))
	return err
}

func (r *Router) record(events []Event) {
	for _, e := range events {
		r.log.Info(string(e.Kind), "wan", e.WAN, "vrrp", e.VRRP, "from", e.From, "to", e.To, "reason", e.Sentence)
		r.ports.Record(e)
	}
}

func (r *Router) publish(s *Snapshot) {
	r.snapshot.Store(s)
	next := make(chan struct{})
	close(*r.changed.Swap(&next))
}

// sleep is how long nothing happens by itself.
func (r *Router) sleep() time.Duration {
	now := r.ports.Now()
	next := r.looked.Add(reconcile)
	if r.applied.IsZero() {
		next = earliest(next, r.started.Add(settle), now)
	}
	for _, l := range r.state.lines {
		next = earliest(next, l.seen.Add(patience), now)
		next = earliest(next, l.hold.Until(), now)
		next = earliest(next, l.rehearsed, now)
		next = earliest(next, l.rescue.Next(), now)
		if l.drained {
			next = earliest(next, r.counted.Add(countFlows), now)
		}
	}
	if len(r.state.virtuals) > 0 && !r.introduced(now) {
		next = earliest(next, r.started.Add(introduction), now)
	}
	next = earliest(next, r.state.former.until, now)
	next = r.state.wake6(now, next)
	next = r.state.vrrpWake(now, next)
	next = r.state.bond.wake(now, next)
	next = r.state.leavingWake(now, next)
	for _, w := range r.state.sweeps {
		next = earliest(next, w.next, now)
	}
	return max(next.Sub(now), 0)
}

// earliest is b when it is still to come and sooner than a.
func earliest(a, b, now time.Time) time.Time {
	if b.After(now) && b.Before(a) {
		return b
	}
	return a
}

// ErrNoWAN is returned when a command names a WAN that is not configured.
var ErrNoWAN = errors.New("there is no such WAN")

// ErrAlone is returned when the house is to leave a router that has no other beside it.
var ErrAlone = errors.New("there is no [[vrrp]]: no other router could serve the house")

// Drain asks for a WAN to be left by new flows; off undoes it. An empty name means this router as a whole, which another one
// is to relieve; with off it means every WAN too.
func (r *Router) Drain(name string, off bool) error {
	snap := r.snapshot.Load()
	known := name == ""
	if known && !off && len(snap.VRRP) == 0 {
		return ErrAlone
	}
	for _, w := range snap.WANs {
		known = known || w.Name == name
	}
	if !known {
		return fmt.Errorf("%q: %w", name, ErrNoWAN)
	}
	r.Tell(DrainWished{WAN: name, Off: off})
	return nil
}
