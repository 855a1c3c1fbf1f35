package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/twinpath/twinpath/router"
)

const (
	// longestSentence and longestIncident are in bytes; ours are a tenth. What is longer loses its details.
	longestSentence = 4 << 10
	longestIncident = 32 << 10
)

// write puts a batch into the file, as a whole.
func (f *file) write(b *box) error {
	tidy := f.trimmed.IsZero() || b.at.Sub(f.trimmed).Abs() >= tidying
	err := transact(f.db, func(tx *sql.Tx) error {
		for _, part := range [...]func(*sql.Tx, *box) error{writeEvents, writeIncidents, writeUsage, writeItems, writeMinutes, writeHours} {
			if err := part(tx, b); err != nil {
				return err
			}
		}
		if tidy {
			return trim(tx, b.at, b.trusted)
		}
		return nil
	})
	if err == nil && tidy {
		f.trimmed = b.at
	}
	return err
}

func writeEvents(tx *sql.Tx, b *box) error {
	for _, e := range b.events {
		if len(e.Sentence) > longestSentence {
			e.Sentence = e.Sentence[:longestSentence] + " …"
		}
		text, err := json.Marshal(e)
		if err != nil { // a year of five digits, for example
			b.refused = fmt.Errorf("encode event: %w", err)
			continue
		}
		if err := b.put(tx, "INSERT INTO events (at, event) VALUES (?, ?)", e.Time.UnixMicro(), string(text)); err != nil {
			return fmt.Errorf("events: %w", err)
		}
	}
	return nil
}

func writeIncidents(tx *sql.Tx, b *box) error {
	for _, i := range b.incidents {
		text, err := json.Marshal(i)
		if err == nil && len(text) > longestIncident {
			i.Steps, i.Carried = nil, nil
			text, err = json.Marshal(i)
		}
		if err != nil {
			b.refused = fmt.Errorf("encode incident: %w", err)
			continue
		}
		var until sql.NullInt64
		if end, over := ended(i); over {
			until = sql.NullInt64{Int64: end.UnixMicro(), Valid: true}
		}
		err = b.put(tx, `INSERT INTO incidents (id, start, until, incident) VALUES (?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET start = excluded.start, until = excluded.until, incident = excluded.incident`,
			i.ID, i.Start.UnixMicro(), until, string(text))
		if err != nil {
			return fmt.Errorf("incidents: %w", err)
		}
	}
	return nil
}

// ended returns when an incident was over: a moment at once.
func ended(i router.Incident) (end time.Time, over bool) {
	if i.Open() {
		return time.Time{}, false
	}
	if i.End.IsZero() {
		return i.Start, true
	}
	return i.End, true
}

func writeUsage(tx *sql.Tx, b *box) error {
	for k, moved := range b.usage {
		err := b.put(tx, `INSERT INTO usage (day, wan, rx, tx) VALUES (?, ?, ?, ?)
			ON CONFLICT (day, wan) DO UPDATE SET rx = rx + excluded.rx, tx = tx + excluded.tx`, k.day, k.wan, whole(moved.Rx), whole(moved.Tx))
		if err != nil {
			return fmt.Errorf("usage: %w", err)
		}
	}
	return nil
}

// refused reports whether an error is about what was to be written, not about the disk. Trying again would not help, and would hold
// up everything else.
func refused(err error) bool {
	return is(err, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG)
}

// put runs a statement that keeps one thing. One that is refused is left out.
func (b *box) put(tx *sql.Tx, query string, args ...any) error {
	_, err := tx.Exec(query, args...)
	if refused(err) {
		b.refused = err
		return nil
	}
	return err
}

// whole is a number of bytes as SQLite counts: with a sign, and sums must fit, too.
func whole(n uint64) int64 { return int64(min(n, math.MaxInt64/1024)) }

func writeItems(tx *sql.Tx, b *box) error {
	for _, i := range b.items {
		var err error
		if i.dropped {
			err = b.put(tx, "DELETE FROM shelf WHERE shelf = ? AND key = ?", i.shelf, i.key)
		} else {
			err = b.put(tx, `INSERT INTO shelf (shelf, key, at, value) VALUES (?, ?, ?, ?)
				ON CONFLICT (shelf, key) DO UPDATE SET at = excluded.at, value = excluded.value`, i.shelf, i.key, i.at.UnixMicro(), i.value)
		}
		if err != nil {
			return fmt.Errorf("shelf: %w", err)
		}
	}
	return boundShelves(tx, b.items)
}

// boundShelves drops the oldest of the shelves that something was put on.
func boundShelves(tx *sql.Tx, items []item) error {
	done := map[string]bool{}
	for _, i := range items {
		if i.dropped || done[i.shelf] {
			continue
		}
		done[i.shelf] = true
		_, err := tx.Exec("DELETE FROM shelf WHERE id IN (SELECT id FROM shelf WHERE shelf = ? ORDER BY id DESC LIMIT -1 OFFSET ?)", i.shelf, mostItems)
		if err != nil {
			return fmt.Errorf("shelf: %w", err)
		}
	}
	return nil
}

func writeMinutes(tx *sql.Tx, b *box) error {
	if err := putRows(tx, "minutes", b.rows); err != nil {
		return fmt.Errorf("minutes: %w", err)
	}
	return nil
}

// putRows puts rows into a table, in place of those of the same time and line.
func putRows(tx *sql.Tx, table string, rows []row) error {
	const columns, atOnce = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", 100 // rows by one statement: SQLite takes some 3,000
	for chunk := range slices.Chunk(rows, atOnce) {
		args := make([]any, 0, len(chunk)*strings.Count(columns, "?"))
		for _, r := range chunk {
			args = append(args, r.at.Unix(), r.wan, states[r.state], r.active, r.rtt, r.low, r.high, r.probes, float64(r.loss), whole(r.rx), whole(r.tx))
		}
		values := strings.TrimSuffix(strings.Repeat(columns+", ", len(chunk)), ", ")
		if _, err := tx.Exec("INSERT OR REPLACE INTO "+table+" (at, wan, state, active, rtt, low, high, probes, loss, rx, tx) VALUES "+values, args...); err != nil {
			return err
		}
	}
	return nil
}

// writeHours makes the hours that came to their end. One that was cut short is made when the file is opened again.
func writeHours(tx *sql.Tx, b *box) error {
	var last time.Time
	for _, r := range b.rows {
		hour := r.at.Truncate(time.Hour)
		if hour.Equal(last) {
			continue
		}
		last = hour
		if newest := b.rows[len(b.rows)-1].at; hour.Equal(newest.Truncate(time.Hour)) && newest.Add(minutes).Before(hour.Add(time.Hour)) {
			break
		}
		if err := putHours(tx, hour); err != nil {
			return err
		}
	}
	return nil
}

// putHours makes an hour of its minutes, as many as there are.
func putHours(tx *sql.Tx, hour time.Time) error {
	minutes, err := queryRows(tx, "minutes", hour, hour.Add(time.Hour))
	if err == nil {
		err = putRows(tx, "hours", combine(hour, minutes))
	}
	if err != nil {
		return fmt.Errorf("hours: %w", err)
	}
	return nil
}
