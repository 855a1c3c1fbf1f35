package main

import (
	"encoding/json"
	"time"

	"github.com/twinpath/twinpath/pair/handover"
	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/router"
)

// release is what a router asks the other one for when that one's metered line has carried connections for long enough.
type release struct {
	Four bool `json:"four,omitempty"`
	Six  bool `json:"six,omitempty"`
}

// release asks the other router to end its connections: nothing is sent to it any more.
func (d *duet) release(a handover.Action) {
	body, _ := json.Marshal(release{Four: a.Four, Six: a.Six}) // of two truths: it never fails
	d.send(link.Release, body)
}

// released ends the connections of this router's own lines, if it does not serve the house.
func (d *duet) released(now time.Time, body []byte) {
	var r release
	if json.Unmarshal(body, &r) != nil || !r.Four && !r.Six {
		return
	}
	if standing, _ := d.standing(now, d.snap.Side); standing != handover.Backup {
		return
	}
	var all []router.Vacate
	for _, w := range d.snap.WANs {
		if w.Kind != router.Peer.String() {
			all = append(all, router.Vacate{WAN: w.Name, Mark: w.Mark, OnlyIPv6: !r.Four})
		}
	}
	d.group.Go(func() error {
		for _, v := range all {
			if _, err := d.kernel.Vacate(v); err != nil {
				d.log.Warn("connections that the other router has ended go on here", "err", err)
			}
		}
		return nil
	})
}
