package drill

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// A missed rehearsal is made up for within the hour after settled: the lines have proven themselves by then, and whoever
	// has just plugged the router in is done.
	settled, makeUp = 10 * time.Minute, 50 * time.Minute
	// scatter is over how long the houses spread theirs.
	scatter = 20 * time.Minute
	// again is when one that cannot be now is tried again, and repeat when one that failed is: an incident lasts until one passes.
	again, repeat = 10 * time.Minute, 24 * time.Hour
	// pause is how long one that has proven nothing is not repeated: it has cost data all the same.
	pause = 6 * time.Hour
	// glance is how often the clock is looked at in between: somebody may set it.
	glance = time.Hour
	// spent is the share of a metered line's data, in percent, from which on none is used for this.
	spent = 80
)

// week says when the weekly rehearsal is due. It is pure.
type week struct {
	started time.Time
	spread  float64   // 0 to 1
	not     time.Time // before then
}

// past is what is known of the rehearsals before.
type past struct {
	last   time.Time // the newest weekly one that was not interrupted; zero: there was none
	failed bool      // and one of the lines has not passed since it failed
}

// due returns when the next one is.
func (w week) due(cfg router.Drill, p past, now time.Time) time.Time {
	before := p.last
	if before.IsZero() || before.After(now) { // the clock was set back: nobody knows how long ago that was
		before = w.started.AddDate(0, 0, -8)
	}
	at := next(cfg, before)
	if retry := before.Add(repeat); p.failed && retry.Before(at) {
		at = retry
	}
	if at.Before(w.started) {
		at = w.started.Add(settled + time.Duration(w.spread*float64(makeUp)))
	} else {
		at = at.Add(time.Duration(w.spread * float64(scatter)))
	}
	if at.Before(w.not) {
		return w.not
	}
	return at
}

// next is the first time after t that the file names, by the local clock.
func next(cfg router.Drill, t time.Time) time.Time {
	local := t.Local()
	for days := range 9 {
		day := local.AddDate(0, 0, days)
		at := time.Date(day.Year(), day.Month(), day.Day(), int(cfg.At/time.Hour), int(cfg.At%time.Hour/time.Minute), 0, 0, time.Local)
		if at.Weekday() == cfg.Day && at.After(t) {
			return at
		}
	}
	return t.AddDate(0, 0, 7) // an hour that summer time leaves out
}

// weeklyLines are the lines whose failure can be rehearsed without anybody asking: of those that carry the house, while another one that
// carries nothing would take over; and of every other one itself. None: not now.
func weeklyLines(s *router.Snapshot) []string {
	if s.ClockUnset || s.Pending != nil || s.Verdict != router.VerdictOK && s.Verdict != router.VerdictDegraded {
		return nil
	}
	var wans, proven []string
	for _, w := range s.WANs {
		if w.Active && len(w.Heirs) > 0 && !slices.ContainsFunc(w.Heirs, func(name string) bool { return !spare(find(s, name)) }) {
			wans, proven = append(wans, w.Name), append(proven, w.Heirs...)
		}
	}
	for _, w := range s.WANs {
		if spare(&w) && !slices.Contains(proven, w.Name) {
			wans = append(wans, w.Name)
		}
	}
	return wans
}

// spare reports whether a line works, carries nothing, and has data left.
func spare(w *router.WANSnapshot) bool {
	return !w.Active && !w.Drained && usable(*w) && (w.Budget == nil || w.Budget.Percent < spent)
}

// sleep is how long until somebody has to look at the clock.
func (d *Driller) sleep(w week) time.Duration {
	cfg := d.config()
	if !cfg.Drill.On {
		return glance
	}
	now := d.ports.Now()
	return min(max(w.due(cfg.Drill, d.past(), now).Sub(now), 0), glance)
}

// past looks at what is kept.
func (d *Driller) past() past {
	d.mu.Lock()
	defer d.mu.Unlock()
	var p past
	for _, v := range d.kept {
		if v.Weekly && !v.Stopped {
			p.last = v.Start
		}
		p.failed = p.failed || failing(d.kept, v.WAN)
	}
	return p
}

// weekly does what is due, one line after the other.
func (d *Driller) weekly(ctx context.Context, w *week) {
	cfg, now := d.config(), d.ports.Now()
	if !cfg.Drill.On || now.Before(w.due(cfg.Drill, d.past(), now)) {
		return
	}
	s, _ := d.ports.Source.Snapshot()
	wans := weeklyLines(s)
	w.not = now.Add(again)
	for _, wan := range wans {
		if _, err := d.start(wan, false, true); errors.Is(err, ErrBusy) {
			return
		} else if err != nil {
			continue // it has changed meanwhile
		}
		d.perform(ctx, <-d.orders)
		w.not = now.Add(pause)
	}
}
