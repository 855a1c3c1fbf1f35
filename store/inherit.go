package store

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/twinpath/twinpath/durable"
	"github.com/twinpath/twinpath/router"
)

const (
	// longest is the longest line that is read of the event file of versions before 0.7; theirs were a tenth.
	longest = 64 << 10
	// largest is the largest text of their measurements: twice that of 64 lines.
	largest = 32 << 20
)

// inherit takes in the files of the versions before SQLite, and removes them. A power cut in between does it twice, to the same end.
func (w *writer) inherit() error {
	for _, old := range [...]struct {
		name string
		take func(*sql.Tx, io.Reader) error
	}{{"events.older.jsonl", takeEvents}, {"events.jsonl", takeEvents}, {"history.json.gz", takeMeasures}} {
		path := filepath.Join(w.dir, old.name)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = transact(w.file.db, func(tx *sql.Tx) error { return old.take(tx, bytes.NewReader(text)) })
		}
		if err == nil {
			err = durable.Remove(path)
		}
		if err != nil {
			return fmt.Errorf("take in %s: %w", path, err)
		}
	}
	return nil
}

// takeEvents takes in lines of JSON. Those that cannot be read are left out, as they were before.
func takeEvents(tx *sql.Tx, from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		var e router.Event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		at, text := e.Time.UnixMicro(), lines.Text()
		_, err := tx.Exec("INSERT INTO events (at, event) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM events WHERE at = ? AND event = ?)", at, text, at, text)
		if err != nil {
			return err
		}
	}
	return nil
}

// takeMeasures takes in the minutes. A file that cannot be read is none.
func takeMeasures(tx *sql.Tx, from io.Reader) error {
	var filed struct {
		Minutes router.Measures `json:"minutes"`
	}
	z, err := gzip.NewReader(from)
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(z, largest)) // to its end, where the checksum is
	if err != nil || json.Unmarshal(text, &filed) != nil {
		return nil
	}
	b := new(box)
	m := filed.Minutes
	for _, w := range m.WANs[:min(len(m.WANs), mostLines)] {
		points := w.Points[max(len(w.Points)-day, 0):]
		for i, p := range points {
			if p != nil {
				at := m.Until.Add(-time.Duration(len(points)-i) * minutes)
				b.rows = append(b.rows, row{at, w.Name, cellOf(p)})
			}
		}
	}
	return errors.Join(writeMinutes(tx, b), writeHours(tx, b))
}

// cellOf is a cell that shows as the point.
func cellOf(p *router.Point) cell {
	c := cell{known: true, active: p.Active, loss: float32(p.Loss), probes: 1, state: stateOf(p.State), rx: p.Rx, tx: p.Tx}
	for _, value := range [...]struct {
		to   *uint32
		from router.Milliseconds
	}{{&c.rtt, p.RTT}, {&c.low, p.MinRTT}, {&c.high, p.MaxRTT}} {
		if value.from > 0 {
			*value.to = micros(time.Duration(value.from))
		}
	}
	return c
}
