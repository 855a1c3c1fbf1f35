package main

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/pair/handover"
	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/pair/pulse"
	"github.com/twinpath/twinpath/router"
)

// duet is a couple at work: from the configuration that asks for it to the one that no longer does. One loop owns all of it; what others have to
// say comes to it through todo.
type duet struct {
	*couple
	config router.Config
	link   *link.Link
	pulse  *pulse.Pulse
	hands  *hands
	todo   chan func(now time.Time)
	ctx    context.Context // of the loop
	group  *errgroup.Group

	snap     *router.Snapshot
	side     router.Link // of the LAN, as last settled
	appeared time.Time   // when the LAN was first seen
	doubtful bool        // its link-local address is not proved yet
	settings link.Settings
	session  *link.Session // nil: not linked
	partner  link.Greeting // the newest one
	unlink   context.CancelFunc
	mine     map[firewall.Mark]bool // of the lines whose connections are watched
	since    time.Time              // of being linked, or not
	life     pulse.View
	mixed    time.Time // since when this router serves a part of the house's addresses; zero: it serves all or none

	own, theirs flow.Book
	anew        bool // theirs has begun anew in this session
	listed      bool // theirs is all that the other one had when the session began
	machine     handover.Machine
	orders      handover.Orders
	facts       handover.Facts
	have        handover.Diversion // of the kernel
	buried      time.Time          // when the other router was found dead; zero: it is not
	risen       time.Time          // when it answered again, and no more than that; zero: it does not
	handovers   uint64

	told   router.Together
	toldAt time.Time
	wake   time.Time
}

// Times of the loop. Chosen here.
const (
	acquaint = 5 * time.Second        // between two tables of neighbours, and two looks of the topics
	figures  = time.Second            // between two news that are only of numbers that somebody may wait for
	idly     = 10 * time.Second       // the same of those that nobody waits for
	funeral  = 100 * time.Millisecond // for the kernel to stop sending to a dead router, before the house moves all the same
	boots    = time.Minute            // for a router that answers again to be linked again
	vouched  = 3 * time.Second        // for a link-local address to be proved to be nobody else's (RFC 4862 §5.4)
	divided  = 2 * time.Second        // for the addresses of the house to move together
)

func newDuet(c *couple, cfg *router.Config) *duet {
	now := time.Now()
	d := &duet{couple: c, config: *cfg, todo: make(chan func(time.Time), 64), since: now, unlink: func() {}}
	d.link = link.New(c.net, link.Events{Up: d.up, Message: d.message, Down: d.down}, c.log)
	d.pulse = pulse.New(c.beats, func(v pulse.View) { d.do(func(time.Time) { d.life = v }) }, c.log)
	d.hands = newHands(c.kernel, func(done handsDone) { d.do(func(time.Time) { d.done(done) }) }, c.log)
	return d
}

// do has the loop do something. It returns when the loop has taken it, or is no more.
func (d *duet) do(what func(now time.Time)) {
	select {
	case d.todo <- what:
	case <-d.ctx.Done():
	}
}

// errAlone ends a duet whose configuration asks for no other router any more.
var errAlone = errors.New("there is no other router any more")

// run works until ctx ends, or there is no pair any more.
func (d *duet) run(ctx context.Context) error {
	d.adopt()
	d.group, d.ctx = errgroup.WithContext(ctx)
	for _, task := range []func(context.Context) error{d.link.Run, d.pulse.Run, d.hands.Run, d.abroad.Run, d.loop} {
		d.group.Go(func() error { return task(d.ctx) })
	}
	err := d.group.Wait()
	if errors.Is(err, errAlone) {
		err = nil
	}
	return err
}

// adopt takes over what an earlier run has left in the kernel.
func (d *duet) adopt() {
	left, err := d.kernel.Diverted()
	if err != nil {
		d.log.Warn("what an earlier run left of a hand-over is not known", "err", err)
		return
	}
	if left.Mode != handover.None {
		d.machine.Adopt(d.since, left)
		d.hands.want(left) // or they would remove it before the first step
	}
}

// loop takes in what happens, one thing after the other.
func (d *duet) loop(ctx context.Context) error {
	snap, changed := d.view()
	d.snap = snap
	regular := time.NewTicker(acquaint)
	defer regular.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	d.settle(time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case what := <-d.todo:
			what(time.Now())
		case <-changed:
			d.snap, changed = d.view()
			d.look(time.Now())
		case <-d.news:
			if cfg := d.couple.config.Load(); !paired(cfg) {
				return errAlone
			} else {
				d.config = *cfg
			}
			d.hands.check()
			d.settle(time.Now())
		case <-regular.C:
			d.look(time.Now())
			d.acquaint()
		case <-timer.C:
			if d.doubtful {
				d.settle(time.Now())
			}
		}
		d.step(time.Now())
		timer.Reset(max(time.Until(d.wake), 0))
	}
}

// look shows the topics the newest snapshot.
func (d *duet) look(now time.Time) {
	for _, t := range d.topics {
		t.Look(now, d.snap)
	}
	if d.snap.Side.Link != d.side || d.doubtful {
		d.settle(now)
	}
	d.watchOthers()
}

// settle tells the link and the signs of life who the two routers are.
func (d *duet) settle(now time.Time) {
	side := d.snap.Side.Link
	if side.Index != d.side.Index {
		d.appeared = now
	}
	d.side = side
	s := d.identity(side)
	if d.config.LAN.IPv6 && !s.LinkLocal.IsValid() && now.Sub(d.appeared) < vouched && side.Index != 0 {
		d.doubtful = true // it would end the link when it comes
		return
	}
	d.doubtful = false
	d.settings = s
	d.link.Use(s)
	d.direct()
}

// identity is who this router is to the other one.
func (d *duet) identity(side router.Link) link.Settings {
	pair := d.config.Pair
	s := link.Settings{
		Own: d.config.LAN.Address.Addr(), Partner: pair.Peer, Port: pair.Port, Device: side.Name, Index: side.Index, Secret: pair.Secret,
		Router: d.config.Name, Version: version, MAC: side.MAC, Beat: pair.Beat,
	}
	if side.Index == 0 {
		return s
	}
	own, err := d.kernel.LinkLocal(side.Index)
	if err != nil {
		d.log.Warn("addresses not listed", "err", err)
	}
	if s.LinkLocal = own; !own.IsValid() && side.Index == d.settings.Index {
		s.LinkLocal = d.settings.LinkLocal // it is being proved again
	}
	return s
}

// direct tells the signs of life where the other router is.
func (d *duet) direct() {
	s := d.settings
	d.pulse.Use(pulse.Way{Device: s.Device, Index: s.Index, Own: s.Own, Partner: s.Partner, Port: s.Port, MAC: d.partner.MAC})
}
