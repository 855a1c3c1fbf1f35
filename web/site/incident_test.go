package site

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// told writes a timeline as one line per incident.
func told(all []incident) string {
	var b strings.Builder
	at := func(t time.Time) string { return t.Format("Mon 15:04") }
	for _, i := range all {
		end := at(i.End)
		switch {
		case i.Moment:
			end = "at once"
		case i.Open():
			end = "goes on"
		case i.Cut:
			end = "nobody looked after " + end
		}
		fmt.Fprintf(&b, "%s – %s: %s (%s)", at(i.Start), end, i.Sentence, i.State)
		for _, s := range i.Steps {
			fmt.Fprintf(&b, " / %s %s", at(s.At), s.Sentence)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestTimeline(t *testing.T) {
	const want = `Sat 11:47 – goes on: fibre: the line from the provider is down (the provider's side; nothing to do here). (down) / Sat 11:48 The house moves from fibre to lte: fibre: none of 3 checks answers.
Fri 16:00 – at once: Another program removed 2 routes of ours; they are back. (other)
Thu 11:00 – Thu 13:00: Twinpath was off: no data. (off)
Thu 10:00 – nobody looked after Thu 11:00: lte is degraded: 2 of 3 checks answer; 8.8.8.8 does not. (degraded)
Wed 09:00 – at once: Twinpath 1.0 has started. (off)
`
	if got := told(timeline(happenings())); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestOneIncidentPerTrouble(t *testing.T) {
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	wan := func(minute int, line, to, sentence string) router.Event {
		return router.Event{Time: at(minute), Kind: router.EventWAN, WAN: line, To: to, Sentence: sentence}
	}
	vrrp := func(minute int, from, to string) router.Event {
		return router.Event{Time: at(minute), Kind: router.EventVRRP, VRRP: "lan", Family: "ipv4", From: from, To: to, Sentence: "lan is " + to + "."}
	}
	events := []router.Event{
		wan(0, "a", "up", "a is up."),
		wan(1, "a", "degraded", "a is degraded."),
		wan(2, "b", "down", "b is down."),
		wan(3, "a", "down", "a is down."),
		wan(4, "a", "", "a: the modem does not answer."),
		wan(5, "a", "unknown", "a is unknown."),
		wan(6, "a", "degraded", "a is held back."),
		wan(7, "b", "up", "b is up."),
		wan(8, "b", "", "b has a new address."),
		wan(9, "a", "up", "a is up."),
		vrrp(10, "backup", "fault"), vrrp(11, "fault", "fault"), vrrp(12, "fault", "backup"), vrrp(13, "backup", "active"),
	}
	const want = `Sat 12:13 – at once: lan is active. (active)
Sat 12:10 – Sat 12:12: lan is fault. (fault)
Sat 12:02 – Sat 12:07: b is down. (down)
Sat 12:01 – Sat 12:09: a: the modem does not answer. (down)
`
	if got := told(timeline(events)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTheTimelineIsBounded(t *testing.T) {
	all := timeline(three().events)
	if len(all) != shown || !all[0].Start.Equal(noon.Add(-2*time.Hour)) {
		t.Errorf("%d incidents from %s, want the newest %d", len(all), all[0].Start, shown)
	}
}

func TestCoarsePointsHideNothing(t *testing.T) {
	ms := func(n int) router.Milliseconds { return router.Milliseconds(time.Duration(n) * time.Millisecond) }
	points := []*router.Point{
		{RTT: ms(99), State: "up"}, // the odd one out at the old end
		nil, nil, nil, nil,
		{RTT: ms(10), MinRTT: ms(8), MaxRTT: ms(12), State: "up", Rx: 1}, nil, {RTT: ms(20), MinRTT: ms(5), MaxRTT: ms(40), State: "degraded", Loss: 0.5, Rx: 2}, {State: "down", Loss: 1},
	}
	if _, each := coarse(points, 2); each != 5 {
		t.Fatalf("%d points are joined, want 5", each)
	}
	got, each := coarse(points, 3)
	if each != 3 || len(got) != 3 {
		t.Fatalf("%d points of %d each, want 3 of 3", len(got), each)
	}
	got, _ = coarse(points[1:], 2)
	if got[0] != nil {
		t.Errorf("where nobody looked there is %+v", got[0])
	}
	if p := got[1]; p.State != "down" || p.Loss != 0.5 || p.MinRTT != ms(5) || p.MaxRTT != ms(40) || p.RTT != ms(15) || p.Rx != 3 {
		t.Errorf("joined: %+v", p)
	}
	if all := sum(points[1:], time.Minute); !all.Known || all.Looked != 3*time.Minute || all.RTT != ms(20) || all.Rx != 3 {
		t.Errorf("summed up: %+v", all)
	}
	if none := sum(points[1:5], time.Minute); none.Known {
		t.Errorf("of nothing: %+v", none)
	}
}

func TestWords(t *testing.T) {
	for want, got := range map[string]string{
		"0 s": span(0), "59 s": span(59 * time.Second), "1 min": span(time.Minute), "12 min 2 s": span(722 * time.Second), "2 h": span(2 * time.Hour),
		"3 d 4 h": span(76 * time.Hour), "0 B": octets(0), "999 B": octets(999), "1.5 kB": octets(1500), "6.1 GB": octets(6_100_000_000), "120 MB": octets(120_000_000),
		"–": milliseconds(0), "8.1 ms": milliseconds(router.Milliseconds(8100 * time.Microsecond)), "42 ms": milliseconds(router.Milliseconds(42 * time.Millisecond)),
		"0 %": share(0), "0.1 %": share(0.00001), "4 %": share(0.043), "100 %": share(1),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
