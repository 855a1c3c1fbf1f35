package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/internal/wallclock"
	"github.com/twinpath/twinpath/router"
)

// home is a router and its kernel, as the history sees them.
type home struct {
	mu       sync.Mutex
	snapshot *router.Snapshot
	changed  chan struct{}
	traffic  map[string]router.Traffic
}

func newHome(wans ...router.WANSnapshot) *home {
	return &home{snapshot: &router.Snapshot{WANs: wans}, changed: make(chan struct{}), traffic: map[string]router.Traffic{}}
}

func (h *home) Snapshot() (*router.Snapshot, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.snapshot, h.changed
}

// is shows the lines like this from now on.
func (h *home) is(wans ...router.WANSnapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.snapshot = &router.Snapshot{WANs: wans}
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *home) count() map[string]router.Traffic {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string]router.Traffic{}
	for name, t := range h.traffic {
		all[name] = t
	}
	return all
}

func (h *home) carry(device string, rx, tx uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.traffic[device] = router.Traffic{Rx: rx, Tx: tx}
}

func on(name, state string) router.WANSnapshot {
	return router.WANSnapshot{Name: name, Kind: "dhcp", Interface: name + "0", State: state, Active: state == "up"}
}

func fresh(t *testing.T, at *home) *History {
	t.Helper()
	return NewHistory(New(t.TempDir(), quiet), at, at.count, quiet)
}

// states are those of a line's newest points; "-" where there is none.
func shows(m router.Measures, name string, n int) string {
	for _, w := range m.WANs {
		if w.Name != name {
			continue
		}
		text := ""
		for _, p := range w.Points[len(w.Points)-n:] {
			if p == nil {
				text += "- "
				continue
			}
			text += p.State + " "
		}
		return text
	}
	return "no " + name
}

// TestAShortOutageIsInItsMinute: 300 ms are enough, and the minutes beside it are clean.
func TestAShortOutageIsInItsMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := newHome(on("fibre", "up"))
		h := fresh(t, at)
		go func() { _ = h.Run(t.Context()) }()
		time.Sleep(2*time.Minute + 34*time.Second)
		at.is(on("fibre", "down"))
		time.Sleep(300 * time.Millisecond)
		at.is(on("fibre", "up"))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		m := h.History(24)
		if m.Step != 60 || len(m.WANs) != 1 || len(m.WANs[0].Points) != 24*60 || m.Until != time.Now().Truncate(time.Minute).UTC() {
			t.Errorf("steps of %ds, until %s", m.Step, m.Until)
		}
		if got, want := shows(m, "fibre", 6), "- - up up down up "; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		m = h.History(1)
		if m.Step != 10 || len(m.WANs[0].Points) != 360 || m.Until != time.Now().Truncate(10*time.Second).UTC() {
			t.Errorf("steps of %ds, until %s", m.Step, m.Until)
		}
		if got, want := shows(m, "fibre", 14), "up up down up up up up up up up up up up up "; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestWhatIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fibre, peer := on("fibre", "up"), on("other", "up")
		fibre.Tally, peer.Kind = new(health.Tally), "peer"
		at := newHome(fibre, peer)
		at.carry("fibre0", 1000, 100)
		at.carry("other0", 1000, 100)
		h := fresh(t, at)
		go func() { _ = h.Run(t.Context()) }()
		probe(t, fibre.Tally, 10)
		at.carry("fibre0", 2000, 150)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for _, ms := range []int{20, 8, 0, 9} { // one was lost
			probe(t, fibre.Tally, ms)
		}
		at.carry("fibre0", 5000, 250)
		at.carry("other0", 5000, 250)
		time.Sleep(50 * time.Second)
		synctest.Wait()
		want := []*router.Point{
			{RTT: ms(10), MinRTT: ms(10), MaxRTT: ms(10), State: "up", Active: true}, // the first reading is of nothing
			{RTT: ms(9), MinRTT: ms(8), MaxRTT: ms(20), Loss: 0.25, State: "up", Active: true, Rx: 3000, Tx: 100},
			{State: "up", Active: true},
		}
		m := h.History(1)
		for i, w := range want {
			if got := m.WANs[0].Points[354+i]; got == nil || *got != *w {
				t.Errorf("step %d: %+v, want %+v", i, got, w)
			}
		}
		if got, want := h.History(24).WANs[0].Points[24*60-1], (router.Point{RTT: ms(10), MinRTT: ms(8), MaxRTT: ms(20), Loss: 0.2, State: "up", Active: true, Rx: 3000, Tx: 100}); got == nil || *got != want {
			t.Errorf("the minute: %+v, want %+v", got, want)
		}
		if got := m.WANs[1].Points[355]; got.Rx != 0 || got.Tx != 0 {
			t.Errorf("the house's traffic was taken for the peer's: %+v", got)
		}
	})
}

func ms(n int) router.Milliseconds { return router.Milliseconds(time.Duration(n) * time.Millisecond) }

// probe has a monitor count one probe of so many milliseconds, or a lost one.
func probe(t *testing.T, tally *health.Tally, ms int) {
	t.Helper()
	tally.Count(health.Sample{Outcome: map[bool]health.Outcome{true: health.Answered, false: health.Missed}[ms > 0], RTT: time.Duration(ms) * time.Millisecond})
}

func TestALineThatCannotBeProbedIsAllLoss(t *testing.T) {
	for state, loss := range map[string]float64{"down": 1, "up": 0, "unknown": 0, "captive": 0} {
		c := cell{}
		c.see(on("fibre", state))
		if p := c.point(); p.Loss != loss || p.State != state {
			t.Errorf("%s: %+v", state, p)
		}
	}
	if (cell{}).point() != nil {
		t.Error("nobody looked, and there is a point")
	}
	c := cell{}
	for _, state := range []string{"unknown", "up", "captive", "degraded", "nonsense"} {
		c.see(on("fibre", state))
	}
	if p := c.point(); p.State != "captive" || !p.Active {
		t.Errorf("the worst of all: %+v", p)
	}
}

func TestCountersThatGoBack(t *testing.T) {
	var m meter
	for i, c := range []struct {
		device string
		rx, tx uint64
		gone   bool
		want   router.Traffic
	}{
		{device: "ppp0", rx: 5000, tx: 500}, // nobody knows since when
		{device: "ppp0", rx: 7000, tx: 600, want: router.Traffic{Rx: 2000, Tx: 100}},
		{device: "ppp0", rx: 300, tx: 700, want: router.Traffic{Rx: 300, Tx: 700}}, // dialled again
		{device: "ppp0", gone: true},
		{device: "ppp0", rx: 400, tx: 800},
		{device: "usb1", rx: 1 << 62, tx: 1 << 62}, // another interface
		{device: "usb1", rx: 1<<62 + 1, tx: 1<<62 + 2, want: router.Traffic{Rx: 1, Tx: 2}},
		{device: "usb1", rx: 1<<63 + 1, tx: 1<<62 + 2}, // no line is that fast
		{device: "usb1", rx: 1<<63 + 2, tx: 1<<62 + 2, want: router.Traffic{Rx: 1}},
	} {
		if got := m.read(c.device, router.Traffic{Rx: c.rx, Tx: c.tx}, !c.gone, tens); got != c.want {
			t.Errorf("reading %d: %+v, want %+v", i, got, c.want)
		}
	}
}

// TestNobodyLooked: a daemon that was stopped saw nothing, and says so.
func TestNobodyLooked(t *testing.T) {
	at, now := newHome(on("fibre", "up")), noon
	h := fresh(t, at)
	h.begin(now)
	look := func(d time.Duration) {
		now = now.Add(d)
		s, _ := at.Snapshot()
		h.see(now, s)
	}
	for range 12 {
		look(10 * time.Second)
	}
	look(3*time.Minute + 20*time.Second)
	look(60 * time.Second)
	if got, want := shows(h.show(now, 24), "fibre", 7), "- up up up - - up "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestAClockThatIsSetTearsNothing moves the wall clock by a year, either way: the graph moves with it.
func TestAClockThatIsSetTearsNothing(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, jump := range []time.Duration{year, -year} {
		at, now := newHome(on("fibre", "up")), time.Now()
		now = now.Add(now.Truncate(time.Minute).Add(time.Minute).Sub(now)) // a whole one, with its monotonic reading
		h := fresh(t, at)
		h.begin(now)
		look := func(n int) {
			for range n {
				now = now.Add(10 * time.Second)
				s, _ := at.Snapshot()
				h.see(now, s)
			}
		}
		look(6 * 5)
		at.is(on("fibre", "degraded"))
		look(6 * 5)
		now = wallclock.Jump(now, jump)
		look(6 * 5)
		m := h.show(now, 24)
		if got, want := shows(m, "fibre", 16), "- up up up up up "+strings.Repeat("degraded ", 10); got != want {
			t.Errorf("jump of %s: %q, want %q", jump, got, want)
		}
		if off := now.Round(0).Sub(m.Until); off < 0 || off >= time.Minute {
			t.Errorf("jump of %s: until %s, and it is %s", jump, m.Until, now)
		}
	}
}

// TestNoLines: without WANs there is nothing to look at each second, and the first one is seen at once.
func TestNoLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := newHome()
		asked := 0
		h := NewHistory(New(t.TempDir(), quiet), at, func() map[string]router.Traffic { asked++; return at.count() }, quiet)
		go func() { _ = h.Run(t.Context()) }()
		time.Sleep(10*time.Minute + seconds/2)
		synctest.Wait()
		if asked > 0 {
			t.Errorf("the counters were read %d times", asked)
		}
		at.is(on("fibre", "up"))
		time.Sleep(3 * seconds)
		synctest.Wait()
		if got, want := shows(h.Minutes(1), "fibre", 5), "- - up up up "; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestLinesThatComeAndGo(t *testing.T) {
	at, now := newHome(), noon
	h := fresh(t, at)
	h.begin(now)
	for n := range 3 * mostLines {
		now = now.Add(10 * time.Second)
		at.is(on("fibre", "up"), on(fmt.Sprintf("try%d", n), "up"))
		s, _ := at.Snapshot()
		h.see(now, s)
	}
	m := h.show(now, 24)
	if len(m.WANs) != mostLines || m.WANs[0].Name != "fibre" || shows(m, "fibre", 3) != "up up up " {
		t.Errorf("%d lines, the first is %s: %s", len(m.WANs), m.WANs[0].Name, shows(m, "fibre", 3))
	}
	at.is(on("fibre", "up"))
	for range 25 * 360 {
		now = now.Add(10 * time.Second)
		s, _ := at.Snapshot()
		h.see(now, s)
	}
	if m := h.show(now, 24); len(m.WANs) != 1 || len(h.lines) != 1 {
		t.Errorf("a day later there are still %d lines", len(m.WANs))
	}
}

// BenchmarkSecond is what History does each second with three lines, without the kernel's counters.
func BenchmarkSecond(b *testing.B) {
	fibre, dsl := on("fibre", "up"), on("dsl", "up")
	fibre.Tally, dsl.Tally = new(health.Tally), new(health.Tally)
	at := newHome(fibre, dsl, on("lte", "up"))
	h := NewHistory(New(b.TempDir(), quiet), at, at.count, quiet)
	now := time.Now()
	h.begin(now)
	b.ReportAllocs()
	for b.Loop() {
		for range 4 {
			fibre.Tally.Count(health.Sample{Outcome: health.Answered, RTT: 8 * time.Millisecond})
			dsl.Tally.Count(health.Sample{Outcome: health.Answered, RTT: 9 * time.Millisecond})
		}
		now = now.Add(time.Second)
		h.see(now, at.snapshot)
	}
}

// BenchmarkBatch is what is written each five minutes for three lines.
func BenchmarkBatch(b *testing.B) {
	m := newMonth(b, b.TempDir())
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for range 5 {
			m.now = m.now.Add(time.Minute)
			m.h.see(m.now, &router.Snapshot{WANs: []router.WANSnapshot{on("fibre", "up"), on("dsl", "up"), on("lte", "up")}})
		}
		b.StartTimer()
		m.batch(m.now)
	}
}
