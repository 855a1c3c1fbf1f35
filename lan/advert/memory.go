package advert

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/twinpath/twinpath/durable"
)

// longest is how long a prefix that others announced is announced as retired. Devices do not believe anybody who wants to end an
// address sooner (RFC 4862 §5.5.3 e), so that the other's word counts up to there.
const longest = 2 * time.Hour

// remembered bounds the memory: an advert has to fit into the smallest packet, and a house has a few lines.
const remembered = 16

// memory is the prefixes that devices of the house were told of, by this router or the one it shares addresses with, and may still
// use. Its zero value is empty.
type memory struct{ all []mark }

// mark is one prefix.
type mark struct {
	Prefix netip.Prefix `json:"prefix"`
	// Until is when the last device forgets it, as far as it was told.
	Until time.Time `json:"until"`
	// Fresh: the newest advert had it, so that by now Until may be later than what is on the disk.
	Fresh bool `json:"fresh"`
}

// said takes in what an advert told, of all that its sender tells. It reports whether the disk should know. An advert that leaves a
// prefix out does not end it.
func (m *memory) said(now time.Time, told []Told) (changed bool) {
	for i := range m.all {
		is := slices.ContainsFunc(told, func(t Told) bool { return t.Prefix == m.all[i].Prefix && t.Preferred > 0 })
		changed = changed || m.all[i].Fresh != is
		m.all[i].Fresh = is
	}
	changed = m.overheard(now, told) || changed
	return m.forget(now) || changed
}

// overheard takes in what another router told while this one serves: it should not have, and says nothing of what this one tells.
func (m *memory) overheard(now time.Time, told []Told) (changed bool) {
	for _, t := range told {
		changed = m.one(now, t) || changed
	}
	return changed
}

func (m *memory) one(now time.Time, t Told) (changed bool) {
	until := now.Add(min(t.Valid, longest))
	i := slices.IndexFunc(m.all, func(k mark) bool { return k.Prefix == t.Prefix })
	switch {
	case i < 0 && t.Valid == 0:
		return false
	case i < 0:
		m.all = append(m.all, mark{t.Prefix, until, t.Preferred > 0})
		slices.SortFunc(m.all, func(a, b mark) int { return b.Until.Compare(a.Until) })
		m.all = m.all[:min(len(m.all), remembered)]
		return true
	case until.After(m.all[i].Until):
		m.all[i].Until = until
	}
	return false
}

// knows reports whether a prefix is in it.
func (m *memory) knows(p netip.Prefix) bool {
	return slices.ContainsFunc(m.all, func(k mark) bool { return k.Prefix == p })
}

// forget drops what no device can know any more.
func (m *memory) forget(now time.Time) (changed bool) {
	before := len(m.all)
	m.all = slices.DeleteFunc(m.all, func(k mark) bool { return !k.Until.After(now) })
	return len(m.all) != before
}

// others are the prefixes that are none of these, as devices are told to leave them. Their valid lifetime is what devices know
// anyway: a longer one would be believed.
func (m *memory) others(now time.Time, these []Told) (retired []Told) {
	for _, k := range m.all {
		if slices.ContainsFunc(these, func(t Told) bool { return t.Prefix == k.Prefix }) {
			continue
		}
		if valid := left(now, k.Until, longest); valid > 0 {
			retired = append(retired, Told{Prefix: k.Prefix, Valid: valid})
		}
	}
	return retired
}

// fresh reports whether devices were told of a prefix, for new connections, that is none of these.
func (m *memory) fresh(these []Prefix) bool {
	return slices.ContainsFunc(m.all, func(k mark) bool {
		return k.Fresh && !slices.ContainsFunc(these, func(p Prefix) bool { return p.Prefix == k.Prefix && !p.Retired })
	})
}

// read takes the memory from a file. The clock of a box that had no power may be wrong by years: no time in the file makes a
// prefix last longer than it can.
func (m *memory) read(file string, now time.Time) error {
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil
	}
	var all []mark
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return fmt.Errorf("read the prefixes of before: %w", err)
	}
	for _, k := range all[:min(len(all), remembered)] {
		keep := left(now, k.Until, validLife)
		if k.Fresh {
			keep = validLife
		}
		if keep > 0 && k.Prefix.IsValid() && k.Prefix.Addr().Is6() {
			m.all = append(m.all, mark{k.Prefix.Masked(), now.Add(keep), k.Fresh})
		}
	}
	return nil
}

// write puts the memory into a file.
func (m *memory) write(file string) error {
	text, err := json.MarshalIndent(m.all, "", "  ")
	if err == nil {
		err = durable.Replace(file, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("keep the prefixes that devices know: %w", err)
	}
	return nil
}
