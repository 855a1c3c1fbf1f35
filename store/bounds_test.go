package store

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestAllowance(t *testing.T) {
	a := newAllowance(noon)
	now := noon
	for n := range quickBatches {
		if at := a.when(now); !at.Equal(now) {
			t.Fatalf("batch %d has to wait until %s", n, at)
		}
		a.spend(now)
	}
	if at := a.when(now); !at.Equal(now.Add(pace)) {
		t.Errorf("the next may be at %s, want %s", at, now.Add(pace))
	}
	spent := 0
	for end := now.Add(24 * time.Hour); now.Before(end); now = now.Add(time.Second) { // a storm
		if !a.when(now).After(now) {
			a.spend(now)
			spent++
		}
	}
	if most := int(24 * time.Hour / pace); spent > most || spent < most-1 {
		t.Errorf("%d batches in a day, want %d", spent, most)
	}
	now = now.Add(quickBatches * pace)
	for n := range quickBatches {
		if at := a.when(now); !at.Equal(now) {
			t.Fatalf("after a quiet time batch %d has to wait until %s", n, at)
		}
		a.spend(now)
	}
}

// count is how many rows a table has.
func count(t *testing.T, f *file, table string) (n int) {
	t.Helper()
	if err := f.db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// fill inserts rows of which each is made of a number i.
func fill(t *testing.T, f *file, n int, insert, values string, args ...any) {
	t.Helper()
	_, err := f.db.Exec(fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO %s SELECT %s FROM n", n-1, insert, values), args...)
	if err != nil {
		t.Fatal(err)
	}
}

func opened(t *testing.T) *file {
	t.Helper()
	f, err := openFile(t.TempDir(), sqliteFile, steps[:])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.close() })
	return f
}

func TestTheFileIsBounded(t *testing.T) {
	f := opened(t)
	fill(t, f, fileEvents+500, "events (at, event)", "? + i, '{}'", noon.UnixMicro())
	fill(t, f, fileReports+500, "incidents (id, start, until, incident)", "i, ? + i, NULL, '{}'", noon.UnixMicro())
	fill(t, f, 3000, "minutes", "? - 60 * i, 'fibre', 'up', 1, 1, 1, 1, 1, 0, 1, 1", noon.Unix())
	fill(t, f, 9700, "hours", "? - 3600 * i, 'fibre', 'up', 1, 1, 1, 1, 1, 0, 1, 1", noon.Unix())
	fill(t, f, 500, "usage", "date(?, '-' || i || ' days'), 'lte', 1, 1", noon.Format(time.DateOnly))
	if err := f.write(&box{at: noon.AddDate(10, 0, 0), trusted: false}); err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]int{"events": fileEvents, "incidents": fileReports, "minutes": 3000, "hours": 9700, "usage": 500} {
		if n := count(t, f, table); n != want {
			t.Errorf("while nobody has set the clock: %d %s, want %d", n, table, want)
		}
	}
	if err := f.write(&box{at: noon, trusted: true}); err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]int{"events": fileEvents, "incidents": fileReports, "minutes": 48*60 + 1, "hours": 9601, "usage": 401} {
		if n := count(t, f, table); n != want {
			t.Errorf("%d %s, want %d", n, table, want)
		}
	}
}

// TestLinesThatAreTried: an owner who tries names, and a clock that was years ahead, fill nothing.
func TestLinesThatAreTried(t *testing.T) {
	f := opened(t)
	fill(t, f, 2*minutesLimit, "minutes", "? - 60 * (i / 64), 'try' || (i % 64), 'up', 1, 1, 1, 1, 1, 0, 1, 1", noon.Unix())
	fill(t, f, 100, "minutes", "? + 60 * i, 'fibre', 'up', 1, 1, 1, 1, 1, 0, 1, 1", noon.AddDate(5, 0, 0).Unix())
	if err := f.write(&box{at: noon, trusted: true}); err != nil {
		t.Fatal(err)
	}
	if n := count(t, f, "minutes"); n > minutesLimit+64 || n < minutesLimit-64 {
		t.Errorf("%d minutes, want %d", n, minutesLimit)
	}
	if n := count(t, f, "minutes WHERE wan = 'fibre'"); n != 0 {
		t.Errorf("%d minutes are of a time to come", n)
	}
}

// TestAFileThatIsTooLarge is one of incidents that are all as long as they may be.
func TestAFileThatIsTooLarge(t *testing.T) {
	f := opened(t)
	fill(t, f, 2500, "incidents (id, start, until, incident)", "i, ? + i, NULL, ?", noon.UnixMicro(), strings.Repeat("x", longestIncident))
	for range 2 { // an hour later there is room, and nothing more goes
		if err := f.write(&box{at: noon, trusted: true}); err != nil {
			t.Fatal(err)
		}
		noon := noon.Add(time.Hour)
		if err := f.write(&box{at: noon, trusted: true}); err != nil {
			t.Fatal(err)
		}
		if n := count(t, f, "incidents"); n != 1250 {
			t.Errorf("%d incidents are left, want 1250", n)
		}
	}
}

func TestAShelfIsBounded(t *testing.T) {
	d := New(t.TempDir(), quiet)
	w := writer{DB: d}
	w.attempt()
	defer func() { _ = w.file.close() }()
	for n := range mostItems + 10 {
		d.waiting.addItem(item{shelf: "a", key: fmt.Sprint(n), value: []byte{}})
	}
	d.waiting.addItem(item{shelf: "b", key: "0", value: []byte{}})
	w.batch(noon)
	items, err := w.file.shelf("a")
	if err != nil || len(items) != mostItems || items[0].Key != "10" {
		t.Errorf("%d items (%v), the first is %s", len(items), err, items[0].Key)
	}
	if items, err := w.file.shelf("b"); err != nil || len(items) != 1 {
		t.Errorf("the other shelf: %v (%v)", items, err)
	}
}

// BenchmarkReading is what the largest answers cost.
func BenchmarkReading(b *testing.B) {
	dir := b.TempDir()
	d := New(dir, quiet)
	h := NewHistory(d, newHome(on("fibre", "up")), nil, quiet)
	w := writer{DB: d}
	w.attempt()
	err := transact(w.file.db, func(tx *sql.Tx) error {
		for n := range fileEvents {
			if err := writeEvents(tx, &box{events: []router.Event{event(n)}}); err != nil {
				return err
			}
		}
		for n := range 9600 {
			for _, wan := range []string{"fibre", "dsl", "lte"} {
				r := row{noon.Add(-time.Duration(n) * time.Hour), wan, cell{known: true, rtt: 8000, rx: 1 << 30}}
				if err := putRows(tx, "hours", []row{r}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := w.file.close(); err != nil {
		b.Fatal(err)
	}
	running(b, d)
	for what, f := range map[string]func(){
		"events 20000": func() { _, _ = d.Since(time.Time{}) }, "events 40": func() { _, _ = d.Since(noon.Add((fileEvents - 40) * time.Second)) },
		"hours 9600": func() { h.show(noon, 9600) }, "hours 720": func() { h.show(noon, 720) },
	} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
