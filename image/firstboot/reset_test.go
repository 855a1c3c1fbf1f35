package firstboot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lived is a box that somebody has used.
func lived(t *testing.T) *desk {
	d := newDesk(t)
	d.put("card/twinpath.toml", "name = main")
	d.put("card/authorized_keys", anna)
	d.Prepare()
	d.drop("card/twinpath.toml")
	d.drop("card/authorized_keys")
	d.put("data/state/events.jsonl", "where they were")
	d.put("data/state/configs/000001.toml", "name = main")
	d.put("data/config/twinpath.toml.refused", "rubbish")
	d.put("data/system/machine-id", "0123")
	d.put("data/system/update.json", "{}")
	d.put("data/system/timesync/clock", "")
	return d
}

var untouched = []string{"data/system/update.json: {}", "data/system/timesync/clock: "}

func TestFactoryResetLeavesNothingOfTheOwner(t *testing.T) {
	for _, marker := range []string{"data/system/reset", "card/factory-reset", "card/FACTORY-RESET.TXT"} {
		d := lived(t)
		d.put(marker, "")
		d.Prepare()
		d.expect(untouched...)
		d.logged("reset to factory settings")
		if d.name != "twinpath" {
			t.Errorf("named %q", d.name)
		}
	}
}

func TestAskReset(t *testing.T) {
	d := lived(t)
	if err := AskReset(d.Data); err != nil {
		t.Fatal(err)
	}
	d.Prepare()
	d.expect(untouched...)
}

func TestAResetBoxStartsWithTheCardsConfiguration(t *testing.T) {
	d := lived(t)
	d.put("card/twinpath.toml", "name = main")
	d.put("card/factory-reset", "")
	d.Prepare()
	d.expect(append([]string{"card/twinpath.toml: name = main", "data/config/twinpath.toml: name = main", "data/state/kept: name = main", remembered}, untouched...)...)
}

func TestAMarkerThatCannotBeRemovedIsObeyedOnce(t *testing.T) {
	d := lived(t)
	d.locked = true
	d.put("card/factory-reset", "")
	d.Prepare()
	text, _ := os.ReadFile(d.problems())
	if !strings.Contains(string(text), "factory-reset cannot be removed from the card (read-only file system)") {
		t.Errorf("problems: %s", text)
	}
	d.put("data/config/twinpath.toml", "name = second")
	d.Prepare()
	if d.name != "second" {
		t.Error("the box was reset again")
	}
}

func TestALostDiskIsNotReset(t *testing.T) {
	d := lived(t)
	d.put("card/factory-reset", "")
	d.put("run/data-lost", "")
	before := d.tree()
	d.Prepare()
	after, _, _ := strings.Cut(d.tree(), "card/twinpath-problems.txt")
	if !strings.Contains(d.tree(), "data/state/events.jsonl") || !strings.HasPrefix(before, strings.TrimSpace(after)) {
		t.Errorf("before\n%s\nafter\n%s", before, d.tree())
	}
	d.told("problems", "The reset to factory settings waits: the disk that holds the settings cannot be read.\n")
}

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

// TestAPowerCutAtAnyStep cuts the power before each step on the disk. The next boot ends where one boot without a cut ends.
func TestAPowerCutAtAnyStep(t *testing.T) {
	for name, way := range map[string]struct {
		box  func(*testing.T) *desk
		do   func(*desk)
		deep int // so many steps it takes at least
	}{
		"a first card": {newDesk, func(d *desk) {
			d.put("card/twinpath.toml", "name = main")
			d.put("card/authorized_keys", anna)
		}, 11},
		"a bad card, then a good one": {newDesk, func(d *desk) { d.put("card/twinpath.toml", "nmae = main") }, 1},
		"problems solved": {newDesk, func(d *desk) {
			d.put("card/twinpath-problems.txt", "old")
			d.put("card/twinpath.toml", "name = main")
		}, 7},
		"a reset by command": {lived, func(d *desk) { d.put("data/system/reset", "") }, 10},
		"a reset by the card": {lived, func(d *desk) {
			d.put("card/factory-reset", "")
			d.put("card/twinpath.toml", "name = new")
		}, 16},
		"a changed card": {lived, func(d *desk) {
			d.put("card/twinpath.toml", "name = new")
			d.put("card/authorized_keys", anna)
		}, 6},
		"mended": {newDesk, func(d *desk) {
			d.put("data/state/kept", "name = older")
			d.put("data/config/twinpath.toml", "rubbish")
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			whole := way.box(t)
			way.do(whole)
			whole.Prepare()
			want := whole.tree()
			for step := range 100 {
				d := way.box(t)
				way.do(d)
				disk := &mortal{left: step}
				d.disk = disk
				d.Prepare()
				died := disk.left < 0
				d.disk, d.writable = nil, false
				d.Prepare()
				d.Prepare()
				if got := d.tree(); got != want {
					t.Fatalf("power cut at step %d: found\n%s\nwant\n%s", step, got, want)
				}
				if !died {
					if step < way.deep {
						t.Errorf("it takes %d steps only: the test misses some", step)
					}
					return
				}
			}
			t.Error("it never ends")
		})
	}
}

// crowded is a full disk.
type crowded struct{ medium }

func (crowded) write(string, []byte, fs.FileMode) error { return fmt.Errorf("no space left on device") }

func TestAFullDiskIsSaidAndTheOldConfigurationStays(t *testing.T) {
	d := lived(t)
	d.put("card/twinpath.toml", "name = new")
	d.disk = crowded{}
	d.Prepare()
	if d.name != "main" {
		t.Errorf("named %q", d.name)
	}
	d.logged("level=ERROR", "take over the card's configuration", "no space left on device")
	if exists(filepath.Join(d.Data, "config", "twinpath.toml.new")) {
		t.Error("half a file is left over")
	}
}
