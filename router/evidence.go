package router

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// BudgetView is how much of a metered line's data is used, in bytes.
type BudgetView struct {
	Month    uint64    `json:"month,omitempty"` // the limits; 0: none
	Incident uint64    `json:"incident,omitempty"`
	Prepaid  uint64    `json:"prepaid,omitempty"`
	Used     Used      `json:"used"`
	Resets   time.Time `json:"resets,omitzero"` // when the month ends
	Percent  int       `json:"percent"`         // of the limit that is nearest
	Class    string    `json:"class,omitempty"` // what everybody may still use it for, when it is used up
	Limited  Class     `json:"-"`
}

// Used is what a line has carried, in bytes.
type Used struct {
	Month    uint64 `json:"month"`
	Incident uint64 `json:"incident"` // since it began to carry the house; 0 while it does not
	Prepaid  uint64 `json:"prepaid,omitempty"`
}

// AlertsView is how telling people goes.
type AlertsView struct {
	Sender   bool          `json:"sender"`  // it is this router of the pair that tells
	Waiting  int           `json:"waiting"` // messages that no line could take yet
	Dropped  int           `json:"dropped,omitempty"`
	Channels []ChannelView `json:"channels,omitempty"`
}

// ChannelView is one way to tell people, without its secrets.
type ChannelView struct {
	Name  string    `json:"name"`            // "ntfy://ntfy.sh/…"
	Sent  time.Time `json:"sent,omitzero"`   // the newest message that was taken
	Error string    `json:"error,omitempty"` // of the newest try, when it failed
}

// DrillView is a rehearsal of a line's failure.
type DrillView struct {
	ID       string      `json:"id"`
	WAN      string      `json:"wan"`            // whose failure was rehearsed
	Through  string      `json:"through"`        // the line that was to carry the house
	Full     bool        `json:"full,omitempty"` // the house was really moved
	Weekly   bool        `json:"weekly,omitempty"`
	Stopped  bool        `json:"stopped,omitempty"` // it says nothing of the line: it was ended early, or nothing could be fetched by any
	Start    time.Time   `json:"start"`
	End      time.Time   `json:"end,omitzero"` // zero: it goes on
	OK       bool        `json:"ok"`
	Sentence string      `json:"sentence"`
	Steps    []DrillStep `json:"steps,omitempty"`
	Felt     []string    `json:"felt,omitempty"` // what the house would have felt, or has
}

// DrillStep is one thing that was tried.
type DrillStep struct {
	What   string       `json:"what"` // dns, tls, fetch, mtu, ...
	OK     bool         `json:"ok"`
	Took   Milliseconds `json:"took_ms"`
	Detail string       `json:"detail"`
}

// evidence is what others know and the snapshot shows.
type evidence struct {
	budgets map[string]BudgetView // by the name of the line
	drills  map[string]DrillView  // the newest, by the line whose failure was rehearsed
	alerts  *AlertsView
	peer    *PairView // as it shows itself
	house   *HouseView
	names   []NameView
	disk    string
	unset   bool // the clock

	differences []string // between the two routers' configurations
	second      *SecondView
	divided     bool // both routers serve the house, as far as is known
	healed      time.Time
}

// fold keeps what others know, and says what begins or ends with it. Each fact replaces the one before.
func (e *evidence) fold(now time.Time, fact Fact) []Event {
	switch f := fact.(type) {
	case BudgetSeen:
		e.budgets = with(e.budgets, f.WAN, f.View)
	case DrillSeen:
		e.drills = with(e.drills, f.View.WAN, f.View)
	case AlertsSeen:
		e.alerts = &f.View
	case HouseSeen:
		e.house = &f.View
	case NamesSeen:
		e.names = f.Names
	case DifferencesSeen:
		return e.foldDifferences(now, f)
	case SecondSeen:
		return e.foldSecond(now, f)
	case DiskSeen:
		return e.foldDisk(now, f.Err)
	case ClockSeen:
		was := e.unset
		e.unset = !f.Set
		return turn(now, EventRouter, CauseClock, was, e.unset,
			"Nobody has set the clock: the times of what happens now may be wrong.", "The clock is set.")
	}
	return nil
}

func (e *evidence) foldDisk(now time.Time, err error) []Event {
	was := e.disk != ""
	e.disk = ""
	if err != nil {
		e.disk = err.Error()
	}
	return turn(now, EventRouter, CauseDisk, was, err != nil,
		fmt.Sprintf("Nothing can be kept on disk: %s.", e.disk), "Things are kept on disk again.")
}

// turn is the event of something that begins or ends, if either does.
func turn(now time.Time, kind EventKind, cause Cause, was, is bool, begins, ends string) []Event {
	switch {
	case is && !was:
		return []Event{{Time: now, Kind: kind, Cause: cause, To: "begins", Sentence: begins}}
	case was && !is:
		return []Event{{Time: now, Kind: kind, Cause: cause, To: "ends", Sentence: ends}}
	}
	return nil
}

// with is a copy of m with one more entry: snapshots go on holding the old one.
func with[V any](m map[string]V, key string, v V) map[string]V {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]V{}
	}
	m[key] = v
	return m
}

// show adds it to a snapshot.
func (e *evidence) show(s *Snapshot) {
	for i := range s.WANs {
		w := &s.WANs[i]
		if b, known := e.budgets[w.Name]; known && w.Metered {
			w.Budget = &b
		}
		if d, known := e.drills[w.Name]; known {
			w.Drill = &d
		}
	}
	s.Alerts, s.Pair, s.House, s.DDNS, s.Disk, s.ClockUnset = e.alerts, e.peer, e.house, e.names, e.disk, e.unset
}

// forget drops what is about lines that are no more.
func (e *evidence) forget(wans []WANConfig) {
	gone := func(name string) bool {
		return !slices.ContainsFunc(wans, func(w WANConfig) bool { return w.Name == name })
	}
	e.budgets, e.drills = maps.Clone(e.budgets), maps.Clone(e.drills)
	maps.DeleteFunc(e.budgets, func(name string, _ BudgetView) bool { return gone(name) })
	maps.DeleteFunc(e.drills, func(name string, _ DrillView) bool { return gone(name) })
}
