package store

import (
	"database/sql"
	"fmt"
	"time"
)

// How long things are kept, and how many of them at most: the numbers keep the file bounded when the clock jumps, and when
// an owner tries names for lines. 400 days are a year and what it takes to complain about its beginning.
const (
	keptDays     = 400 * 24 * time.Hour
	keptMinutes  = 48 * time.Hour
	mostRows     = 16            // lines, of measurements
	fileEvents   = 20_000        // some 6 MB
	fileReports  = 5_000         // incidents, some 8 MB
	largestFile  = 64 << 20      // bytes; above it events and incidents are halved
	tidying      = 6 * time.Hour // between two times that something is forgotten: it reads all of the measurements
	futureLimit  = time.Hour     // what is later than that has its time from a clock that was wrong
	minutesLimit = mostRows * int(keptMinutes/time.Minute)
	hoursLimit   = mostRows * int(keptDays/time.Hour)
	usageLimit   = mostRows * int(keptDays/(24*time.Hour))
)

// deletion is a statement that forgets.
type deletion struct {
	query string
	args  []any
}

// trim forgets what is too much, and what is old as long as the clock is trusted.
func trim(tx *sql.Tx, now time.Time, trusted bool) error {
	all, err := tooMuch(tx)
	if err != nil {
		return err
	}
	if trusted {
		all = append(all, tooOld(now)...)
	}
	for _, d := range all {
		if _, err := tx.Exec(d.query, d.args...); err != nil {
			return fmt.Errorf("trim: %w", err)
		}
	}
	return nil
}

func tooMuch(tx *sql.Tx) ([]deletion, error) {
	events, reports, err := room(tx)
	return []deletion{
		{"DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?", []any{events}},
		{"DELETE FROM incidents WHERE id IN (SELECT id FROM incidents ORDER BY start DESC LIMIT -1 OFFSET ?)", []any{reports}},
		{"DELETE FROM minutes WHERE at < (SELECT at FROM minutes ORDER BY at DESC LIMIT 1 OFFSET ?)", []any{minutesLimit}},
		{"DELETE FROM hours WHERE at < (SELECT at FROM hours ORDER BY at DESC LIMIT 1 OFFSET ?)", []any{hoursLimit}},
		{"DELETE FROM usage WHERE day < (SELECT day FROM usage ORDER BY day DESC LIMIT 1 OFFSET ?)", []any{usageLimit}},
	}, err
}

// tooOld is what is older than it is kept, or of a time to come.
func tooOld(now time.Time) []deletion {
	old, future := now.Add(-keptDays), now.Add(futureLimit)
	return []deletion{
		{"DELETE FROM minutes WHERE at < ? OR at > ?", []any{now.Add(-keptMinutes).Unix(), future.Unix()}},
		{"DELETE FROM hours WHERE at < ? OR at > ?", []any{old.Unix(), future.Unix()}},
		{"DELETE FROM events WHERE at < ?", []any{old.UnixMicro()}},
		{"DELETE FROM incidents WHERE until < ?", []any{old.UnixMicro()}},
		{"DELETE FROM usage WHERE day < ?", []any{old.Format(time.DateOnly)}},
	}
}

// room is how many events and incidents may stay.
func room(tx *sql.Tx) (events, incidents int, err error) {
	var pages, size, free, count int
	for pragma, to := range map[string]*int{"page_count": &pages, "page_size": &size, "freelist_count": &free} {
		if err := tx.QueryRow("PRAGMA " + pragma).Scan(to); err != nil {
			return 0, 0, fmt.Errorf("trim: %w", err)
		}
	}
	if (pages-free)*size < largestFile {
		return fileEvents, fileReports, nil
	}
	if err := tx.QueryRow("SELECT count(*) FROM events").Scan(&events); err != nil {
		return 0, 0, fmt.Errorf("trim: %w", err)
	}
	if err := tx.QueryRow("SELECT count(*) FROM incidents").Scan(&count); err != nil {
		return 0, 0, fmt.Errorf("trim: %w", err)
	}
	return events / 2, count / 2, nil
}
