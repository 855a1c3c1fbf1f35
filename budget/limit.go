package budget

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/twinpath/twinpath/router"
)

// limit is one limit at one moment.
type limit struct {
	key   string // of its period, and its size: one that is changed is another
	most  uint64
	used  uint64
	ends  time.Time // when its period is over; zero: nobody knows
	words string    // "5 GB for this month"
}

func (l limit) percent() int {
	if l.most == 0 {
		return 0
	}
	high, low := bits.Mul64(l.used, 100)
	if high >= l.most {
		return 1<<31 - 1
	}
	percent, _ := bits.Div64(high, low, l.most)
	return int(min(percent, 1<<31-1))
}

// used is what counts against each kind of limit.
func (a *account) used(now time.Time) router.Used {
	from, to := month(a.today(now), a.limits.ResetDay)
	u := router.Used{Month: total(a.between(dayOf(from), dayOf(to)))}
	if a.incident != nil {
		u.Incident = a.incident.Used
	}
	if a.limits.Prepaid > 0 {
		u.Prepaid = total(a.between(dayOf(a.limits.From), ""))
	}
	return u
}

// limitsAt are the limits that there are.
func (a *account) limitsAt(now time.Time) []limit {
	from, to := month(a.today(now), a.limits.ResetDay)
	used := a.used(now)
	var all []limit
	add := func(period string, most, used uint64, ends time.Time, words string) {
		if most > 0 {
			all = append(all, limit{fmt.Sprintf("%s %d", period, most), most, used, ends, Size(most) + words})
		}
	}
	add("month "+dayOf(from), a.limits.Month, used.Month, to, " for this month")
	if a.incident != nil {
		add("incident "+a.incident.Since.UTC().Format(time.RFC3339), a.limits.Incident, used.Incident, time.Time{}, " for one outage")
	}
	add("prepaid "+dayOf(a.limits.From), a.limits.Prepaid, used.Prepaid, time.Time{}, " bought on "+a.limits.From.Format("2 January"))
	return all
}

// levels are what is said of, in percent.
var levels = [...]int{50, 80, 100}

// warn says each level of each limit once in its period; of several that were passed at once the highest.
func (a *account) warn(now time.Time) []router.Event {
	var events []router.Event
	said := map[string]int{}
	for _, l := range a.limitsAt(now) {
		said[l.key] = a.said[l.key]
		reached := 0
		for _, level := range levels {
			if l.percent() >= level {
				reached = level
			}
		}
		if reached > said[l.key] {
			said[l.key], a.news = reached, true
			events = append(events, router.Event{Time: now, Kind: router.EventBudget, WAN: a.wan, Cause: router.CauseBudget, To: "moment",
				Sentence: a.sentence(l, reached)})
		}
	}
	a.said = said // and no periods that are over
	return events
}

func (a *account) sentence(l limit, level int) string {
	anew := ""
	if !l.ends.IsZero() {
		anew = "; it begins anew on " + l.ends.Format("2 January")
	}
	if level < 100 {
		return fmt.Sprintf("%s has used %d %% of its %s (%s)%s.", a.wan, level, l.words, Size(l.used), anew)
	}
	return fmt.Sprintf("%s has used up its %s: %s%s.", a.wan, l.words, consequence(a.limits.Then), anew)
}

func consequence(then router.Class) string {
	switch then {
	case router.Essential:
		return "what is essential goes on over it, the rest slowly"
	case router.Never:
		return "nobody may use it any more but who always may"
	}
	return "it is used all the same"
}

// view is what the page shows.
func (a *account) view(now time.Time) router.BudgetView {
	v := router.BudgetView{Month: a.limits.Month, Incident: a.limits.Incident, Prepaid: a.limits.Prepaid, Used: a.used(now)}
	if v.Month > 0 {
		_, to := month(a.today(now), a.limits.ResetDay)
		v.Resets = to.UTC()
	}
	for _, l := range a.limitsAt(now) {
		v.Percent = max(v.Percent, l.percent())
	}
	if v.Percent >= 100 && a.limits.Then > router.Always {
		v.Limited, v.Class = a.limits.Then, a.limits.Then.String()
	}
	return v
}

const (
	// hurry and rest are how long a use that says nothing new waits until it is told: on a page that somebody may look at while the
	// line carries the house, and else.
	hurry = time.Minute
	rest  = 10 * time.Minute
)

// worth reports whether a view is worth a round of the router's loop, and remembers it then.
func (a *account) worth(now time.Time, v router.BudgetView) bool {
	was := a.told
	was.Used = v.Used
	wait := rest
	if a.incident != nil {
		wait = hurry
	}
	if !a.toldAt.IsZero() && was == v && (a.told == v || now.Sub(a.toldAt) < wait) {
		return false
	}
	a.told, a.toldAt = v, now
	return true
}
