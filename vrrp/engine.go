package vrrp

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

// late is how far behind its time a timer may fire before the engine assumes that it was not running, and hears
// what has come in the meantime before it speaks.
const late = 20 * time.Millisecond

// punctual is the part of its interval by which an advert may come early, so that those of many elections leave in one
// go: waking up costs more than an advert does.
const punctual = 100

// Engine is the driver: it runs every election of one machine in one loop. Make it with NewEngine.
type Engine struct {
	kernel Kernel
	log    *slog.Logger
	stamp  func() packet.Stamp
	past   map[Place]Past

	wanted  chan Wanted // of one: the latest wins
	look    chan struct{}
	devices chan []Device
	frames  chan *slot
	lost    chan *wire
	claims  chan claimed
	hands   *hands
	reports *reports
	status  atomic.Pointer[Status]
	changed atomic.Pointer[chan struct{}]

	// The loop's own.
	keep      time.Duration
	leftover  []Holding // of an earlier run
	orders    uint64    // given to the hands
	seen      map[string]Device
	wires     map[string]*wire
	closing   sync.WaitGroup // of wires
	instances map[Place]*instance
	members   map[Key]*instance // the same
	order     []*instance       // the same, for people
	groups    map[string]*Group
	speakers  speakers
	rejected  map[packet.Reject]uint64 // packets that name no election of ours
	next      time.Time                // when the loop means to wake
	moved     bool                     // what is held has to be elsewhere
	fresh     bool                     // the status is not what was published
	published time.Time
	cause     []byte // the packet being heard
	scratch   []netip.Addr
}

// Place is what tells elections apart on one machine.
type Place struct {
	Interface string
	ID        uint8
	Family    Family
}

func (p Place) key() Key {
	return Key{Router: fmt.Sprintf("%s/%d", p.Interface, p.ID), Family: p.Family}
}

// Past is what an engine before this one knew of an election, so that its end is not felt.
type Past struct {
	Place
	Active bool
	Memory packet.State
}

// NewEngine returns an engine that does nothing until Run. Stamp makes the time stamps of hmac adverts: each must be
// greater than every one before it, over restarts too.
func NewEngine(kernel Kernel, stamp func() packet.Stamp, past []Past, log *slog.Logger) *Engine {
	e := &Engine{
		kernel: kernel, log: log, stamp: stamp, past: map[Place]Past{},
		wanted: make(chan Wanted, 1), look: make(chan struct{}, 1), devices: make(chan []Device),
		frames: make(chan *slot, backlog), lost: make(chan *wire), claims: make(chan claimed),
		hands: newHands(kernel, log), reports: newReports(),
		seen: map[string]Device{}, wires: map[string]*wire{}, instances: map[Place]*instance{}, members: map[Key]*instance{}, groups: map[string]*Group{},
		speakers: newSpeakers(), rejected: map[packet.Reject]uint64{},
	}
	for _, p := range past {
		e.past[p.Place] = p
	}
	first := make(chan struct{})
	e.changed.Store(&first)
	e.status.Store(&Status{})
	return e
}

// Set replaces everything wanted of the engine. It never blocks.
func (e *Engine) Set(w Wanted) {
	for {
		select {
		case e.wanted <- w:
			return
		default:
		}
		select {
		case <-e.wanted:
		default:
		}
	}
}

// Status returns the newest status and a channel that is closed when there is a newer one.
func (e *Engine) Status() (*Status, <-chan struct{}) {
	changed := *e.changed.Load()
	return e.status.Load(), changed
}

// Reports returns the reports with a number above after, the oldest first. Only the last 256 are kept.
func (e *Engine) Reports(after uint64) []Report { return e.reports.since(after) }

// Run serves until ctx ends. Virtual addresses that are held then stay until they expire: to leave in order, Set what is
// wanted without them first and wait until Status holds none.
func (e *Engine) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel()
	if err := e.begin(); err != nil {
		return err
	}
	defer e.closeWires()
	tasks.Go(func() {
		if err := e.kernel.Watch(ctx, e.lookAgain); err != nil {
			e.log.Error("kernel news ended", "err", err)
		}
	})
	tasks.Go(func() { e.survey(ctx) })
	tasks.Go(func() { e.hands.run(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		e.await(ctx, timer)
		now := time.Now()
		e.tick(now)
		e.next = e.due()
		timer.Reset(max(0, time.Until(e.next)))
	}
	e.published = time.Time{}
	e.publish(time.Now())
	return nil
}

// begin looks at the machine once, before the first wish.
func (e *Engine) begin() error {
	devices, err := e.kernel.Devices()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	left, err := e.kernel.Left()
	if err != nil {
		return fmt.Errorf("read virtual addresses left by an earlier run: %w", err)
	}
	for _, d := range devices {
		e.seen[d.Name] = d
	}
	e.leftover = left
	return nil
}

// await takes in one piece of news.
func (e *Engine) await(ctx context.Context, timer *time.Timer) {
	select {
	case <-ctx.Done():
	case <-timer.C:
	case w := <-e.wanted:
		e.reconcile(time.Now(), w)
	case d := <-e.devices:
		e.relink(time.Now(), d)
	case s := <-e.frames:
		e.receive(time.Now(), s)
	case w := <-e.lost:
		e.lose(time.Now(), w)
	case c := <-e.claims:
		e.contest(time.Now(), c)
	case h := <-e.hands.done:
		e.installed(time.Now(), h)
	}
}

// lookAgain asks for a fresh look at the interfaces and at the virtual addresses on them.
func (e *Engine) lookAgain() {
	select {
	case e.look <- struct{}{}:
	default:
	}
	e.hands.lookAgain()
}

// survey looks at the interfaces, so that the loop never waits for the kernel's answer.
func (e *Engine) survey(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.look:
		}
		devices, err := e.kernel.Devices()
		if err != nil {
			e.log.Error("list interfaces", "err", err)
			e.lookLater(ctx)
			continue
		}
		select {
		case <-ctx.Done():
			return
		case e.devices <- devices:
		}
	}
}

// lookLater asks for another look after an error.
func (e *Engine) lookLater(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(elicit):
		e.lookAgain()
	}
}

// relink takes in a fresh list of interfaces.
func (e *Engine) relink(now time.Time, devices []Device) {
	clear(e.seen)
	for _, d := range devices {
		e.seen[d.Name] = d
	}
	for _, w := range slices.Collect(maps.Values(e.wires)) {
		if d, there := e.seen[w.device]; !there || d.Index != w.index || !d.Up {
			e.closeWire(w)
		}
	}
	for _, in := range e.order {
		e.ready(now, in)
	}
	for _, w := range e.wires {
		e.guard(w)
	}
	if e.moved {
		e.hold()
	}
}

// tick does everything that is due. After a time in which the machine or the process stood still it first hears what
// others have said since: an Active that was replaced meanwhile must not speak as one.
func (e *Engine) tick(now time.Time) {
	if behind := now.Sub(e.next); behind > late && !e.next.IsZero() {
		e.wake(now, behind)
		now = time.Now()
	}
	for _, in := range e.order {
		early := now.Add(in.wish.Interval / punctual)
		if in.running && in.at.After(early) {
			continue // what has become due since is so in the next round, at once
		}
		switch at := in.group.Due(); {
		case due(at, now):
			e.act(now, in.group.Tick(now))
		case due(at, early) && in.group.View(in.key).State == Active:
			e.act(now, in.group.Tick(at)) // its time stays where it is, so nothing drifts
		}
		e.attend(now, in)
	}
	e.forget(now)
	e.publish(now)
}

// wake catches up. Whoever has been silent for a down-interval is no longer Active in the eyes of others: it asks before
// it goes on.
func (e *Engine) wake(now time.Time, behind time.Duration) {
	var lapsed []*instance
	for _, in := range e.order {
		if in.running && behind > 3*in.wish.Interval && in.group.View(in.key).State == Active {
			in.running = false
			lapsed = append(lapsed, in)
			e.act(now, in.group.Step(now, in.key, Event{
				Kind: Block, State: Waiting, Keep: -1, Reason: fmt.Sprintf("this router stood still for %s", behind.Round(time.Millisecond)),
			}))
		}
	}
	e.drain(now)
	for _, in := range lapsed {
		e.ready(time.Now(), in)
	}
	e.hold() // the hands wait for it: addresses may have expired
}

// due is when something is to be done next.
func (e *Engine) due() time.Time {
	next := e.nextPublish()
	for _, in := range e.order {
		in.at = earlier(in.group.Due(), in.due())
		next = earlier(next, in.at)
	}
	return next
}
