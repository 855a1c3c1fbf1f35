package alert

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// memory is what a Machine has to know after a restart. Its times are those of the clock: the monotonic one ends with the process.
type memory struct {
	Threads  []*thread          `json:"threads,omitempty"`
	Held     []held             `json:"held,omitempty"`
	Unrests  map[string]*unrest `json:"unrests,omitempty"`
	Twins    []twin             `json:"twins,omitempty"`
	Past     []string           `json:"past,omitempty"`
	Reminded time.Time          `json:"reminded,omitzero"`
	LineTold time.Time          `json:"line_told,omitzero"`
	EndTold  time.Time          `json:"end_told,omitzero"`
	Abroad   time.Time          `json:"abroad,omitzero"`
}

// Memory returns what is to be kept for the next Machine, below 64 KiB.
func (m *Machine) Memory() ([]byte, error) {
	const limit = 60 << 10
	keep := memory{m.threads, m.held, m.unrests, m.twins, m.past, m.reminded, m.lineTold, m.endTold, m.abroad}
	for {
		text, err := json.Marshal(keep)
		if err != nil {
			return nil, fmt.Errorf("write what was told: %w", err)
		}
		switch { // else the oldest are forgotten, should there be a restart
		case len(text) <= limit:
			return text, nil
		case slices.ContainsFunc(keep.Threads, (*thread).past):
			keep.Threads = slices.DeleteFunc(slices.Clone(keep.Threads), (*thread).past)
		case len(keep.Threads) > 0:
			keep.Threads = keep.Threads[len(keep.Threads)/4+1:]
		case len(keep.Held) > 0:
			keep.Held = keep.Held[len(keep.Held)/4+1:]
		default:
			return nil, fmt.Errorf("write what was told: %d bytes are too many", len(text))
		}
	}
}

// Remember takes over what an earlier Machine has kept.
func (m *Machine) Remember(now time.Time, text []byte) error {
	var was memory
	if err := json.Unmarshal(text, &was); err != nil {
		return fmt.Errorf("read what was told: %w", err)
	}
	m.threads, m.held, m.twins, m.past = was.Threads, was.Held, was.Twins, was.Past
	for key, u := range was.Unrests {
		m.unrests[key] = u
		rebase(now, &u.Quiet, &u.From, &u.Told)
		for i := range u.Drops {
			rebase(now, &u.Drops[i])
		}
	}
	m.reminded, m.lineTold, m.endTold, m.abroad = was.Reminded, was.LineTold, was.EndTold, was.Abroad
	rebase(now, &m.reminded, &m.lineTold, &m.endTold, &m.abroad)
	for _, t := range m.threads {
		rebase(now, &t.Heard, &t.Free, &t.Over)
		t.Absent = t.open()
	}
	for i := range m.held {
		rebase(now, &m.held[i].At)
	}
	for i := range m.twins {
		rebase(now, &m.twins[i].At)
	}
	return nil
}

// rebase makes times of a process before ours as old as the clock says, by our monotonic clock. A clock that was set back, or not yet
// set at all, would have some of them lie in the future.
func rebase(now time.Time, times ...*time.Time) {
	const oldest = 400 * 24 * time.Hour // a duration of Go ends at 292 years
	for _, t := range times {
		if !t.IsZero() {
			*t = now.Add(-min(max(0, now.Sub(*t)), oldest))
		}
	}
}
