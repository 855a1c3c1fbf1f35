package store

import (
	"compress/gzip"
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
)

// runFor runs a history for so long.
func runFor(t *testing.T, h *History, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := h.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestHistorySurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fibre := on("fibre", "up")
		fibre.Tally = new(health.Tally)
		at, dir, log := newHome(fibre, on("old", "degraded")), t.TempDir(), slog.New(slog.NewTextHandler(t.Output(), nil))
		at.carry("fibre0", 1, 1)
		before := NewHistory(dir, at, at.count, log)
		go func() {
			for n := range 200 {
				probe(t, fibre.Tally, 5+n%7)
				at.carry("fibre0", uint64(1000*n), uint64(77*n))
				time.Sleep(time.Second)
			}
		}()
		runFor(t, before, 5*time.Minute)
		was := before.History(24).WANs[0]
		time.Sleep(3 * time.Minute)

		at.is(on("fibre", "up"))
		after := NewHistory(dir, at, at.count, log)
		runFor(t, after, 2*time.Minute)
		m := after.History(24)
		if got, want := shows(m, "fibre", 12), "- - up up up up up - - - up up "; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got, want := shows(m, "old", 12), "- - degraded degraded degraded degraded degraded - - - - - "; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if now := m.WANs[0]; !reflect.DeepEqual(was.Points[1435:], now.Points[1430:1435]) {
			t.Errorf("%+v, want %+v", now.Points[1430], was.Points[1435])
		}
		if got, want := shows(after.History(1), "fibre", 34), "up up up up - - - - - - - - - - - - - - - - - - up up up up up up up up up up up up "; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		again := NewHistory(dir, at, at.count, log) // at once: no gap
		runFor(t, again, time.Minute)
		if got, want := shows(again.History(24), "fibre", 9), "up up - - - up up up "; !strings.HasSuffix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// TestAClockThatIsBehindAtTheStart is that of a board without a battery: first there seems to be no gap, and when the clock is
// set it is where it belongs.
func TestAClockThatIsBehindAtTheStart(t *testing.T) {
	at := newHome(on("fibre", "up"))
	h := fresh(t, at)
	start := time.Now().Truncate(time.Minute)
	h.begin(start)
	h.earlier = &memory{minutes: remembered{until: start.Add(time.Hour), lines: map[string][]cell{"fibre": {cellOf(&router.Point{State: "down"})}}}}
	if got, want := shows(h.show(start, 24), "fibre", 3), "- - down "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	h.earlier.minutes.until = start.Add(-2 * time.Minute) // as if the clock had been set by an hour and two minutes
	if got, want := shows(h.show(start, 24), "fibre", 3), "down - - "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	h.earlier.minutes.until = start.AddDate(-1, 0, 0)
	if got, want := shows(h.show(start, 24), "fibre", 3), "- - - "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestADamagedFileCostsTheGraphOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, dir := newHome(on("fibre", "up")), t.TempDir()
		path := filepath.Join(dir, "history.json.gz")
		runFor(t, NewHistory(dir, at, at.count, slog.New(slog.DiscardHandler)), 5*time.Minute)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flipped := append([]byte(nil), whole...)
		flipped[len(flipped)/2] ^= 0x10
		for name, text := range map[string][]byte{"half": whole[:len(whole)/2], "empty": {}, "a bit": flipped, "other": packed(t, `{"minutes":{"wans":7}}`), "text": []byte("hello")} {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			h := NewHistory(dir, at, at.count, slog.New(slog.NewTextHandler(&said, nil)))
			runFor(t, h, 2*time.Minute)
			if got := shows(h.History(24), "fibre", 3); got != "- up up " || strings.Count(said.String(), "earlier measurements are lost") != 1 {
				t.Errorf("%s: %q\n%s", name, got, said.String())
			}
		}
		for name, text := range map[string]string{
			"nothing":   `{}`,
			"nonsense":  `{"minutes":{"step_s":-1,"until":"1600-01-01T00:00:00Z","wans":[{"name":"","points":[{"state":"x","rtt_ms":-1e300,"loss":1e300}]},{}]}}`,
			"too many":  `{"tens":{"wans":[` + strings.Repeat(`{"name":"a","points":[null]},`, 500) + `{"name":"b"}]}}`,
			"too long":  `{"tens":{"wans":[{"name":"fibre","points":[` + strings.Repeat("null,", 5000) + `null]}]}}`,
			"the later": `{"minutes":{"until":"9999-01-01T00:00:00Z","wans":[{"name":"fibre","points":[null]}]}}`,
		} {
			if err := os.WriteFile(path, packed(t, text), 0o600); err != nil {
				t.Fatal(err)
			}
			h := NewHistory(dir, at, at.count, slog.New(slog.DiscardHandler))
			runFor(t, h, 2*time.Minute)
			if got := shows(h.History(24), "fibre", 3); got != "- up up " {
				t.Errorf("%s: %q", name, got)
			}
		}
	})
}

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b strings.Builder
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return []byte(b.String())
}

func TestADirectoryThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, dir := newHome(on("fibre", "up")), filepath.Join(t.TempDir(), "later")
		var said strings.Builder
		h := NewHistory(dir, at, at.count, slog.New(slog.NewTextHandler(&said, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = h.Run(ctx) }()
		time.Sleep(3*often + time.Second)
		synctest.Wait()
		if got := shows(h.History(24), "fibre", 3); got != "up up up " {
			t.Errorf("%q", got)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		cancel()
		<-done
		if strings.Count(said.String(), "measurements are not kept for the next start") != 1 || !strings.Contains(said.String(), "measurements are kept again") {
			t.Errorf("said: %s", said.String())
		}
		if _, err := os.Stat(filepath.Join(dir, "history.json.gz")); err != nil {
			t.Error(err)
		}
	})
}

// full returns a history whose every step of the day is different from the next.
func full(t testing.TB, lines int) *History {
	h := NewHistory(t.TempDir(), newHome(), nil, slog.New(slog.DiscardHandler))
	start := time.Now()
	h.begin(start.Add(-24 * time.Hour))
	random := rand.New(rand.NewPCG(1, 2))
	for range lines {
		l := newLine(string(rune('a'+len(h.lines))), 0)
		h.lines = append(h.lines, l)
		for tick := range int64(24 * 360) {
			l.tens.at(tick).see(on(l.name, "up"))
			l.minutes.at(tick / ratio).see(on(l.name, "up"))
			rtt := time.Duration(8+random.ExpFloat64()*4) * time.Millisecond
			rtt += time.Duration(random.IntN(1000)) * time.Microsecond
			span := health.Span{Answered: 40, Lost: max(0, random.IntN(12)-10), Median: rtt, Min: rtt - 2*time.Millisecond, Max: 3 * rtt}
			l.add(tick, span, router.Traffic{Rx: random.Uint64N(1 << 28), Tx: random.Uint64N(1 << 24)})
		}
	}
	return h
}

// TestWrittenEachDay: three busy lines, and many, stay within a day's share.
func TestWrittenEachDay(t *testing.T) {
	for _, lines := range []int{3, 16} {
		size := full(t, lines).save()
		each := pause(size)
		blocks := (size+block-1)/block + 2
		written := float64(24*time.Hour) / float64(each) * float64(blocks*block)
		t.Logf("%d lines: %d bytes each %s, %.1f MB a day", lines, size, each, written/(1<<20))
		if written > share*1.001 || size == 0 || each < often {
			t.Errorf("%d lines: %.0f bytes a day, %s apart", lines, written, each)
		}
		if lines == 3 && each != often {
			t.Errorf("three lines are written only each %s", each)
		}
	}
}

func BenchmarkSave(b *testing.B) {
	h := full(b, 3)
	b.ReportAllocs()
	for b.Loop() {
		h.save()
	}
}

func BenchmarkSee(b *testing.B) {
	at := newHome(on("fibre", "up"), on("lte", "up"), on("dsl", "up"))
	h := NewHistory(b.TempDir(), at, at.count, slog.New(slog.DiscardHandler))
	now := time.Now()
	h.begin(now)
	b.ReportAllocs()
	for b.Loop() {
		h.see(now, at.snapshot)
	}
}
