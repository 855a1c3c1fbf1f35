// Package slot knows the two places a system can be in: which of them runs, how the other one is filled, and how a new
// system earns its place (docs/image.md).
//
// The running slot is never written to. The other one is emptied first and gets its first bytes last, so that it is
// whole or does not start at all; and the boot loader tries it once, until the new system says that it is healthy.
// Package bundle knows what an update is; this one only puts its bytes where they belong.
package slot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Slot is one of the two places of a system.
type Slot uint8

// The slots, by the letters that the boot loader knows them by.
const (
	None Slot = iota
	A
	B
)

// String returns the letter for people: "A", "B", or "none".
func (s Slot) String() string {
	switch s {
	case A:
		return "A"
	case B:
		return "B"
	}
	return "none"
}

// Other returns the slot that is not s.
func (s Slot) Other() Slot {
	switch s {
	case A:
		return B
	case B:
		return A
	}
	return None
}

// MarshalText returns the boot loader's letter: "a", "b", or nothing.
func (s Slot) MarshalText() ([]byte, error) {
	if s == None {
		return nil, nil
	}
	return []byte(strings.ToLower(s.String())), nil
}

// UnmarshalText reads the boot loader's letter.
func (s *Slot) UnmarshalText(text []byte) error {
	switch string(text) {
	case "":
		*s = None
	case "a":
		*s = A
	case "b":
		*s = B
	default:
		return fmt.Errorf("%q is neither slot a nor b", text)
	}
	return nil
}

// Mode is why the boot loader started this slot.
type Mode uint8

// The boot loader's reasons.
const (
	Unknown  Mode = iota
	Normal        // it is the committed one
	Trial         // it is new and gets one chance
	Fallback      // the committed one did not start, or did not become healthy three times in a row
)

func (m Mode) String() string {
	switch m {
	case Normal:
		return "normal"
	case Trial:
		return "trial"
	case Fallback:
		return "fallback"
	}
	return "unknown"
}

// trialTime is how long a new system may take to become healthy. Chosen here: a slow card needs one minute to start, and
// a line by PPPoE may need two to come back after the restart.
const trialTime = 5 * time.Minute

// ErrNotImage says that this system was not started by the image's boot loader.
var ErrNotImage = errors.New("this system does not run from a Twinpath image\nhint: where Twinpath is a package, the package manager updates it")

// Boot is how the running system was started.
type Boot struct {
	Slot  Slot
	Mode  Mode
	Trial time.Duration // time to become healthy in mode Trial
}

// Running reads what the boot loader said to the kernel. root is "/", but for tests.
func Running(root string) (Boot, error) {
	line, err := os.ReadFile(filepath.Join(root, "proc/cmdline"))
	if err != nil {
		return Boot{}, err
	}
	return parseBoot(string(line))
}

func parseBoot(line string) (Boot, error) {
	b := Boot{Trial: trialTime}
	for word := range strings.FieldsSeq(line) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "twinpath.slot":
			if err := b.Slot.UnmarshalText([]byte(value)); err != nil {
				return Boot{}, fmt.Errorf("kernel argument %s: %w", word, err)
			}
		case "twinpath.mode":
			b.Mode = modes[value]
		case "twinpath.trial":
			if d, err := time.ParseDuration(value); err == nil && d > 0 {
				b.Trial = d
			}
		}
	}
	if b.Slot == None {
		return Boot{}, ErrNotImage
	}
	return b, nil
}

var modes = map[string]Mode{"normal": Normal, "trial": Trial, "fallback": Fallback}
