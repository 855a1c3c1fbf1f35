package router

import (
	"cmp"
	"time"
)

// stale is how old the kernel's counters in a new snapshot may be. Nothing wakes the loop for them.
const stale = 5 * time.Second

// measure adds the kernel's counters to a snapshot that nobody has seen yet.
func (r *Router) measure(now time.Time, s *Snapshot) {
	if r.ports.Counters == nil {
		return
	}
	if r.measured.IsZero() || now.Sub(r.measured) >= stale {
		r.measured, r.counters = now, r.ports.Counters()
	}
	s.Flows = r.counters.Flows
	for i := range s.WANs {
		w := &s.WANs[i]
		traffic := r.counters.Of(*w)
		w.RxBytes, w.TxBytes = traffic.Rx, traffic.Tx
	}
}

// Of returns what a WAN's interface has carried. That of a peer is the LAN's: what goes to the other router is a part of it that
// nobody counts.
func (c Counters) Of(w WANSnapshot) Traffic {
	if w.Kind == Peer.String() {
		return Traffic{}
	}
	return c.Traffic[cmp.Or(w.Device, w.Interface)]
}
