package main

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	twin "github.com/twinpath/twinpath/pair"
	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/router"
)

// chronicle has each router of a pair know the incidents of the other: they are kept beside its own, under the other's name. It is a topic.
type chronicle struct {
	keep func(router.Incident)                               // must not block
	read func(from, to time.Time) ([]router.Incident, error) // may wait for the disk
	log  *slog.Logger

	mu       sync.Mutex
	send     func(link.Kind, []byte) // nil: not linked
	partner  link.Greeting
	instance string            // of the other router's program that has been told everything
	waiting  []router.Incident // changed while not linked, each in its newest form; bounded
}

// memory is how far back the other router is told when it hears the first word.
const memory = 7 * 24 * time.Hour

func (h *household) newChronicle() *chronicle {
	return &chronicle{keep: h.store.PutIncident, read: h.store.Incidents, log: h.log}
}

// Told hears of an incident of this router, each time something of it has changed. It never blocks.
func (c *chronicle) Told(i router.Incident) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.send != nil {
		c.post(twin.Past{Incidents: []router.Incident{i}})
		return
	}
	c.waiting = slices.DeleteFunc(c.waiting, func(old router.Incident) bool { return old.ID == i.ID })
	c.waiting = append(c.waiting[max(0, len(c.waiting)-twin.MostPast+1):], i)
}

// post sends a part of the past, for those who hold the lock.
func (c *chronicle) post(p twin.Past) {
	text, err := twin.WritePast(p)
	if err != nil {
		c.log.Error("incidents are not told to the other router", "err", err)
		return
	}
	c.send(link.Incidents, text)
}

// Up implements topic. A program that has not been told yet hears the last week, once the disk has been read.
func (c *chronicle) Up(s link.Session, send func(link.Kind, []byte)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send, c.partner = send, s.Partner
	if s.Partner.Instance != c.instance {
		go c.tellAll(s.Partner.Instance, time.Now())
		return
	}
	if len(c.waiting) > 0 {
		c.post(twin.Past{Incidents: c.waiting})
		c.waiting = nil
	}
}

// tellAll tells a program of the other router all that it should know.
func (c *chronicle) tellAll(instance string, now time.Time) {
	all, err := c.read(now.Add(-memory), now.Add(memory)) // a clock that was set back has a future behind it
	if err != nil {
		c.log.Warn("the other router is not told what has happened", "err", err)
		return
	}
	all = slices.DeleteFunc(all, func(i router.Incident) bool { return i.Elsewhere })
	p := twin.Past{All: true, Incidents: all}
	for _, i := range all {
		if i.Open() {
			p.Open = append(p.Open, i.ID)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.send != nil && c.partner.Instance == instance {
		c.post(p)
		c.instance, c.waiting = instance, nil
	}
}

// Hear implements topic.
func (c *chronicle) Hear(_ time.Time, kind link.Kind, body []byte) {
	if kind != link.Incidents {
		return
	}
	c.mu.Lock()
	name := or(c.partner.Router, "the other router")
	c.mu.Unlock()
	p, err := twin.ReadPast(body, name)
	if err != nil {
		c.log.Warn("the other router says something odd", "err", err)
		return
	}
	for _, i := range p.Incidents {
		c.keep(i)
	}
	if p.All {
		go c.close(p.Open, time.Now())
	}
}

// close ends what the other router does not know any more as going on: it was off when that ended, or is another one by now.
func (c *chronicle) close(open []string, now time.Time) {
	const centuries = 100
	all, err := c.read(now, now.AddDate(centuries, 0, 0))
	if err != nil {
		return // the next run of its program says so again
	}
	for _, i := range all {
		if i.Elsewhere && i.Open() && !slices.Contains(open, i.ID) {
			i.End, i.Cut = i.Start.Add(time.Duration(i.Lasted)), true
			c.keep(i)
		}
	}
}

// Look implements topic.
func (c *chronicle) Look(time.Time, *router.Snapshot) {}

// Down implements topic.
func (c *chronicle) Down() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send = nil
}
