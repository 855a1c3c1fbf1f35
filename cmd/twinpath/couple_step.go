package main

import (
	"reflect"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/pair/handover"
	"github.com/twinpath/twinpath/pair/pulse"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// step asks the Machine what is wanted now, has it done, and tells the router how things are.
func (d *duet) step(now time.Time) {
	was := d.orders.Phase
	d.gather(now)
	d.orders = d.machine.Step(now, d.facts)
	d.hands.want(d.orders.Diversion)
	for _, a := range d.orders.Actions {
		d.act(a)
	}
	if p := d.orders.Phase; p != was && p == handover.Keeps {
		d.handovers++
	}
	if d.orders.Phase != was {
		d.log.Info("hand-over", "phase", d.orders.Phase.String(), "flows", d.theirs.Len(), "own", d.own.Len())
	}
	d.wake = sooner(now.Add(acquaint), d.orders.Next)
	if d.doubtful {
		d.wake = sooner(d.wake, d.appeared.Add(vouched))
	}
	if at := d.mixed.Add(divided); !d.mixed.IsZero() && now.Before(at) {
		d.wake = sooner(d.wake, at)
	}
	d.report(now)
}

func sooner(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// gather puts together what the Machine goes by.
func (d *duet) gather(now time.Time) {
	f := &d.facts
	side := d.snap.Side
	lines := d.lending.Lines()
	f.Off, f.Keep = d.config.Pair.NoHandOver, d.config.Pair.Keep
	if leans(d.config, d.snap) {
		f.Keep = 0 // new connections go there, too, for as long as the owner's configuration says so
	}
	f.Linked = d.session != nil && lines != nil // one that has not said which lines it has could seem to have none
	f.Standing, f.Elsewhere = d.standing(now, side)
	if f.Life = lifeOf(d.life); d.mover.deserted() {
		f.Life = handover.Gone
	}
	f.Partner = handover.Partner{Active: side.Partner > 0}
	for _, l := range lines {
		f.Partner.Usable4, f.Partner.Usable6 = f.Partner.Usable4 || l.Usable, f.Partner.Usable6 || l.Usable6
	}
	f.Partner.Metered = all(lines, func(l router.PartnerLine) bool { return l.Metered })
	f.Partner.Doubtful = all(lines, func(l router.PartnerLine) bool { return l.State == health.Degraded.String() })
	f.List, f.Listed, f.Own = d.theirs.Len(), d.listed, d.own.Len()
	f.Way = handover.Diversion{}
	if d.session != nil && len(side.Devices) > 0 {
		f.Way = handover.Diversion{
			LAN: side.Devices, Partner: d.partner.MAC, Gateway4: d.settings.Partner, Gateway6: d.partner.LinkLocal,
			Subnets: side.Subnets, Uplinks: side.Uplinks, Sources6: side.Sources6,
		}
	}
}

// all reports whether something is so of every line of a router that works, and there is one.
func all(lines []router.PartnerLine, is func(router.PartnerLine) bool) bool {
	some := false
	for _, l := range lines {
		if l.Usable && !is(l) {
			return false
		}
		some = some || l.Usable
	}
	return some
}

// standing is this router's part in serving the house. Its addresses move within a few milliseconds of each other, so that serving a part of
// them only counts as the owner's wish when it lasts.
func (d *duet) standing(now time.Time, side router.Side) (s handover.Standing, elsewhere bool) {
	if side.Serves == 0 || side.Follows == 0 {
		d.mixed = time.Time{}
	} else if d.mixed.IsZero() {
		d.mixed = now
	}
	elsewhere = !d.mixed.IsZero() && now.Sub(d.mixed) >= divided
	switch {
	case side.Serves > 0:
		return handover.Active, elsewhere
	case !side.Known:
		return handover.UnknownStanding, false
	}
	return handover.Backup, false
}

func lifeOf(v pulse.View) handover.Life {
	switch {
	case v.State == pulse.Gone:
		return handover.Gone
	case v.State == pulse.Unknown:
		return handover.UnknownLife
	case v.Hears:
		return handover.Alive
	}
	return handover.Mute
}

// act does what the Machine asks for.
func (d *duet) act(a handover.Action) {
	switch a.Kind {
	case handover.Load:
		list := whole(&d.theirs)
		if a.Late {
			list = d.without(list, &d.own)
		}
		d.hands.put(list, false, a.Ticket)
	case handover.LoadOwn:
		d.hands.put(d.without(whole(&d.own), &d.theirs), true, a.Ticket)
	case handover.Tell:
		d.hands.then(d.mourn(a))
	case handover.Release:
		d.release(a)
	}
}

// mourn returns what tells the devices of listed connections that these are lost.
func (d *duet) mourn(a handover.Action) func() {
	var lost []flow.Flow
	for _, f := range d.theirs.TCP() {
		if f.Is4() && a.Four || !f.Is4() && a.Six {
			lost = append(lost, f)
		}
	}
	return func() {
		d.group.Go(func() error {
			began := time.Now()
			told, err := d.kernel.TellFlows(lost)
			if err != nil {
				d.log.Warn("not every device was told that its connections are lost", "err", err)
			}
			d.log.Info("devices were told that the other router's connections are lost", "flows", len(lost), "told", told, "took", time.Since(began))
			return nil
		})
	}
}

// done takes in what has become true in the kernel.
func (d *duet) done(done handsDone) {
	d.have = done.diversion
	if done.made {
		d.facts.Made++
	}
	switch p := done.piece; {
	case p.ticket == 0:
	case p.own:
		d.facts.OwnLoaded = p.ticket
	default:
		d.facts.Loaded = p.ticket
	}
}

// report tells the router how the two work together, where that is news. That the other one is dead is told when nothing is sent there any more.
func (d *duet) report(now time.Time) {
	view := router.Together{
		Linked: d.session != nil, Reason: d.reason(), Since: d.since, Router: d.partner.Router, Version: d.partner.Version,
		MAC: d.partner.MAC, Gateway4: d.settings.Partner, Gateway6: d.partner.LinkLocal, Lines: d.lending.Lines(), Vain: d.vain(),
		Phase: d.phase(), Left: d.own.Len(), HandOvers: d.handovers,
	}
	view.BeatsLost = d.pulse.Counts().Lost
	view.Ready = view.Phase == router.HandOverReady
	if d.orders.Phase == handover.Keeps {
		view.Kept = d.theirs.Len()
	}
	if d.life.State == pulse.Deaf {
		view.Deaf = d.life.Reason
	}
	view.Gone = d.gone(now)
	d.publish(now, view)
}

// gone is the other router, if it is dead and nothing is sent there any more. One that was started anew and does not come to terms with this one is
// not dead: it may run something else by now.
func (d *duet) gone(now time.Time) (none vrrp.Gone) {
	if d.life.State != pulse.Gone {
		d.buried, d.risen = time.Time{}, time.Time{}
		return none
	}
	if d.buried.IsZero() {
		d.buried = now
	}
	if d.risen.IsZero() && d.life.Risen {
		d.risen = now
	}
	switch at := d.buried.Add(funeral); {
	case !d.risen.IsZero() && now.Sub(d.risen) >= boots:
		return none
	case d.have.Mode != handover.None && now.Before(at):
		d.wake = sooner(d.wake, at)
		return none
	}
	return vrrp.Gone{IPv4: d.settings.Partner, IPv6: d.partner.LinkLocal}
}

// publish tells the router. Each news costs it a round, and whoever looks at its page a new one: mere figures wait.
func (d *duet) publish(now time.Time, view router.Together) {
	if reflect.DeepEqual(view, d.told) {
		return
	}
	same := view
	same.Left, same.BeatsLost = d.told.Left, d.told.BeatsLost
	wait := idly
	if view.Kept != d.told.Kept || d.snap.Drained {
		wait = figures
	}
	same.Kept = d.told.Kept
	ends := (view.Kept == 0) != (d.told.Kept == 0) || (view.Left == 0) != (d.told.Left == 0)
	if next := d.toldAt.Add(wait); !ends && reflect.DeepEqual(same, d.told) && now.Before(next) {
		d.wake = sooner(d.wake, next)
		return
	}
	d.told, d.toldAt = view, now
	d.tell(router.TogetherSeen{View: view})
}

// phase is where the hand-over stands for people: ready means that the kernel is.
func (d *duet) phase() router.HandOver {
	switch d.orders.Phase {
	case handover.Ready:
		if d.have.Mode == handover.All {
			return router.HandOverReady
		}
	case handover.Learns:
		return router.HandOverLearns
	case handover.Keeps:
		return router.HandOverKeeps
	}
	return router.HandOverNone
}

// vain reports whether waiting for a hand-over is of no use.
func (d *duet) vain() bool { return d.session == nil && d.link.Vain() }

// reason is why the two do not work together as they should.
func (d *duet) reason() string {
	if d.session != nil {
		return ""
	}
	return d.link.Reason()
}
