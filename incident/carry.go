package incident

import (
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// carries reports whether an incident tells what carried the house.
func (e *entry) carries() bool {
	switch e.subject.cause {
	case router.CauseWAN, router.CauseUnsure, router.CauseMetered, router.CauseOffline:
		return true
	}
	return false
}

// carry notes what carries the house now in every incident that goes on.
func (b *Book) carry(now time.Time, s *router.Snapshot) {
	lines := carrying(s)
	switch {
	case len(lines) > 0 || len(s.WANs) == 0:
	case relieved(s):
		lines = []router.WANSnapshot{{Name: otherRouter}}
	default:
		lines = []router.WANSnapshot{{}}
	}
	for _, e := range b.open {
		if e.carries() && !e.restored {
			e.carriedBy(now, lines)
		}
	}
}

// otherRouter stands for the lines of the router that serves the house instead of this one.
const otherRouter = "the other router"

// carriedBy notes which lines carry the house from now on; one without a name stands for none.
func (e *entry) carriedBy(now time.Time, lines []router.WANSnapshot) {
	for i := range e.carriers {
		c := &e.carriers[i]
		if c.to.IsZero() && !slices.ContainsFunc(lines, func(w router.WANSnapshot) bool { return w.Name == c.wan }) {
			c.to, e.dirty = now, true
		}
	}
	for _, w := range lines {
		if slices.ContainsFunc(e.carriers, func(c carrier) bool { return c.to.IsZero() && c.wan == w.Name }) {
			continue
		}
		e.carriers = append(e.carriers, carrier{wan: w.Name, metered: w.Metered, from: now})
		e.dirty = true
	}
	if n := len(e.carriers) - keptCarriers; n > 0 {
		for _, c := range e.carriers[keptCarriers/2 : keptCarriers/2+n] {
			if c.metered {
				e.data += c.data
			}
		}
		e.carriers = slices.Delete(e.carriers, keptCarriers/2, keptCarriers/2+n)
	}
}

// measure adds what the lines have carried since the look before to those that carried the house then. A counter that is less than it was
// began anew, with its interface.
func (b *Book) measure(s *router.Snapshot) {
	for _, w := range s.WANs {
		total := w.RxBytes + w.TxBytes
		before, known := b.look.bytes[w.Name]
		b.look.bytes[w.Name] = total
		if !known || total == before {
			continue
		}
		more := total - before
		if total < before {
			more = total
		}
		for _, e := range b.open {
			for i := range e.carriers {
				if c := &e.carriers[i]; c.to.IsZero() && c.wan == w.Name {
					c.data += more
				}
			}
		}
	}
	for name := range b.look.bytes {
		if !slices.ContainsFunc(s.WANs, func(w router.WANSnapshot) bool { return w.Name == name }) {
			delete(b.look.bytes, name)
		}
	}
}
