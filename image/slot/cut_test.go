package slot

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

// TestAPowerCutInAnUpdate cuts the power in every step of an update, and starts the machine with every disk that may
// leave behind: it starts the old system or the new one, to the byte, and the update can simply be done again.
func TestAPowerCutInAnUpdate(t *testing.T) {
	partial := append([]byte{}, newImage...)
	clear(partial[:headSize])
	for name, c := range map[string]struct {
		running Slot
		env     Env
		other   []byte
	}{
		"the first update":                         {A, Env{Slot: A, Left: 3}, nil},
		"over an older system":                     {B, Env{Slot: B, Left: 2}, image("elder")},
		"over one just written":                    {A, Env{Slot: A, Left: 3, Try: B}, newImage},
		"after an interrupted update":              {A, Env{Slot: A, Left: 1}, partial},
		"over a committed one that does not start": {B, Env{Slot: A, Left: 3}, nil},
		"over a committed one that fails":          {B, Env{Slot: A, Left: 0}, image("wrong")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				boot := Boot{Slot: c.running, Mode: Normal}
				if c.env.Slot != c.running {
					boot.Mode = Fallback
				}
				disks := make(map[string]bool) // many cuts leave the same one
				for step := 0; ; step++ {
					w := newWorld(t, c.running, c.env, c.other)
					w.left = step
					err := w.install(boot)
					if !w.dead {
						if err != nil {
							t.Fatal(err)
						}
						w.copy().comesUp(t, c.running, "uncut")
						t.Logf("%d steps, %d disks", step, len(disks))
						return
					}
					if !errors.Is(err, errPowerCut) && err != nil {
						t.Fatalf("step %d: %v", step, err)
					}
					for i, o := range w.outcomes() {
						if disks[o.key()] {
							continue
						}
						disks[o.key()] = true
						o.comesUp(t, c.running, fmt.Sprintf("step %d, disk %d", step, i))
					}
				}
			})
		})
	}
}

// comesUp starts the machine until the new system is committed, with the update done again if need be.
func (w *world) comesUp(t *testing.T, was Slot, when string) {
	t.Helper()
	if w.holds(was) != "old" {
		t.Fatalf("%s: the running slot was written to", when)
	}
	boot := w.start()
	switch found := w.holds(boot.Slot); {
	case boot.Slot == was && found == "old":
		w.judge(boot, nil)
		if w.waits() {
			t.Fatalf("%s: the old system runs and still waits for the new one", when)
		}
		if err := w.install(boot); err != nil {
			t.Fatalf("%s: the update cannot be done again: %v", when, err)
		}
		boot = w.start()
	case boot.Slot != was && boot.Mode == Fallback && found != "old" && found != "new" && w.untouched():
		return // the failing committed one gets its chances as long as the update has not begun
	case boot.Slot != was && found == "new":
	default:
		t.Fatalf("%s: slot %s starts, %s, and holds %s", when, boot.Slot, boot.Mode, found)
	}
	if boot.Slot != was.Other() || w.holds(boot.Slot) != "new" || boot.Mode != Trial && boot.Mode != Normal {
		t.Fatalf("%s: after the update slot %s starts, %s, and holds %s", when, boot.Slot, boot.Mode, w.holds(boot.Slot))
	}
	if restarted, log := w.judge(boot, nil); restarted {
		t.Fatalf("%s: the healthy system restarts: %s", when, log)
	}
	if boot := w.start(); boot.Slot != was.Other() || boot.Mode != Normal {
		t.Fatalf("%s: the committed system is not the one that starts: %s, %s", when, boot.Slot, boot.Mode)
	}
	if r := w.last(); r.Outcome != Succeeded || w.waits() {
		t.Fatalf("%s: the result is %+v", when, r)
	}
}

// untouched reports that an update has not got as far as writing anything.
func (w *world) untouched() bool { return len(w.files) == 0 }

// TestAPowerCutInATrial cuts the power in every step of a trial that ends well, and of one that does not.
func TestAPowerCutInATrial(t *testing.T) {
	for name, ailment := range map[string]error{"healthy": nil, "ill": errors.New("no daemon answers")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for step := 0; ; step++ {
					w := newWorld(t, A, Env{Slot: A, Left: 3}, nil)
					if err := w.install(Boot{Slot: A, Mode: Normal}); err != nil {
						t.Fatal(err)
					}
					boot := w.start()
					w.left = step
					restarted, _ := w.judge(boot, ailment)
					if !w.dead {
						if restarted != (ailment != nil) {
							t.Errorf("restarted: %t", restarted)
						}
						w.copy().settles(t, ailment, "uncut")
						t.Logf("%d steps", step)
						return
					}
					for i, o := range w.outcomes() {
						o.settles(t, ailment, fmt.Sprintf("step %d, disk %d", step, i))
					}
				}
			})
		})
	}
}

// settles starts the machine after a trial and checks that it knows what became of it.
func (w *world) settles(t *testing.T, ailment error, when string) {
	t.Helper()
	boot := w.start()
	want := map[Slot]string{A: "old", B: "new"}[boot.Slot]
	if boot.Mode != Normal || w.holds(boot.Slot) != want || ailment != nil && boot.Slot != A {
		t.Fatalf("%s: slot %s starts, %s, and holds %s", when, boot.Slot, boot.Mode, w.holds(boot.Slot))
	}
	w.judge(boot, nil)
	outcome := map[Slot]Outcome{A: Failed, B: Succeeded}[boot.Slot]
	if r := w.last(); r.Outcome != outcome || w.waits() {
		t.Fatalf("%s: slot %s runs, and the result is %+v", when, boot.Slot, r)
	}
	if env, err := w.loader().Load(); err != nil || env.Slot != boot.Slot || env.Left != Boots || env.Try != None {
		t.Fatalf("%s: the environment is %+v, %v", when, env, err)
	}
}
