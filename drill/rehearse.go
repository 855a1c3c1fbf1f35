package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// full is how long the house is moved for: a minute, in which a family would notice what there is to be noticed.
	full = time.Minute
	// heed is how long the router may take to do what it is told.
	heed = 10 * time.Second
)

// rehearse has the line count as failed for a minute. The router takes it back by itself: after that time, at once when nothing
// else works or its owner has another wish, and when this process dies.
func (t *trial) rehearse(ctx context.Context) {
	pulse := t.feel(t.proofs[0].Target)
	began := time.Now()
	t.ports.Tell(router.Rehearsed{WAN: t.view.WAN, Until: t.ports.Now().Add(full)})
	moved, broken := t.away(ctx, began)
	lasted := time.Since(began)
	t.ports.Tell(router.Rehearsed{WAN: t.view.WAN})
	back, home := t.home()
	beats := pulse.stop(t)
	step := router.DrillStep{What: "move", OK: broken == "", Took: router.Milliseconds(lasted), Detail: fmt.Sprintf("the house used %s for %s", t.view.Through, seconds(lasted))}
	if broken != "" {
		step.Detail, t.broken = broken, broken
	}
	t.step(step)
	if ctx.Err() != nil {
		t.felt = append(t.felt, fmt.Sprintf("It was stopped after %s.", seconds(lasted)))
	}
	if moved > 0 && home {
		t.felt = append(t.felt, fmt.Sprintf("The switch took %s, and that back %s.", milliseconds(moved), milliseconds(back)))
	}
	if beats.sent > 0 {
		t.felt = append(t.felt, beats.String())
	}
	t.felt = append(t.felt, fmt.Sprintf("What was running stayed on %s; only new connections moved. A real failure ends the old ones, and programs connect anew.", t.view.WAN))
	for _, w := range t.cfg.WANs {
		if w.Failback == router.Move && slices.Contains(t.choice.Heirs, w.Name) {
			t.felt = append(t.felt, fmt.Sprintf("What began on %s meanwhile was ended with it, as its failback = \"move\" says.", w.Name))
		}
	}
}

// away waits until the minute is over. It returns how long the switch took, and why it ended early, if it is not for a wish.
func (t *trial) away(ctx context.Context, began time.Time) (moved time.Duration, broken string) {
	over := time.NewTimer(full)
	defer over.Stop()
	late := time.NewTimer(heed)
	defer late.Stop()
	heard := false
	for {
		s, changed := t.ports.Source.Snapshot()
		w := find(s, t.view.WAN)
		switch {
		case w == nil:
			return moved, "" // another configuration
		case !heard && w.RehearsedUntil != nil && !w.Active:
			heard, moved = true, time.Since(began)
		case heard && w.RehearsedUntil == nil:
			return moved, t.fell(s)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return moved, ""
		case <-over.C:
			return moved, ""
		case <-late.C:
			if !heard {
				return 0, "the house did not move"
			}
		}
	}
}

// fell says which of the lines that carried the house instead does not work any more.
func (t *trial) fell(s *router.Snapshot) string {
	var all []string
	for _, name := range t.choice.Heirs {
		if w := find(s, name); w != nil && !usable(*w) {
			all = append(all, fmt.Sprintf("%s failed while it carried the house: %s", name, w.Reason))
		}
	}
	return strings.Join(all, "; ")
}

// home waits until the line carries the house again, and reports whether it does.
func (t *trial) home() (time.Duration, bool) {
	began := time.Now()
	late := time.NewTimer(heed)
	defer late.Stop()
	for {
		s, changed := t.ports.Source.Snapshot()
		w := find(s, t.view.WAN)
		if w == nil || w.Active {
			return time.Since(began), w != nil
		}
		select {
		case <-changed:
		case <-t.run.Done():
			return 0, false // the daemon ends, and its router does nothing more
		case <-late.C:
			return 0, false
		}
	}
}
