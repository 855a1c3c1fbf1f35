package budget

import (
	"encoding/json"
	"time"

	"github.com/twinpath/twinpath/router"
)

// earliest is a time before which no clock can be right: this was written later.
var earliest = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// calm is how long the house must have been on a good unmetered line for an incident to be over: a line that flaps, or one that is
// left because the incident's data is used up, does not earn new data.
const calm = 2 * time.Minute

// account is all that is known of one line's use.
type account struct {
	wan    string
	limits router.Budget

	opened bool // what the store knows is in
	asked  time.Time
	days   map[string]router.Traffic // what was used, by the day
	day    string                    // what is used now counts for
	seen   *router.Traffic           // the kernel's counters at the last reading; nil: none yet
	before anchor                    // of an earlier run; its Boot is empty when there was none

	incident *incident
	said     map[string]int // the highest level that was said of each period of a limit, in percent

	news    bool // the state should be kept soon
	kept    time.Time
	shelved string

	told   router.BudgetView
	toldAt time.Time
}

// incident is a time on this line.
type incident struct {
	Since time.Time `json:"since"`
	Used  uint64    `json:"used"`
	quiet time.Time // since when the house has been on a good line again; zero: it is not
}

// anchor says what the kernel's counters and the store had in common at one moment.
type anchor struct {
	Boot     string         `json:"boot"`
	Counted  router.Traffic `json:"counted"` // by the kernel
	Day      string         `json:"day"`
	Used     router.Traffic `json:"used"` // since Day, by then
	Incident *incident      `json:"incident,omitempty"`
	Said     map[string]int `json:"said,omitempty"`
}

func newAccount(wan string) *account {
	return &account{wan: wan, days: map[string]router.Traffic{}, said: map[string]int{}}
}

// merge takes in what the store knows of days. A day's use only grows: the larger word is the better one.
func (a *account) merge(days map[string]router.Traffic) {
	for day, used := range days {
		mine := a.days[day]
		a.days[day] = router.Traffic{Rx: max(mine.Rx, used.Rx), Tx: max(mine.Tx, used.Tx)}
	}
}

// restore takes in the state of an earlier run. What cannot be read is as if there was none.
func (a *account) restore(text []byte) {
	if json.Unmarshal(text, &a.before) != nil {
		a.before = anchor{}
		return
	}
	a.day, a.incident = a.before.Day, a.before.Incident
	if a.before.Said != nil {
		a.said = a.before.Said
	}
}

// state is what a later run needs.
func (a *account) state(boot string) []byte {
	now := a.before
	if a.seen != nil {
		now = anchor{Boot: boot, Counted: *a.seen, Day: a.day, Used: a.between(a.day, "")}
	}
	now.Incident, now.Said = a.incident, a.said
	text, _ := json.Marshal(now) // of plain values
	return text
}

// count takes in what the kernel has counted, and returns what of it is to be added to the account's day. Of a clock that nobody has
// set, the last day that is known goes on; while none is, the kernel keeps it.
func (a *account) count(now time.Time, set bool, boot string, counted router.Traffic) router.Traffic {
	switch {
	case set:
		a.day = dayOf(now)
	case a.day == "":
		return router.Traffic{}
	}
	if a.seen == nil {
		used, meanwhile := a.resume(boot, counted)
		if a.incident != nil && a.incident == a.before.Incident {
			a.incident.Used += total(meanwhile)
		}
		a.seen, a.news = &counted, true
		a.days[a.day] = plus(a.days[a.day], used)
		return used
	}
	used := since(counted, *a.seen)
	a.seen = &counted
	a.days[a.day] = plus(a.days[a.day], used)
	if a.incident != nil {
		a.incident.Used += total(used)
	}
	return used
}

// resume is what was used since an earlier run's anchor, and what of that and of before the store does not have: because nobody ran,
// or because it did not reach the disk. Without an earlier run counting begins now.
func (a *account) resume(boot string, counted router.Traffic) (missing, meanwhile router.Traffic) {
	b := a.before
	if b.Boot == "" {
		return missing, meanwhile
	}
	stored := a.between(b.Day, "")
	if b.Boot == boot {
		meanwhile = since(counted, b.Counted)
	} else { // the kernel has begun anew
		meanwhile = plus(less(stored, b.Used), counted)
	}
	return less(plus(b.Used, meanwhile), stored), meanwhile
}

// since is how far counters have come. Those that are smaller than before have begun anew.
func since(now, before router.Traffic) router.Traffic {
	if now.Rx < before.Rx || now.Tx < before.Tx {
		return now
	}
	return router.Traffic{Rx: now.Rx - before.Rx, Tx: now.Tx - before.Tx}
}

func plus(a, b router.Traffic) router.Traffic {
	return router.Traffic{Rx: a.Rx + b.Rx, Tx: a.Tx + b.Tx}
}

func total(t router.Traffic) uint64 { return t.Rx + t.Tx }

// less is a − b, and never less than nothing.
func less(a, b router.Traffic) router.Traffic {
	return router.Traffic{Rx: a.Rx - min(a.Rx, b.Rx), Tx: a.Tx - min(a.Tx, b.Tx)}
}

// see follows who carries the house.
func (a *account) see(now time.Time, s *router.Snapshot) {
	carries, good, active := false, true, 0
	for _, w := range s.WANs {
		if !w.Active {
			continue
		}
		active++
		carries = carries || w.Name == a.wan
		good = good && !w.Metered && w.State == "up"
	}
	switch {
	case carries && a.incident == nil:
		a.incident, a.news = &incident{Since: now}, true
	case a.incident == nil:
	case carries || !good || active == 0:
		a.incident.quiet = time.Time{}
	case a.incident.quiet.IsZero():
		a.incident.quiet = now
	case now.Sub(a.incident.quiet) >= calm:
		a.incident, a.news = nil, true
	}
}
