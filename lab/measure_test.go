package lab

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// outage makes fibre silent for about a time and returns how long it really was.
func outage(t *testing.T, h *House, d time.Duration) time.Duration {
	t.Helper()
	must(t, h.Blackhole("fibre", Beyond))
	start := time.Now()
	sleepUntil(start.Add(d)) // the length of the outage is the input of the test
	must(t, h.Heal("fibre"))
	return time.Since(start)
}

func TestClientsFeelAnOutage(t *testing.T) {
	h, _, d := plain(t, "fibre")
	p, err := d.StartUDP(UDPInterval)
	must(t, err)
	s, err := d.StartStream(t.Context(), StreamInterval)
	must(t, err)
	c := d.StartConnector(ConnectInterval)
	eventually(t, "100 probes are sent", func() bool { return p.Since(p.start).Sent >= 100 })

	mark := time.Now()
	real := outage(t, h, 300*time.Millisecond)
	eventually(t, "UDP is back", func() bool { return !p.First(mark.Add(real), h.Lines[0]).IsZero() })
	eventually(t, "the stream is back", func() bool { return s.Result().Last.After(mark.Add(real)) })

	r := p.Stop()
	t.Log(r)
	if r.Gap < real-blurred || r.Gap > real+blurred {
		t.Errorf("gap %s, the outage was %s", r.Gap, real)
	}
	if r.Lost < 100 || len(r.Via) != 1 || !r.GapStart.After(mark.Add(-blurred)) {
		t.Errorf("lost %d, via %v, gap %s after the mark", r.Lost, r.Via, r.GapStart.Sub(mark))
	}
	sr := s.Stop()
	t.Log(sr)
	if sr.Cause != nil || sr.Stall < real-blurred {
		t.Errorf("stream: %s, want alive with a stall", sr)
	}
	cr := c.Stop()
	t.Log(cr)
	if cr.Tried == cr.Failed || cr.Slowest < 500*time.Millisecond && cr.Failed == 0 {
		t.Errorf("connections: %s, want some slowed down or failed, not all", cr)
	}
}

// blurred is what nft needs to begin and to end an outage.
const blurred = 20 * time.Millisecond

func TestStreamIsTold(t *testing.T) {
	_, b, d := plain(t, "fibre")
	for name, interval := range map[string]time.Duration{"busy": StreamInterval, "idle": 0} {
		s, err := d.StartStream(t.Context(), interval)
		must(t, err)
		eventually(t, "a record is answered", func() bool { return s.Result().Answered > 0 })
		mark := time.Now()
		_, err = b.Feed("nft -f -", "table ip end { chain f { type filter hook forward priority 0; tcp dport 7 reject with tcp reset; }; }\n")
		must(t, err)
		if interval == 0 {
			s.record() // an idle one says nothing by itself
		}
		eventually(t, name+" stream breaks", func() bool { return s.Result().Cause != nil })
		r := s.Stop()
		if !errors.Is(r.Cause, syscall.ECONNRESET) {
			t.Errorf("%s: %s, want a reset", name, r)
		}
		if told := r.Told(mark); told <= 0 || told > 2*time.Second {
			t.Errorf("%s: told %s after the mark", name, told)
		}
		_, err = b.Run("nft delete table ip end")
		must(t, err)
	}
}

func TestPinger(t *testing.T) {
	h, _, d := plain(t, "fibre")
	p, err := d.StartPinger("1.1.1.1", 10*time.Millisecond)
	must(t, err)
	outage(t, h, 200*time.Millisecond)
	before := time.Now()
	eventually(t, "pings go on", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.sent[len(p.sent)-1].After(before.Add(50 * time.Millisecond))
	})
	r := p.Stop()
	if r.Lost < 10 || r.Lost > 30 || r.Median == 0 {
		t.Errorf("%s, want about 20 lost", r)
	}
}

func TestMeasure(t *testing.T) {
	start := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	a, b := netip.MustParseAddr("198.51.100.100"), netip.MustParseAddr("192.0.2.100")
	line := func(via ...netip.Addr) (all []probe) {
		for i, v := range via {
			all = append(all, probe{sent: time.Duration(i) * UDPInterval, via: v})
		}
		return all
	}
	no := netip.Addr{}
	for name, c := range map[string]struct {
		probes []probe
		lost   int
		gap    time.Duration
		via    int
	}{
		"none":           {nil, 0, 0, 0},
		"all answered":   {line(a, a, a), 0, 0, 1},
		"one lost":       {line(a, no, a), 1, UDPInterval, 1},
		"longest of two": {line(a, no, a, no, no, no, b), 4, 3 * UDPInterval, 2},
		"lost at start":  {line(no, no, a), 2, 2 * UDPInterval, 1},
		"lost at end":    {line(a, no, no, no), 3, 2 * UDPInterval, 1},
		"there and back": {line(a, b, a), 0, 0, 3},
	} {
		r := measure(c.probes, start, 0, 0)
		if r.Lost != c.lost || r.Gap != c.gap || len(r.Via) != c.via {
			t.Errorf("%s: %s", name, r)
		}
	}
	if r := measure(line(no, no, a, no, a), start, 2*UDPInterval, 0); r.Lost != 1 || r.Sent != 3 {
		t.Errorf("from the third on: %s", r)
	}
}

func TestSummarise(t *testing.T) {
	start := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	at := func(ms int, err error) attempt {
		return attempt{start: start.Add(time.Duration(ms) * time.Millisecond), took: time.Millisecond, err: err}
	}
	r := summarise([]attempt{at(300, nil), at(0, nil), at(100, syscall.ETIMEDOUT), at(200, syscall.ETIMEDOUT)})
	want := ConnectResult{Tried: 4, Failed: 2, Median: time.Millisecond, Slowest: time.Millisecond, Outage: 200 * time.Millisecond}
	if r != want {
		t.Errorf("got %s, want %s", r, want)
	}
}
