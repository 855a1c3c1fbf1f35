package store

import (
	"time"

	"github.com/twinpath/twinpath/router"
)

// What waits in memory for the disk, at most. When it is more, the oldest goes: people ask for the newest.
const (
	mostEvents    = 2000
	mostIncidents = 500
	mostUsage     = 1000
	mostItems     = 1000 // of a shelf
)

// box is what waits for the disk, and then the batch on its way there.
type box struct {
	since     time.Time // when the first thing came in
	urgent    time.Time // when the first came that is to be kept within a second
	at        time.Time // the writer's time of the batch
	prompt    bool      // somebody waits
	trusted   bool      // the clock, when the batch is written
	events    []router.Event
	incidents []router.Incident // one of an ID
	usage     map[usageKey]router.Traffic
	items     []item
	told      []chan<- error // who waits
	refused   error          // the last thing of the batch that SQLite did not want
	rows      []row          // of measurements, taken in just before the batch is written
}

type usageKey struct{ day, wan string }

// item is a thing on a shelf, or that it was taken off.
type item struct {
	shelf, key string
	value      []byte
	at         time.Time
	dropped    bool
}

func (b *box) empty() bool {
	return len(b.events)+len(b.incidents)+len(b.usage)+len(b.items)+len(b.told)+len(b.rows) == 0
}

// come notes when something came in.
func (b *box) come(now time.Time, urgent bool) {
	if b.since.IsZero() {
		b.since = now
	}
	if urgent && b.urgent.IsZero() {
		b.urgent = now
	}
}

// The add functions return how many things had to go.

func (b *box) addEvent(e router.Event) (gone int) {
	b.events = append(b.events, e)
	b.events, gone = newest(b.events, mostEvents)
	return gone
}

func (b *box) addIncident(i router.Incident) (gone int) {
	for n := range b.incidents {
		if b.incidents[n].ID == i.ID {
			b.incidents[n] = i
			return 0
		}
	}
	b.incidents = append(b.incidents, i)
	b.incidents, gone = newest(b.incidents, mostIncidents)
	return gone
}

func (b *box) addUsage(k usageKey, moved router.Traffic) (gone int) {
	if b.usage == nil {
		b.usage = map[usageKey]router.Traffic{}
	}
	sum, known := b.usage[k]
	if !known && len(b.usage) >= mostUsage {
		return 1
	}
	b.usage[k] = router.Traffic{Rx: sum.Rx + moved.Rx, Tx: sum.Tx + moved.Tx}
	return 0
}

func (b *box) addItem(i item) (gone int) {
	for n := range b.items {
		if b.items[n].shelf == i.shelf && b.items[n].key == i.key {
			b.items[n] = i
			return 0
		}
	}
	b.items = append(b.items, i)
	b.items, gone = newest(b.items, 2*mostItems) // of all shelves
	return gone
}

// newest returns the last n of a list, and how many went.
func newest[T any](list []T, n int) ([]T, int) {
	gone := max(len(list)-n, 0)
	clear(list[:gone])
	return list[gone:], gone
}

// after puts what came later behind a batch that could not be written. Nobody waits for it any more, and its rows stay where they came from.
func (b *box) after(failed *box) (gone int) {
	later := *b
	*b = box{since: failed.since, urgent: failed.urgent, prompt: later.prompt, told: later.told, usage: failed.usage,
		events: failed.events, incidents: failed.incidents, items: failed.items}
	b.come(later.since, false)
	for _, e := range later.events {
		gone += b.addEvent(e)
	}
	for _, i := range later.incidents {
		gone += b.addIncident(i)
	}
	for k, moved := range later.usage {
		gone += b.addUsage(k, moved)
	}
	for _, i := range later.items {
		gone += b.addItem(i)
	}
	return gone
}
