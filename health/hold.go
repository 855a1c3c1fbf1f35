package health

import "time"

const (
	// holdMemory is how long a flap counts: the multi-WAN notes double per flap within one hour.
	holdMemory = time.Hour
	// holdLongest keeps the wait shorter than an owner's patience (design §1: 1, 2, 4 … 30 min).
	holdLongest = 30 * time.Minute
)

// Hold is the hold-down of one WAN that keeps flapping: each flap within an hour of the last one
// doubles the time for which the recovered WAN must wait before it carries traffic again.
//
// An hour without trouble, counted from the latest recovery, forgets everything. Hold is pure: the caller
// passes the time.
type Hold struct {
	flaps    int
	quiet    time.Time // the last flap or recovery
	until    time.Time
	awaiting bool // flapped, not yet recovered
}

// NewHold returns a Hold without a history.
func NewHold() *Hold { return &Hold{} }

// Flap records that the WAN lost the traffic because of its health. Between a flap and the recovery
// further calls change nothing: that is one outage.
func (h *Hold) Flap(now time.Time) {
	if h.awaiting {
		return
	}
	if now.Sub(h.quiet) > holdMemory {
		h.flaps = 0
	}
	h.flaps++
	h.quiet, h.awaiting, h.until = now, true, time.Time{}
}

// Recover records that the WAN's checks pass again; the hold-down runs from here.
func (h *Hold) Recover(now time.Time) {
	if !h.awaiting {
		return
	}
	h.awaiting, h.quiet = false, now
	if d := h.Length(); d > 0 {
		h.until = now.Add(d)
	}
}

// Waive ends a hold-down early: the WAN is needed, since nothing better is left.
func (h *Hold) Waive() { h.until = time.Time{} }

// Length returns the hold-down that the flaps so far have earned: 0, 1, 2, 4 … 30 minutes.
func (h *Hold) Length() time.Duration {
	if h.flaps < 2 {
		return 0
	}
	return min(time.Minute<<min(h.flaps-2, 8), holdLongest)
}

// Until returns when the hold-down ends; zero when there is none, or the WAN has not recovered yet.
func (h *Hold) Until() time.Time { return h.until }

// Flaps returns how many flaps are remembered.
func (h *Hold) Flaps() int { return h.flaps }
