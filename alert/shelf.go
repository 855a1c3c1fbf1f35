package alert

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// What lies on the Shelf, by the beginning of its key.
const (
	letterKey = "letter/" // a kept letter
	sentKey   = "sent/"   // when a channel was used within a day
	toldKey   = "told"    // the Machine's memory, and what the other router has to know
)

// told is what lies under toldKey.
type told struct {
	Machine  json.RawMessage `json:"machine"`
	Received []string        `json:"received,omitempty"`
	Tell     []string        `json:"tell,omitempty"`
}

// used is what lies under sentKey.
type used struct {
	Sent    []time.Time `json:"sent"`
	Dropped int         `json:"dropped,omitempty"`
}

// restore takes over what an earlier Desk has kept. What cannot be read is left out: it is better to tell twice than never.
func (d *Desk) restore(ctx context.Context) {
	items := d.readShelf(ctx)
	now := d.ports.Now()
	var err error
	for _, item := range items {
		var k kept
		var t told
		switch {
		case strings.HasPrefix(item.Key, letterKey):
			if err = json.Unmarshal(item.Value, &k); err == nil {
				d.outbox.restore(now, &k)
				d.restored = true
			}
		case strings.HasPrefix(item.Key, sentKey):
			d.past = append(d.past, item)
		case item.Key == toldKey:
			if err = json.Unmarshal(item.Value, &t); err == nil {
				err = d.machine.Remember(now, t.Machine)
				d.exchange.received, d.exchange.tell = t.Received, t.Tell
			}
		}
		if err != nil {
			d.ports.Log.Warn("something that was kept cannot be read", "key", item.Key, "err", err)
		}
	}
}

// readShelf gives a disk that is slow to start a few tries.
func (d *Desk) readShelf(ctx context.Context) []Item {
	const tries, pause = 5, 2 * time.Second
	for n := 1; ; n++ {
		items, err := d.ports.Shelf.All()
		switch {
		case err == nil:
			return items
		case n == tries:
			d.ports.Log.Warn("what has been told cannot be read", "err", err)
			return items
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// recall gives the channels of the first configuration their past.
func (d *Desk) recall() {
	now := d.ports.Now()
	for _, item := range d.past {
		var u used
		r := d.outbox.route(strings.TrimPrefix(item.Key, sentKey))
		if r == nil {
			_ = d.ports.Shelf.Drop(item.Key) // of a channel that is gone
			continue
		}
		if json.Unmarshal(item.Value, &u) != nil {
			continue
		}
		for i := range u.Sent {
			r.newest = u.Sent[i]
			rebase(now, &u.Sent[i])
		}
		r.sent, r.dropped = u.Sent, u.Dropped
	}
	d.past = nil
}

// keepRoute notes that a channel was used, so that a restart is no way around its limits.
func (d *Desk) keepRoute(r *route) {
	text, err := json.Marshal(used{r.sent, r.dropped})
	if err == nil {
		err = d.ports.Shelf.Put(sentKey+r.key, text)
	}
	if err != nil {
		d.ports.Log.Debug("when a channel was used is not kept", "err", err)
	}
}

// flush makes durable what has changed: letters before the memory that they were made, so that a power cut in between makes them anew, under
// the same names. A disk that fails costs two seconds a try, so it is left alone for a while: the messages are sent all the same.
func (d *Desk) flush(now time.Time) {
	const pause = 30 * time.Second
	if now.Before(d.later) || len(d.outbox.unsaved) == 0 && !d.machine.fresh && !d.exchange.fresh {
		return
	}
	if err := d.put(); err != nil {
		if d.later.IsZero() {
			d.ports.Log.Warn("messages are not kept on disk", "err", err)
		}
		d.later = now.Add(pause)
		return
	}
	d.later = time.Time{}
}

func (d *Desk) put() error {
	for _, id := range slices.Sorted(maps.Keys(d.outbox.unsaved)) {
		k := d.outbox.unsaved[id]
		if err := d.putLetter(id, k); err != nil {
			return err
		}
		delete(d.outbox.unsaved, id)
	}
	if !d.machine.fresh && !d.exchange.fresh {
		return nil
	}
	memory, err := d.machine.Memory()
	if err != nil {
		return err
	}
	text, err := json.Marshal(told{memory, d.exchange.received, d.exchange.tell})
	if err != nil {
		return err
	}
	if err := d.ports.Shelf.Put(toldKey, text); err != nil {
		return err
	}
	d.machine.fresh, d.exchange.fresh = false, false
	return nil
}

func (d *Desk) putLetter(id string, k *kept) error {
	if k == nil {
		return d.ports.Shelf.Drop(letterKey + id)
	}
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return d.ports.Shelf.Put(letterKey+id, text)
}
