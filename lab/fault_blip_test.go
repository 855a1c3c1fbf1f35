package lab

import (
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// alive wants a stream to live and to answer what is sent from now on.
func alive(t *testing.T, what string, s *Stream) {
	t.Helper()
	from := s.Result().Answered
	if s.interval == 0 {
		s.record()
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && s.Result().Cause == nil; time.Sleep(look) {
		if s.Result().Answered > from {
			return
		}
	}
	t.Fatalf("%s: %s", what, s.Result())
}

// TestBothLinesDead: with nowhere to go nothing is flushed, and the house comes back by itself.
func TestBothLinesDead(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	stream, err := d.StartStream(t.Context(), StreamInterval)
	must(t, err)
	defer stream.Stop()
	idle, err := d.StartStream(t.Context(), 0)
	must(t, err)
	defer idle.Stop()
	must(t, h.Blackhole("lte", Beyond))
	await(t, b, "lte is down", func(s Status) bool { return s.state("lte") == "down" })
	start := time.Now()
	must(t, h.Blackhole("fibre", Beyond))
	await(t, b, "no Internet", func(s Status) bool { return s.Verdict == "offline" && s.All("down") })
	sleepUntil(start.Add(SparePromise + time.Second)) // longer than idle flows are spared on a line that was left
	if r := stream.Result(); r.Cause != nil {
		t.Fatalf("the stream was cut while there was nowhere to go: %s", r)
	}
	must(t, h.Heal("fibre"))
	s := await(t, b, "fibre carries again", func(s Status) bool { return s.Active() == "fibre" && s.line("fibre").State == "up" })
	t.Log(s.Sentence)
	alive(t, "the stream", stream)
	alive(t, "the idle connection", idle)
	awaitLine(t, h, d, "fibre")
	for _, e := range history(t, b, start) {
		if e.Kind == router.EventSwitch {
			t.Errorf("the house moved: %s", e.Sentence)
		}
	}
	must(t, h.Heal("lte"))
	await(t, b, "both lines are up again", on("fibre"))
}

// TestBothCablesPulled: without any carrier nothing can be sent; what was running goes on when a cable is back.
func TestBothCablesPulled(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	idle, err := d.StartStream(t.Context(), 0)
	must(t, err)
	defer idle.Stop()
	must(t, h.Cut("main", "lte"))
	await(t, b, "lte is down", func(s Status) bool { return s.state("lte") == "down" })
	must(t, h.Cut("main", "fibre"))
	await(t, b, "no Internet", func(s Status) bool { return s.Verdict == "offline" && s.All("down") })
	must(t, h.Plug("main", "fibre"))
	await(t, b, "fibre carries again", func(s Status) bool { return s.Active() == "fibre" && s.line("fibre").State == "up" })
	alive(t, "the idle connection", idle)
	must(t, h.Plug("main", "lte"))
	await(t, b, "both lines are up again", on("fibre"))
}

// TestBlipSparesIdleConnections: an outage of 2.5 s moves the house, but who said nothing meanwhile notices nothing.
func TestBlipSparesIdleConnections(t *testing.T) {
	steady := strings.Replace(DefaultConfig, "  [[wan.check]]", "  [wan.health]\n  rise = 6\n\n  [[wan.check]]", 1) // longer than idle flows are spared
	h, b, d := home(t, Default(), steady)
	await(t, b, "both lines are up", on("fibre"))
	idle, err := d.StartStream(t.Context(), 0)
	must(t, err)
	defer idle.Stop()
	eventually(t, "its record is answered", idle.settled)
	quiet := time.Now().Add(1500 * time.Millisecond) // idle is who has been silent for longer than the outage and a second
	sleepUntil(quiet)
	real := outage(t, h, 2500*time.Millisecond)
	awaitEvent(t, b, quiet, "The house moved from fibre to lte")
	await(t, b, "fibre carries again", on("fibre"))
	alive(t, "the idle connection", idle)
	t.Logf("after an outage of %s: %s", round(real), idle.Result())
}
