package handover

import (
	"math/rand/v2"
	"testing"
	"time"
)

// walk keeps what must hold whatever happens.
type walk struct {
	t        *testing.T
	seed     uint64
	unlinked time.Time // since when there is no link; zero: there is
	learns   time.Time // since when the Active router sends everything to the other one; zero: it does not
}

func (w *walk) check(now time.Time, f Facts, o Orders) {
	d := o.Diversion
	diverts := d.Mode == All || d.Mode == Listed
	since(&w.unlinked, now, !f.Linked)
	since(&w.learns, now, d.Mode == All && f.Standing == Active)
	switch {
	case diverts && f.Life == Gone:
		w.fail("packets go to a router that is gone")
	case diverts && f.Off:
		w.fail("packets go to the other router, and the owner does not want it")
	case diverts && !w.unlinked.IsZero() && now.Sub(w.unlinked) > 10*time.Second:
		w.fail("packets go to a router that nothing was heard of for ten seconds")
	case diverts && f.Linked && (d.Gateway4.IsValid() && !f.Partner.Usable4 || d.Gateway6.IsValid() && !f.Partner.Usable6):
		w.fail("packets go to a router without a line for them")
	case d.Mode == All && f.Elsewhere && f.Standing == Backup:
		w.fail("everything goes to the other router, and devices send to this one all the time")
	case !w.learns.IsZero() && now.Sub(w.learns) > 4*time.Second:
		w.fail("it learns and learns")
	case o.Phase == Keeps && f.Linked && f.Listed && f.List == 0 && o.Next.IsZero():
		w.fail("the last flow has ended, and something is left for ever")
	case !o.Next.IsZero() && !o.Next.After(now):
		w.fail("the next step is due already")
	}
	for _, a := range o.Actions {
		if a.Kind == Tell && f.Standing != Active {
			w.fail("devices are told something that they would answer to another router")
		}
	}
}

func (w *walk) fail(what string) {
	w.t.Helper()
	w.t.Fatalf("seed %d: %s", w.seed, what)
}

func since(t *time.Time, now time.Time, is bool) {
	switch {
	case !is:
		*t = time.Time{}
	case t.IsZero():
		*t = now
	}
}

// Whatever happens in whatever order, nothing goes where it would be lost.
func TestAnyOrderOfEvents(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 8))
		r := newRoom(t)
		w := &walk{t: t, seed: seed}
		r.f = Facts{Way: r.f.Way}
		if seed%3 == 0 {
			left := r.f.Way
			left.Mode = Mode(random.IntN(4))
			r.m.Adopt(r.now, left)
		}
		for range 500 {
			happen(random, &r.f)
			o := r.m.Step(r.now, r.f)
			w.check(r.now, r.f, o)
			for _, a := range o.Actions {
				if a.Kind == Load && random.IntN(3) > 0 {
					r.f.Loaded = a.Ticket
				}
				if a.Kind == LoadOwn && random.IntN(3) > 0 {
					r.f.OwnLoaded = a.Ticket
				}
			}
			pass := time.Duration(random.Int64N(int64(2 * time.Second)))
			if next := o.Next.Sub(r.now); !o.Next.IsZero() && next < pass {
				pass = next // whoever drives it keeps its times
			}
			r.now = r.now.Add(pass)
		}
	}
}

// happen changes one fact, or a few.
func happen(r *rand.Rand, f *Facts) {
	switch r.IntN(12) {
	case 0:
		f.Standing = Standing(r.IntN(3))
	case 1:
		f.Linked = !f.Linked
		f.Listed = f.Listed && f.Linked
	case 2:
		f.Listed = f.Linked
	case 3:
		f.Life = Life(r.IntN(4))
	case 4:
		f.List = r.IntN(3)
	case 5:
		f.Own = r.IntN(2)
	case 6:
		f.Partner.Usable4, f.Partner.Usable6 = r.IntN(4) > 0, r.IntN(4) > 0
	case 7:
		f.Partner.Active = r.IntN(2) > 0
	case 8:
		f.Elsewhere = r.IntN(4) == 0
	case 9:
		f.Made += r.IntN(2)
	case 10:
		f.Off = r.IntN(8) == 0
	case 11:
		f.Partner.Metered, f.Keep = r.IntN(4) == 0, time.Duration(r.IntN(2))*time.Minute
	}
}
