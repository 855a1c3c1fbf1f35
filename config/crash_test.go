package config

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"
)

var errPowerCut = errors.New("power cut")

// mortal is a disk whose machine dies at its n-th step: that step is done half or not at all, and none after it.
type mortal struct {
	medium
	left int
}

func (m *mortal) dies() bool {
	m.left--
	return m.left < 0
}

func (m *mortal) write(name string, text []byte, mode fs.FileMode) error {
	if !m.dies() {
		return m.medium.write(name, text, mode)
	}
	if m.left == -1 {
		_ = m.medium.write(name, text[:len(text)/2], mode)
	}
	return errPowerCut
}

func (m *mortal) rename(from, to string) error {
	if m.dies() {
		return errPowerCut
	}
	return m.medium.rename(from, to)
}

func (m *mortal) remove(name string) error {
	if m.dies() {
		return errPowerCut
	}
	return m.medium.remove(name)
}

// TestAPowerCutAtAnyStep cuts the power before each step on the disk, for each way to change the boot file. After
// the restart the boot file is whole, and new only if the change was an accepted one.
func TestAPowerCutAtAnyStep(t *testing.T) {
	for name, way := range map[string]struct {
		change func(*bench) error
		steps  int
		news   int // from this step on the boot file is the new one
	}{
		"apply":              {func(b *bench) error { return b.Apply(b.t.Context(), "n", file("two"), 0) }, 4, 4},
		"apply, unconfirmed": {func(b *bench) error { return b.Apply(b.t.Context(), "n", file("two"), time.Hour) }, 2, 99},
		"apply and confirm": {func(b *bench) error {
			return errors.Join(b.Apply(b.t.Context(), "n", file("two"), time.Hour), b.Confirm())
		}, 7, 6},
		"apply over, unconfirmed": {func(b *bench) error { return b.over(b.runs("one", false), "two", time.Hour) }, 2, 99},
		"apply over and revert": {func(b *bench) error {
			return errors.Join(b.over(b.runs("one", false), "two", time.Hour), b.Revert())
		}, 3, 99},
	} {
		for step := range way.steps + 1 {
			t.Run(fmt.Sprintf("%s, step %d", name, step), func(t *testing.T) {
				b := newBench(t, "one")
				disk := &mortal{left: step}
				b.disk = disk
				err := way.change(b)
				if done := disk.left >= 0; done != (step == way.steps) {
					t.Fatalf("after %d steps the disk has %d left (%v): it takes another number of steps", step, disk.left, err)
				}
				if b.pending != nil {
					b.pending.timer.Stop()
				}
				want := "one"
				if step >= way.news {
					want = "two"
				}
				b.on(b.Boot, b.State)
				b.load(want)
				if b.exists("twinpath.toml.pending") {
					t.Error("the pending file is left over")
				}
				b.apply("three", 0) // nothing of the crash is in the way
				b.load("three")
			})
		}
	}
}
