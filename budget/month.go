package budget

import (
	"time"

	"github.com/twinpath/twinpath/router"
)

func dayOf(t time.Time) string { return t.Format(time.DateOnly) }

// month returns the first day of the budget's month that t is in, and that of the next one, as local midnights. A month that is
// too short for the reset day has its last day instead.
func month(t time.Time, resetDay int) (from, to time.Time) {
	year, m, _ := t.Date()
	from = reset(year, m, resetDay, t.Location())
	if t.Before(from) {
		return reset(year, m-1, resetDay, t.Location()), from
	}
	return from, reset(year, m+1, resetDay, t.Location())
}

func reset(year int, m time.Month, day int, place *time.Location) time.Time {
	last := time.Date(year, m+1, 0, 12, 0, 0, 0, place).Day()
	return midnight(year, m, min(max(day, 1), last), place)
}

// midnight is when a day begins. Where summer time begins at midnight that is at one (Chile); package time makes 23:00 of the day before of it.
func midnight(year int, m time.Month, day int, place *time.Location) time.Time {
	begin := time.Date(year, m, day, 0, 0, 0, 0, place)
	if noon := time.Date(year, m, day, 12, 0, 0, 0, place); begin.Day() != noon.Day() {
		return time.Date(year, m, day, 1, 0, 0, 0, place)
	}
	return begin
}

// today is the account's day at its end, as a time in the place of now: what periods are reckoned from.
func (a *account) today(now time.Time) time.Time {
	if day, err := time.Parse(time.DateOnly, a.day); err == nil {
		return midnight(day.Year(), day.Month(), day.Day(), now.Location())
	}
	return now
}

// since is the first day that matters: of this month, of what was prepaid, of what an earlier run had counted.
func (a *account) since(now time.Time) string {
	from, _ := month(a.today(now), a.limits.ResetDay)
	day := dayOf(from.AddDate(0, -1, 0))
	if a.before.Day != "" {
		day = min(day, a.before.Day)
	}
	if p := a.limits.From; !p.IsZero() {
		day = min(day, dayOf(p))
	}
	return day
}

// between adds up days, the first included and the second not; an empty second: all that follow.
func (a *account) between(from, to string) router.Traffic {
	var sum router.Traffic
	for day, used := range a.days {
		if day >= from && (to == "" || day < to) {
			sum = plus(sum, used)
		}
	}
	return sum
}
