package budget

import (
	"testing"
	"time"
)

func TestMonth(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	for _, c := range []struct {
		now      string
		day      int
		from, to string
	}{
		{"2026-11-21 19:33", 1, "2026-11-01", "2026-12-01"},
		{"2026-11-01 00:00", 1, "2026-11-01", "2026-12-01"},
		{"2026-10-31 23:59", 1, "2026-10-01", "2026-11-01"},
		{"2026-11-21 00:00", 0, "2026-11-01", "2026-12-01"},
		{"2026-11-14 23:59", 15, "2026-10-15", "2026-11-15"},
		{"2026-11-15 00:00", 15, "2026-11-15", "2026-12-15"},
		{"2027-02-27 12:00", 31, "2027-01-31", "2027-02-28"},
		{"2027-02-28 00:00", 31, "2027-02-28", "2027-03-31"},
		{"2028-02-28 12:00", 30, "2028-01-30", "2028-02-29"}, // a leap year
		{"2027-03-30 12:00", 31, "2027-02-28", "2027-03-31"},
		{"2027-01-05 12:00", 20, "2026-12-20", "2027-01-20"},
		{"2026-12-31 23:59", 31, "2026-12-31", "2027-01-31"},
		{"2027-03-28 03:00", 28, "2027-03-28", "2027-04-28"}, // summer time begins
	} {
		now, err := time.ParseInLocation("2006-01-02 15:04", c.now, berlin)
		if err != nil {
			t.Fatal(err)
		}
		from, to := month(now, c.day)
		if dayOf(from) != c.from || dayOf(to) != c.to {
			t.Errorf("on %s, reset on the %d: %s to %s, want %s to %s", c.now, c.day, dayOf(from), dayOf(to), c.from, c.to)
		}
		if now.Before(from) || !now.Before(to) {
			t.Errorf("%s is not in its own month, %s to %s", now, from, to)
		}
	}
}

// Every day of four years is in one month, and the months follow on each other.
func TestMonthsFollowOnEachOther(t *testing.T) {
	for day := 0; day <= 31; day++ {
		end := time.Time{}
		for now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC); now.Year() < 2030; now = now.AddDate(0, 0, 1) {
			from, to := month(now, day)
			if now.Before(from) || !now.Before(to) {
				t.Fatalf("reset on the %d: %s is not in %s to %s", day, now, from, to)
			}
			if !end.IsZero() && !from.Equal(end) && !to.Equal(end) {
				t.Fatalf("reset on the %d: %s begins at %s, the one before ended at %s", day, now, from, end)
			}
			end = to
		}
	}
}

// TestADayWithoutAMidnight has the reset day be one that begins at one in the morning.
func TestADayWithoutAMidnight(t *testing.T) {
	chile, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Skip(err)
	}
	a := newAccount("lte")
	for day, want := range map[int]string{5: "2026-08-06 2026-09-06", 6: "2026-09-06 2026-10-06", 7: "2026-09-06 2026-10-06"} {
		now := time.Date(2026, time.September, day, 23, 30, 0, 0, chile)
		a.day = dayOf(now)
		from, to := month(a.today(now), 6)
		if got := dayOf(from) + " " + dayOf(to); got != want {
			t.Errorf("on %s: %s, want %s", a.day, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 1234: "1.2 kB", 9_949: "9.9 kB", 9_951: "10 kB", 999_499: "999 kB",
		999_600: "1 MB", 850e6: "850 MB", 1.25e9: "1.2 GB", 5e9: "5 GB", 12.3e9: "12 GB", 1<<64 - 1: "18 EB"} {
		if got := Size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
