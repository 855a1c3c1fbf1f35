package drill

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/twinpath/twinpath/router"
)

// recall takes what an earlier run has kept, and shows the newest of each line. One that has no end was interrupted by ours.
func (d *Driller) recall() {
	texts, err := d.ports.Shelf.All()
	if err != nil {
		d.ports.Log.Warn("read the rehearsals that are kept", "err", err)
		return
	}
	var all []router.DrillView
	for _, text := range texts {
		var v router.DrillView
		if err := json.Unmarshal(text, &v); err != nil || v.ID == "" {
			d.ports.Log.Warn("a rehearsal that is kept cannot be read", "err", err)
			continue
		}
		if v.End.IsZero() {
			v.End, v.OK, v.Stopped = d.ports.Now().UTC(), false, true
			v.Sentence = fmt.Sprintf("The rehearsal of %s was interrupted: the router started anew.", v.WAN)
			d.put(v)
		}
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b router.DrillView) int { return cmp.Compare(a.Start.UnixNano(), b.Start.UnixNano()) })
	d.mu.Lock()
	d.kept = all
	d.mu.Unlock()
	for _, v := range all {
		d.ports.Tell(router.DrillSeen{View: newest(all, v.WAN)})
	}
	d.forget()
}

// keep adds a rehearsal that is over, and drops what is too old.
func (d *Driller) keep(v router.DrillView) {
	d.put(v)
	d.mu.Lock()
	d.kept = append(d.kept, v)
	old := d.kept[:max(0, len(d.kept)-kept)]
	d.kept = slices.Clone(d.kept[len(old):])
	d.mu.Unlock()
	d.drop(old)
}

func (d *Driller) put(v router.DrillView) {
	text, err := json.Marshal(v)
	if err == nil {
		err = d.ports.Shelf.Put(v.ID, text)
	}
	if err != nil {
		d.ports.Log.Warn("keep a rehearsal", "err", err)
	}
}

func (d *Driller) drop(views []router.DrillView) {
	for _, v := range views {
		if err := d.ports.Shelf.Drop(v.ID); err != nil {
			d.ports.Log.Warn("drop an old rehearsal", "err", err)
		}
	}
}

// forget drops the rehearsals of lines that are no more. An incident of theirs would never end.
func (d *Driller) forget() {
	d.mu.Lock()
	gone := map[string]bool{}
	for _, v := range d.kept {
		gone[v.WAN] = !slices.ContainsFunc(d.cfg.WANs, func(w router.WANConfig) bool { return w.Name == v.WAN })
	}
	var open []string
	for wan := range gone {
		if gone[wan] && failing(d.kept, wan) {
			open = append(open, wan)
		}
	}
	var old, left []router.DrillView
	for _, v := range d.kept {
		if gone[v.WAN] {
			old = append(old, v)
		} else {
			left = append(left, v)
		}
	}
	d.kept = left
	d.mu.Unlock()
	d.drop(old)
	for _, wan := range open {
		d.ports.Record(router.Event{Time: d.ports.Now(), Kind: router.EventDrill, WAN: wan, Cause: router.CauseDrill, To: "ends",
			Sentence: wan + " is not there any more: its failure need not be rehearsed."})
	}
}

// newest is the last rehearsal of a line, of those that proved anything while there is one; the zero view: there is none.
func newest(views []router.DrillView, wan string) router.DrillView {
	var stopped router.DrillView
	for i := len(views) - 1; i >= 0; i-- {
		switch v := views[i]; {
		case v.WAN != wan:
		case !v.Stopped:
			return v
		case stopped.ID == "":
			stopped = v
		}
	}
	return stopped
}

// failing reports whether the newest rehearsal of a line that proved anything proved that its failure cannot be coped with.
func failing(views []router.DrillView, wan string) bool {
	v := newest(views, wan)
	return v.ID != "" && !v.Stopped && !v.OK
}
