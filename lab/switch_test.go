package lab

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// runs is how often a figure is measured: once, or LAB_RUNS times.
func runs(t *testing.T) int {
	t.Helper()
	text := os.Getenv("LAB_RUNS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("LAB_RUNS=%q: want a number from 1", text)
	}
	return n
}

// switchCase is one row of the table of figures: what happens, and what must be true when it has.
type switchCase struct {
	Chapter
	config  string
	prepare func(*House) error // before the measurement; nil: nothing
	happen  func(*House) error
}

func cut(h *House) error  { return h.Cut("main", "fibre") }
func plug(h *House) error { return h.Plug("main", "fibre") }

func hole(d Depth) func(*House) error {
	return func(h *House) error { return h.Blackhole("fibre", d) }
}

// switchCases are the promises of issue 2. Failures are measured with the default health; for the returns it is
// quicker, since how long a line must prove itself is not what is measured.
func switchCases() []switchCase {
	dead := func(title string, d Depth) switchCase {
		c := Chapter{Title: title, Broken: true, Promise: HolePromise, Spare: SparePromise}
		return switchCase{Chapter: c, config: DefaultConfig, happen: hole(d)}
	}
	return []switchCase{
		{Chapter: Chapter{Title: "cable pulled", Broken: true, Promise: CablePromise}, config: DefaultConfig, happen: cut},
		{Chapter: Chapter{Title: "cable back"}, config: quick(), prepare: cut, happen: plug},
		dead("dead beyond the first hop", Beyond),
		dead("first hop silent too", Whole),
		{Chapter: Chapter{Title: "provider back"}, config: quick(), prepare: hole(Beyond),
			happen: func(h *House) error { return h.Heal("fibre") }},
	}
}

// TestFigures prints what clients felt of each switch, and fails where a promise of issue 2 is broken.
func TestFigures(t *testing.T) {
	n := runs(t)
	table := fmt.Sprintf("%d runs, min / median / max; load %s\n", n, load())
	for _, c := range switchCases() {
		var gap, lost, told, idle, carried figures
		for i := range n {
			t.Run(fmt.Sprintf("%s/%d", c.Title, i+1), func(t *testing.T) {
				got, broken := c.play(t, i)
				if broken != "" {
					// A poke is two packets, and one answer: a client that drops either, or limits its answers
					// (tcp_invalid_ratelimit), learns with its next retransmission. Twice in a row is no accident.
					t.Log("again, because the promise was broken:", broken)
					got, broken = c.play(t, i+1)
				}
				if broken != "" {
					t.Error(broken)
				}
				gap = append(gap, ms(got.UDP.Gap))
				lost = append(lost, float64(got.UDP.Lost))
				carried = append(carried, ms(got.Took))
				if got.Stream.Cause != nil {
					told = append(told, ms(got.Told))
				}
				if got.Idle.Cause != nil {
					idle = append(idle, ms(got.ToldIdle))
				}
			})
		}
		table += fmt.Sprintf("%-26s UDP gap %s ms, lost %s; TCP told %s ms, idle TCP told %s ms after the switch; carried after %s ms\n",
			c.Title, gap.text("%.0f"), lost.text("%.0f"), told.text("%.0f"), idle.text("%.0f"), carried.text("%.0f"))
	}
	t.Log("\n" + table)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// play measures a case once in a house of its own, and says what was not as promised.
func (c switchCase) play(t *testing.T, run int) (got Chapter, broken string) {
	t.Helper()
	plan := Default()
	plan.Tag = fmt.Sprintf("s%d-", run) // one that is played again stands beside the first
	h, b, d := home(t, plan, c.config)
	await(t, b, "both lines are up", on("fibre"))
	if c.prepare != nil {
		must(t, c.prepare(h))
		await(t, b, "the house is on lte", carriedBy("lte"))
		awaitLine(t, h, d, "lte")
	}
	const step = 137 * time.Millisecond // several runs hit the daemon's probes at different moments
	s := &stage{w: t.Output(), house: h, box: b, device: d, good: h.Lines[0], spare: h.Lines[1],
		start: time.Now(), phase: time.Duration(run) * step}
	var err error
	got, err = s.chapter(t.Context(), c.Chapter, func() error { return c.happen(h) })
	must(t, err)
	want := "fibre"
	if c.Broken {
		want = "lte"
	}
	if !got.Kept() || got.Line != want {
		broken = fmt.Sprintf("%s: new flows use %s, want %s; udp: %s; stream: %s, told %s; idle: %s, told %s; connections: %s",
			c.Title, got.Line, want, got.UDP, got.Stream, got.Told, got.Idle, got.ToldIdle, got.Connect)
	}
	return got, broken
}

// awaitLine waits until the Internet sees new flows of a device come from a line.
func awaitLine(t *testing.T, h *House, d *Device, line string) {
	t.Helper()
	eventually(t, d.Name+" uses "+line, func() bool {
		from, err := d.Seen(t.Context())
		return err == nil && h.LineOf(from) == line
	})
}
