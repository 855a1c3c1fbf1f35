package store

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
)

// month is a house with three lines, an outage and 40 events a day. It looks only once a minute, which writes the same.
type month struct {
	*writer
	h     *History
	now   time.Time
	tally [3]health.Tally
	n     int
	due   time.Time // of the urgent batch
}

func newMonth(t testing.TB, dir string) *month {
	t.Helper()
	at := newHome()
	d := New(dir, quiet)
	m := &month{writer: &writer{DB: d, allowance: newAllowance(noon)}, now: noon}
	m.h = NewHistory(d, at, func() map[string]router.Traffic {
		moved := uint64(m.n) * 900_000
		return map[string]router.Traffic{"fibre0": {Rx: moved, Tx: moved / 10}, "dsl0": {Rx: moved / 7, Tx: moved / 80}, "lte0": {Rx: uint64(m.n), Tx: uint64(m.n)}}
	}, quiet)
	m.h.begin(m.now)
	if m.attempt(); m.file == nil {
		t.Fatal(d.Failing())
	}
	t.Cleanup(func() { _ = m.file.close() })
	return m
}

// day lives through a day.
func (m *month) day() {
	for step := range 24 * 60 {
		m.now, m.n = m.now.Add(time.Minute), m.n+1
		fibre := "up"
		if step >= 700 && step < 705 {
			fibre = "down"
		}
		var wans []router.WANSnapshot
		for i, name := range [...]string{"fibre", "dsl", "lte"} {
			w := on(name, "up")
			if i == 0 {
				w = on(name, fibre)
			}
			w.Tally = &m.tally[i]
			for k := range 4 {
				w.Tally.Count(health.Sample{Outcome: health.Answered, RTT: time.Duration(8000+(m.n*7919+k*104729+i*31)%5000) * time.Microsecond})
			}
			wans = append(wans, w)
		}
		m.h.see(m.now, &router.Snapshot{WANs: wans})
		m.happen(step)
		if m.now.Sub(m.quiet) >= often || !m.due.IsZero() {
			m.due = time.Time{}
			m.batch(m.now)
		}
	}
}

// happen is what there is to keep beside measurements.
func (m *month) happen(step int) {
	if step%36 == 0 { // forty a day
		e := event(0)
		e.Time, e.Sentence = m.now, "fibre is degraded: 1 of 4 checks does not answer: ping 1.1.1.1: no answer from the target (4 in a row)."
		m.Record(e)
		m.due = m.now
	}
	if at := step - 700; at >= 0 && at < 8 { // it is told anew when something of it changes
		start := m.now.Add(-time.Duration(at) * time.Minute)
		i := router.Incident{ID: "main-" + start.Format("20060102T150405Z") + "-1", Router: "main", Cause: router.CauseWAN, WAN: "fibre", State: "down", Start: start,
			Sentence: "fibre is down: the modem has no line.", Clock: true, Lasted: router.Seconds(m.now.Sub(start))}
		for n := range 6 {
			i.Ladder = append(i.Ladder, router.Rung{What: "first hop", State: "broken", Detail: "no answer from 203.0.113.1"})
			i.Carried = append(i.Carried, router.Carrier{WAN: "lte", Metered: true, From: start, To: m.now, Data: uint64(n)})
			i.Steps = append(i.Steps, router.Step{Time: m.now, Sentence: "lte carries the house now."})
		}
		if at >= 5 {
			i.End = m.now
		}
		m.PutIncident(i)
		m.due = m.now
	}
	m.AddUsage("lte", m.now.Format(time.DateOnly), 600, 60)
}

// size is that of the file and its journal.
func size(t testing.TB, dir string) (sum int64) {
	t.Helper()
	for _, end := range []string{"", "-wal"} {
		at, err := os.Stat(filepath.Join(dir, name+end))
		if err != nil {
			t.Fatal(err)
		}
		sum += at.Size()
	}
	return sum
}

// heap is the memory in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// written is how many bytes this process has sent to block devices (proc(5), io: write_bytes); how many it has written at all.
func written(t testing.TB) (blocks, all int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "wchar: %d", &all)
		_, _ = fmt.Sscanf(line, "write_bytes: %d", &blocks)
	}
	return blocks, all
}

// TestThirtyDays: what a month writes, and that neither the file nor the memory grows with it. With the race detector, which makes
// SQLite ten times slower, half a month has to do.
func TestThirtyDays(t *testing.T) {
	dir := os.Getenv("TWINPATH_STORE_DAYS") // a directory on the disk to measure
	if dir == "" {
		dir = t.TempDir()
	}
	m := newMonth(t, dir)
	const limit = 20 << 20 // of bytes handed to the kernel a day; with what the file system adds, 50 MB at most (docs/benchmarks.md)
	sizes, memory := map[int]int64{}, map[int]uint64{}
	blocks, all := written(t)
	for day := 1; day <= days; day++ {
		m.day()
		blocksNow, allNow := written(t)
		if day == 1 || day%10 == 0 || day == days {
			sizes[day], memory[day] = size(t, dir), heap()
			t.Logf("day %2d: %d KB on the disk, heap %d KB, %.2f MB written, %.2f MB to a block device",
				day, sizes[day]>>10, memory[day]>>10, float64(allNow-all)/1e6, float64(blocksNow-blocks)/1e6)
		}
		if allNow-all > limit {
			t.Errorf("day %d wrote %d bytes", day, allNow-all)
		}
		blocks, all = blocksNow, allNow
	}
	if grown := sizes[days] - sizes[10]; grown > 1<<20 {
		t.Errorf("the file grew by %d bytes in %d days", grown, days-10)
	}
	if memory[days] > memory[1]+512<<10 {
		t.Errorf("the heap grew from %d to %d bytes", memory[1], memory[days])
	}
}
