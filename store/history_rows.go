package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// row is what a line was like for a minute or an hour, as the file has it.
type row struct {
	at  time.Time // its beginning
	wan string
	cell
}

// unsure is how long measurements wait for a clock that nobody has set: with its time they could not be found again.
const unsure = time.Hour

// queried is a database or a transaction.
type queried interface {
	Query(query string, args ...any) (*sql.Rows, error)
}

// queryRows returns the rows of a table from one time to before another, oldest first.
func queryRows(q queried, table string, from, to time.Time) ([]row, error) {
	rows, err := q.Query("SELECT at, wan, state, active, rtt, low, high, probes, loss, rx, tx FROM "+table+
		" WHERE at >= ? AND at < ? ORDER BY at", from.Unix(), to.Unix())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer rows.Close()
	var all []row
	for rows.Next() {
		r := row{cell: cell{known: true}}
		var at int64
		var state string
		if err := rows.Scan(&at, &r.wan, &state, &r.active, &r.rtt, &r.low, &r.high, &r.probes, &r.loss, &r.rx, &r.tx); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		r.at, r.state = time.Unix(at, 0), stateOf(state)
		all = append(all, r)
	}
	return all, rows.Err()
}

// stateOf is a state that another version may have written: one we do not know is unknown.
func stateOf(state string) uint8 { return uint8(max(slices.Index(states[:], state), 0)) }

// combine makes the hour of each line of its minutes.
func combine(hour time.Time, minutes []row) []row {
	lines := map[string][]cell{}
	for _, r := range minutes {
		lines[r.wan] = append(lines[r.wan], r.cell)
	}
	var all []row
	for wan, cells := range lines {
		all = append(all, row{hour, wan, sum(cells)})
	}
	slices.SortFunc(all, func(a, b row) int { return cmp.Compare(a.wan, b.wan) })
	return all
}

// recall has the history take in what the file has of the day before its newest minute.
func (w *writer) recall() {
	rows, err := w.file.newestDay()
	if err != nil {
		w.log.Warn("earlier measurements are lost", "err", err)
	}
	if w.measured != nil {
		w.measured.earlier(rows)
	}
}

// newestDay returns the minutes of the day that ends with the newest, and makes the hour of that one.
func (f *file) newestDay() ([]row, error) {
	var last sql.NullInt64
	if err := f.db.QueryRow("SELECT max(at) FROM minutes").Scan(&last); err != nil || !last.Valid {
		return nil, err
	}
	newest := time.Unix(last.Int64, 0)
	if err := transact(f.db, func(tx *sql.Tx) error { return putHours(tx, newest.Truncate(time.Hour)) }); err != nil {
		return nil, err
	}
	end := newest.Add(minutes)
	return queryRows(f.db, "minutes", end.Add(-24*time.Hour), end)
}

func (h *History) earlier(rows []row) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.recalled { // the rest is of this run
		return
	}
	h.recalled = true
	if len(rows) == 0 {
		return
	}
	h.past = remember(rows)
}

// remember takes in the last day of some minutes, and as many lines as there is room for.
func remember(rows []row) remembered {
	r := remembered{until: rows[len(rows)-1].at.Add(minutes), lines: map[string][]cell{}}
	for _, m := range rows {
		ago := int(r.until.Sub(m.at) / minutes)
		if ago < 1 || ago > day || r.lines[m.wan] == nil && len(r.lines) >= mostLines {
			continue
		}
		if r.lines[m.wan] == nil {
			r.lines[m.wan] = make([]cell, day)
		}
		r.lines[m.wan][day-ago] = m.cell
	}
	return r
}

func (h *History) rows(now time.Time) []row {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn(now)
	if h.clockUnset() && now.Sub(h.epoch) < unsure {
		h.offered = h.saved
		return nil
	}
	h.offered = h.tick / ratio
	return h.minutesFrom(now, h.saved)
}

// minutesFrom returns the whole minutes of this run from one on, oldest first.
func (h *History) minutesFrom(now time.Time, from int64) []row {
	var all []row
	begin := h.beginning(now).Round(minutes)
	until := h.tick / ratio
	for tick := max(from, until-int64(day)+1, 0); tick < until; tick++ {
		for _, l := range h.lines {
			if c := l.minutes.get(tick); c.known {
				all = append(all, row{begin.Add(time.Duration(tick) * minutes), l.name, c})
			}
		}
	}
	return all
}

func (h *History) kept() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.saved = h.offered
}

func (h *History) unset() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clockUnset()
}

func (h *History) clockUnset() bool { return h.last != nil && h.last.ClockUnset }

// long shows hours: those of the file, and where it has none those of this run.
func (h *History) long(now time.Time, hours int) router.Measures {
	until := now.Round(0).UTC().Truncate(time.Hour)
	from := until.Add(-time.Duration(hours) * time.Hour)
	rows, err := look(h.db, func(f *file) ([]row, error) { return queryRows(f.db, "hours", from, until) }, func(all []row, _ *box) []row { return all })
	if err != nil {
		h.log.Warn("older measurements cannot be read", "err", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn(now)
	own := map[time.Time][]row{}
	for _, r := range h.minutesFrom(now, 0) {
		own[r.at.Truncate(time.Hour)] = append(own[r.at.Truncate(time.Hour)], r)
	}
	for hour, minutes := range own {
		rows = append(rows, combine(hour, minutes)...)
	}
	return h.spread(rows, from, until)
}

// spread puts rows where they belong. The first one of an hour counts.
func (h *History) spread(rows []row, from, until time.Time) router.Measures {
	n := int(until.Sub(from) / time.Hour)
	lines := map[string][]*router.Point{}
	for _, name := range h.names() {
		lines[name] = make([]*router.Point, n)
	}
	names := h.names()
	for _, r := range rows {
		if lines[r.wan] == nil {
			if len(names) >= mostLines {
				continue
			}
			lines[r.wan], names = make([]*router.Point, n), append(names, r.wan)
		}
		if at := int(r.at.Sub(from) / time.Hour); !r.at.Before(from) && at < n && lines[r.wan][at] == nil {
			lines[r.wan][at] = r.point()
		}
	}
	m := router.Measures{Step: int(time.Hour / time.Second), Until: until, WANs: []router.MeasuredWAN{}}
	for _, name := range names {
		m.WANs = append(m.WANs, router.MeasuredWAN{Name: name, Points: lines[name]})
	}
	return m
}
