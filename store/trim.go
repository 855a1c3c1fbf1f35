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

// trim forgets what is old. It is called while the clock is trusted.
func trim(tx *sql.Tx, now time.Time) error {
	old, future := now.Add(-keptDays), now.Add(futureLimit)
	events, reports, err := room(tx)
	if err != nil {
		return err
	}
	for _, t := range [...]struct {
		query string
		args  []any
	}{
		{"DELETE FROM events WHERE at < ? OR id <= (SELECT max(id) FROM events) - ?", []any{old.UnixMicro(), events}},
		{"DELETE FROM incidents WHERE until < ? OR id IN (SELECT id FROM incidents ORDER BY start DESC LIMIT -1 OFFSET ?)", []any{old.UnixMicro(), reports}},
		{"DELETE FROM minutes WHERE at < ? OR at > ?", []any{now.Add(-keptMinutes).Unix(), future.Unix()}},
		{"DELETE FROM minutes WHERE at < (SELECT at FROM minutes ORDER BY at DESC LIMIT 1 OFFSET ?)", []any{minutesLimit}},
		{"DELETE FROM hours WHERE at < ? OR at > ?", []any{old.Unix(), future.Unix()}},
		{"DELETE FROM hours WHERE at < (SELECT at FROM hours ORDER BY at DESC LIMIT 1 OFFSET ?)", []any{hoursLimit}},
		{"DELETE FROM usage WHERE day < ?", []any{old.Format(time.DateOnly)}},
		{"DELETE FROM usage WHERE day < (SELECT day FROM usage ORDER BY day DESC LIMIT 1 OFFSET ?)", []any{usageLimit}},
	} {
		if _, err := tx.Exec(t.query, t.args...); err != nil {
			return fmt.Errorf("trim: %w", err)
		}
	}
	return nil
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
