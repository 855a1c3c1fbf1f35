package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// patience is how long a reader waits for the disk.
const patience = 2 * time.Second

var (
	errSlow  = fmt.Errorf("the disk has not answered within %s", patience)
	errEnded = errors.New("the store has ended")
)

// seen is what a reader gets.
type seen[T any] struct {
	value T
	err   error
}

// look reads what is in the file, by the goroutine that uses it, and joins what waits in memory: as one, at one moment. When the file
// is not open, it is what waits. When the disk does not answer or cannot be read it is that, and an error.
func look[T any](d *DB, read func(*file) (T, error), join func(T, *box) T) (T, error) {
	answer := make(chan seen[T], 1)
	ask := func(f *file) error {
		var s seen[T]
		if f != nil {
			s.value, s.err = read(f)
		}
		s.value = joined(d, s.value, join)
		answer <- s
		return s.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case d.asks <- ask:
	case <-d.ended:
		cancel()
	case <-ctx.Done():
	}
	select {
	case s := <-answer:
		return s.value, s.err
	case <-ctx.Done():
		var none T
		return joined(d, none, join), d.silence()
	}
}

// silence is why there was no answer.
func (d *DB) silence() error {
	select {
	case <-d.ended:
		return errEnded
	default:
		return errSlow
	}
}

func joined[T any](d *DB, value T, join func(T, *box) T) T {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.writing != nil {
		value = join(value, d.writing)
	}
	return join(value, d.waiting)
}

// Since returns the events that are not older than t, oldest first. With an error they are those in memory.
func (d *DB) Since(t time.Time) ([]router.Event, error) {
	events, err := look(d, func(f *file) ([]router.Event, error) { return f.events(t) }, func(all []router.Event, b *box) []router.Event {
		for _, e := range b.events {
			if !e.Time.Before(t) {
				all = append(all, e)
			}
		}
		return all
	})
	return append([]router.Event{}, events...), err
}

func (f *file) events(t time.Time) ([]router.Event, error) {
	rows, err := f.db.Query("SELECT event FROM events WHERE at >= ? ORDER BY id", t.UnixMicro())
	return decoded[router.Event](rows, err)
}

// decoded reads JSON. What cannot be read is left out: another version may have written it.
func decoded[T any](rows *sql.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var text sql.RawBytes
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		var one T
		if json.Unmarshal(text, &one) == nil {
			all = append(all, one)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return all, nil
}

// Incidents returns those that overlap a period, oldest first. With an error they are those in memory.
func (d *DB) Incidents(from, to time.Time) ([]router.Incident, error) {
	all, err := look(d, func(f *file) ([]router.Incident, error) { return f.incidents(from, to) }, func(all []router.Incident, b *box) []router.Incident {
		for _, i := range b.incidents {
			all = slices.DeleteFunc(all, func(old router.Incident) bool { return old.ID == i.ID })
			if end, over := ended(i); i.Start.Before(to) && (!over || !end.Before(from)) {
				all = append(all, i)
			}
		}
		return all
	})
	slices.SortStableFunc(all, func(a, b router.Incident) int { return a.Start.Compare(b.Start) })
	return append([]router.Incident{}, all...), err
}

func (f *file) incidents(from, to time.Time) ([]router.Incident, error) {
	rows, err := f.db.Query("SELECT incident FROM incidents WHERE start < ? AND (until IS NULL OR until >= ?) ORDER BY start", to.UnixMicro(), from.UnixMicro())
	return decoded[router.Incident](rows, err)
}

// DayUsage is what a line has carried on a day, in bytes.
type DayUsage struct {
	Day    string // 2006-01-02
	Rx, Tx uint64
}

// Usage returns what a line has carried on the days of a period, both ends included. With an error it is what is in memory.
func (d *DB) Usage(wan, from, to string) ([]DayUsage, error) {
	type traffic = map[string]router.Traffic
	days, err := look(d, func(f *file) (traffic, error) { return f.usage(wan, from, to) }, func(days traffic, b *box) traffic {
		if days == nil {
			days = traffic{}
		}
		for k, moved := range b.usage {
			if k.wan == wan && k.day >= from && k.day <= to {
				days[k.day] = router.Traffic{Rx: days[k.day].Rx + moved.Rx, Tx: days[k.day].Tx + moved.Tx}
			}
		}
		return days
	})
	all := make([]DayUsage, 0, len(days))
	for day, moved := range days {
		all = append(all, DayUsage{day, moved.Rx, moved.Tx})
	}
	slices.SortFunc(all, func(a, b DayUsage) int { return cmp.Compare(a.Day, b.Day) })
	return all, err
}

func (f *file) usage(wan, from, to string) (map[string]router.Traffic, error) {
	rows, err := f.db.Query("SELECT day, rx, tx FROM usage WHERE wan = ? AND day BETWEEN ? AND ?", wan, from, to)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer rows.Close()
	days := map[string]router.Traffic{}
	for rows.Next() {
		var day string
		var moved router.Traffic
		if err := rows.Scan(&day, &moved.Rx, &moved.Tx); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		days[day] = moved
	}
	return days, errors.Join(rows.Err())
}
