package drill

import (
	"slices"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Saturday noon.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)

var sunday = router.Drill{On: true, Day: time.Sunday, At: 4*time.Hour + 10*time.Minute}

func TestDue(t *testing.T) {
	day := func(d, h, m int) time.Time { return time.Date(2026, 11, d, h, m, 0, 0, time.Local) }
	for name, c := range map[string]struct {
		week week
		past past
		want time.Time
	}{
		"last week":                    {week{started: day(1, 0, 0)}, past{last: day(15, 4, 15)}, day(22, 4, 10)},
		"spread":                       {week{started: day(1, 0, 0), spread: 0.5}, past{last: day(15, 4, 15)}, day(22, 4, 20)},
		"done the day before":          {week{started: day(1, 0, 0)}, past{last: day(21, 11, 0)}, day(22, 4, 10)},
		"the last one failed":          {week{started: day(1, 0, 0)}, past{last: day(15, 4, 10), failed: true}, day(16, 4, 10)},
		"it failed the day before":     {week{started: day(1, 0, 0)}, past{last: day(21, 11, 0), failed: true}, day(22, 4, 10)},
		"missed while it was off":      {week{started: noon}, past{last: day(8, 4, 10)}, day(21, 12, 10)},
		"missed, and spread":           {week{started: noon, spread: 1}, past{last: day(8, 4, 10)}, day(21, 13, 0)},
		"never done":                   {week{started: noon}, past{}, day(21, 12, 10)},
		"done when the clock was fast": {week{started: noon}, past{last: day(28, 12, 0)}, day(21, 12, 10)},
		"put off":                      {week{started: day(1, 0, 0), not: day(22, 4, 20)}, past{last: day(15, 4, 15)}, day(22, 4, 20)},
	} {
		if got := c.week.due(sunday, c.past, noon); !got.Equal(c.want) {
			t.Errorf("%s: due %s, want %s", name, got, c.want)
		}
	}
}

func TestNextIsOncePerWeek(t *testing.T) {
	at := noon
	for range 200 {
		before := at
		at = next(sunday, at)
		if at.Weekday() != time.Sunday || !at.After(before) || at.Sub(before) > 7*24*time.Hour+time.Hour {
			t.Fatalf("after %s comes %s", before, at)
		}
	}
}

// two are the lines of a house with a backup.
func two() *router.Snapshot {
	return &router.Snapshot{Verdict: router.VerdictOK, WANs: []router.WANSnapshot{
		{Name: "fibre", State: "up", Active: true, Heirs: []string{"lte"}},
		{Name: "lte", State: "up", Cost: 50, Metered: true},
	}}
}

func TestWeeklyLines(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*router.Snapshot)
		want   []string
	}{
		"a backup":                {func(*router.Snapshot) {}, []string{"fibre"}},
		"a third line":            {func(s *router.Snapshot) { s.WANs = append(s.WANs, router.WANSnapshot{Name: "dsl", State: "up"}) }, []string{"fibre", "dsl"}},
		"the house is on it":      {func(s *router.Snapshot) { s.Verdict = router.VerdictBackup }, nil},
		"shared":                  {func(s *router.Snapshot) { s.WANs[1].Active, s.WANs[1].Heirs = true, []string{"fibre"} }, nil},
		"nobody has set a clock":  {func(s *router.Snapshot) { s.ClockUnset = true }, nil},
		"a configuration waits":   {func(s *router.Snapshot) { s.Pending = new(router.PendingView) }, nil},
		"79 % of the data used":   {func(s *router.Snapshot) { s.WANs[1].Budget = &router.BudgetView{Percent: 79} }, []string{"fibre"}},
		"80 % of the data used":   {func(s *router.Snapshot) { s.WANs[1].Budget = &router.BudgetView{Percent: 80} }, nil},
		"the backup is drained":   {func(s *router.Snapshot) { s.WANs[1].Drained = true }, nil},
		"the backup is down":      {func(s *router.Snapshot) { s.WANs[1].State, s.WANs[0].Heirs = "down", nil }, nil},
		"the backup is not known": {func(s *router.Snapshot) { s.WANs[1].State = "unknown" }, nil},
	} {
		s := two()
		c.change(s)
		if got := weeklyLines(s); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
