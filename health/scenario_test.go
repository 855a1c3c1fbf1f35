package health

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// play runs a line on which the named checks are dead and returns the verdict afterwards.
func (l *line) play(d time.Duration, dead ...int) Verdict {
	l.answer = func(i int, _ time.Time) (time.Duration, bool) { return l.rtt(), !slices.Contains(dead, i) }
	l.run(d, nil)
	return l.m.Verdict()
}

func TestStory(t *testing.T) {
	l := newLine(story(), 1)
	if v := l.m.Verdict(); v.State != Unknown || v.Reason != "no check has answered yet" {
		t.Errorf("at first: %v, %q", v.State, v.Reason)
	}
	for _, step := range []struct {
		d      time.Duration
		dead   []int
		state  State
		lost   int
		broken Broken
		reason string
	}{
		{2 * time.Second, nil, Up, 0, Nothing, "4 of 4 checks answer"},
		{10 * time.Second, []int{1}, Degraded, 20, OneTarget, "3 of 4 checks answer; 8.8.8.8 alone does not answer: its fault, not the line's"},
		{10 * time.Second, []int{1, 2}, Degraded, 40, SomeTargets, "2 of 4 checks answer; 8.8.8.8 and 9.9.9.9 do not"},
		{10 * time.Second, []int{1, 2, 3}, Down, 100, SomeTargets, "1 of 4 checks answer; 8.8.8.8, 9.9.9.9 and 4.2.2.2 do not"},
		{19 * time.Second, []int{1, 2}, Down, 100, SomeTargets, "1 of 4 checks answer; 8.8.8.8, 9.9.9.9 and 4.2.2.2 do not"},
		{3 * time.Second, []int{1, 2}, Degraded, 40, SomeTargets, "2 of 4 checks answer; 8.8.8.8 and 9.9.9.9 do not"},
		{3 * time.Second, []int{0, 1, 2, 3}, Down, 100, Everything, "none of 4 checks answers"},
		{10 * time.Second, nil, Down, 100, Everything, "4 of 4 checks answer again, 4 not for long enough yet"},
		{12 * time.Second, nil, Up, 0, Nothing, "4 of 4 checks answer"},
	} {
		v := l.play(step.d, step.dead...)
		if v.State != step.state || v.Lost != step.lost || v.Broken != step.broken || v.Reason != step.reason {
			t.Errorf("%v of %v: got %v, lost %d, broken %v, %q; want %v, %d, %v, %q",
				step.d, step.dead, v.State, v.Lost, v.Broken, v.Reason, step.state, step.lost, step.broken, step.reason)
		}
	}
}

func TestRiseAndFallAreLiteral(t *testing.T) {
	for _, rise := range []int{1, 2, 10, 20} {
		for _, fall := range []int{1, 2, 3, 7} {
			c := some(1)
			c.Rise, c.Fall = rise, fall
			l := newLine(c, 1)
			l.play(5 * time.Second)
			misses := func() int { return l.m.tracks[0].run }
			l.answer = func(int, time.Time) (time.Duration, bool) { return 0, false }
			l.run(time.Minute, func(m *Machine) bool { return m.state == Down })
			if misses() != fall {
				t.Errorf("fall %d: down after %d misses", fall, misses())
			}
			l.play(3*time.Second, 0) // what is under way gets lost
			l.answer = func(int, time.Time) (time.Duration, bool) { return 20 * time.Millisecond, true }
			l.run(time.Minute, func(m *Machine) bool { return m.state == Up })
			if n := l.m.tracks[0].streak; n != rise {
				t.Errorf("rise %d: up after %d answers", rise, n)
			}
		}
	}
}

func TestQuorum(t *testing.T) {
	c := Config{Quorum: 50, Checks: []Check{
		{Kind: Ping, Target: "a", Weight: 50}, {Kind: Ping, Target: "b", Weight: 30}, {Kind: Ping, Target: "c", Weight: 20},
	}}
	for _, test := range []struct {
		dead []int
		want State
		lost int
	}{
		{[]int{0}, Degraded, 50}, {[]int{1, 2}, Degraded, 50}, {[]int{0, 2}, Down, 100}, {[]int{0, 1}, Down, 100}, {[]int{0, 1, 2}, Down, 100},
	} {
		l := newLine(c, 1)
		l.play(5 * time.Second)
		if v := l.play(10*time.Second, test.dead...); v.State != test.want || v.Lost != test.lost {
			t.Errorf("dead %v: got %v, lost %d; want %v, %d", test.dead, v.State, v.Lost, test.want, test.lost)
		}
	}
}

func TestDefaultQuorumRoundsUp(t *testing.T) {
	for weights, want := range map[[2]int]int{{20, 20}: 20, {20, 21}: 21, {1, 0}: 11} {
		c := Config{Checks: []Check{{Target: "a", Weight: weights[0]}, {Target: "b", Weight: weights[1]}}}
		if got := c.WithDefaults().Quorum; got != want {
			t.Errorf("weights %v: quorum %d, want %d", weights, got, want)
		}
	}
}

// A WAN that comes back after a loss of carrier must earn its traffic; one that is new does not wait.
func TestSuspectStart(t *testing.T) {
	for suspect, want := range map[bool]time.Duration{true: 10 * time.Second, false: 200 * time.Millisecond} {
		l := newLine(Config{}, 1)
		l.m = NewMachine(Config{}, l.now, suspect)
		if suspect != (l.m.Verdict().State == Down) {
			t.Errorf("suspect %v: starts %v", suspect, l.m.Verdict().State)
		}
		from := l.now
		l.answer = func(int, time.Time) (time.Duration, bool) { return 20 * time.Millisecond, true }
		if !l.run(time.Minute, func(m *Machine) bool { return m.state == Up }) || l.now.Sub(from) > want {
			t.Errorf("suspect %v: up after %v, want %v at most", suspect, l.now.Sub(from), want)
		}
	}
}

func TestNewWANWithoutAnswersIsDown(t *testing.T) {
	l := newLine(Config{}, 1)
	if v := l.play(4*time.Second, 0, 1, 2); v.State != Down || v.Reason != "none of 3 checks answers" || v.Broken != Everything {
		t.Errorf("got %v, %q, %v", v.State, v.Reason, v.Broken)
	}
}

func TestDeadTargetIsNoBurst(t *testing.T) {
	l := newLine(Config{}, 1)
	l.play(20 * time.Second)
	l.play(10*time.Second, 1)
	before := l.sent
	v := l.play(10*time.Minute, 1)
	if n := l.sent - before; n < 1700 || n > 1900 {
		t.Errorf("%d probes in ten minutes with a dead target, want 3 a second", n)
	}
	if v.State != Degraded || !v.Checks[1].Flaky || v.Checks[0].Flaky || v.Checks[1].Reason != "no answer for 610s" && v.Checks[1].Reason != "no answer for 609s" {
		t.Errorf("got %v, %+v", v.State, v.Checks)
	}
}

// A target that drops a third of its pings (rate limit) is named, while the others are well.
func TestLossyTargetIsFlaky(t *testing.T) {
	l := newLine(Config{Fall: 9}, 1)
	l.answer = func(i int, _ time.Time) (time.Duration, bool) {
		return l.rtt(), i != 1 || l.random.Float64() > 0.4
	}
	l.run(2*time.Minute, nil)
	if v := l.m.Verdict(); v.State != Up || !v.Checks[1].Flaky || v.Checks[0].Flaky || v.Checks[1].Loss < 0.2 || v.Checks[0].Loss != 0 {
		t.Errorf("got %v, %+v", v.State, v.Checks)
	}
	if v := l.play(3 * time.Minute); v.Checks[1].Flaky || v.Checks[1].Loss != 0 || v.Loss != 0 {
		t.Errorf("later: %+v", v)
	}
}

func TestFigures(t *testing.T) {
	l := newLine(Config{}, 1)
	l.answer = func(i int, _ time.Time) (time.Duration, bool) {
		return time.Duration(i+1) * 10 * time.Millisecond, true
	}
	l.run(2*time.Minute, nil)
	v := l.m.Verdict()
	if v.RTT != 20*time.Millisecond || v.MinRTT != 10*time.Millisecond || v.Checks[2].RTT != 30*time.Millisecond || v.Loss != 0 || !v.Silent.IsZero() {
		t.Errorf("got %+v", v)
	}
	dead := l.now
	v = l.play(15*time.Second, 0, 1, 2)
	if d := v.Silent.Sub(dead); d < 0 || d > 600*time.Millisecond || v.Loss < 0.1 {
		t.Errorf("silent since %v after the blackout, loss %v", d, v.Loss)
	}
}

// When every answer suddenly takes 600 ms (someone uploads), misses by patience are taken back and the WAN stays.
func TestSuddenDelayIsNoOutage(t *testing.T) {
	for seed := range uint64(50) {
		l := newLine(Config{}, seed)
		l.play(30*time.Second + time.Duration(seed)*37*time.Millisecond)
		l.answer = func(int, time.Time) (time.Duration, bool) { return 600 * time.Millisecond, true }
		if l.run(time.Minute, func(m *Machine) bool { return m.state == Down }) {
			t.Errorf("seed %d: down", seed)
		}
		if v := l.m.Verdict(); v.State != Up || v.Loss > 0.01 {
			t.Errorf("seed %d: got %v, loss %v, %q", seed, v.State, v.Loss, v.Reason)
		}
	}
}

func TestForgetCountsNothing(t *testing.T) {
	l := newLine(Config{}, 1)
	l.play(10 * time.Second)
	l.m.Due(l.m.Wake())
	late := l.now.Add(10 * time.Second)
	l.m.Forget(late)
	l.m.Due(late)
	if v := l.m.Verdict(); v.State != Up || v.Loss != 0 {
		t.Errorf("got %v, loss %v", v.State, v.Loss)
	}
}

// A hint makes the next probes follow at once.
func TestSuspicionFromOutside(t *testing.T) {
	l := newLine(Config{}, 1)
	l.play(10*time.Second + 50*time.Millisecond)
	l.m.Suspect(l.now)
	from := l.now
	l.answer = func(int, time.Time) (time.Duration, bool) { return 0, false }
	l.run(10*time.Second, func(m *Machine) bool { return m.state == Down })
	if d := l.now.Sub(from); d > 1200*time.Millisecond {
		t.Errorf("down after %v", d)
	}
}

func web3() Config {
	return Config{Checks: []Check{
		{Kind: Ping, Target: "1.1.1.1"}, {Kind: HTTP, Target: "http://check.example/204"}, {Kind: DNS, Target: "9.9.9.9"},
	}}
}

// drive answers each probe at once with what the function says, for so many seconds.
func drive(m *Machine, now *time.Time, seconds int, outcome func(check int) Outcome) {
	end := now.Add(time.Duration(seconds) * time.Second)
	for !now.After(end) {
		for _, p := range slices.Clone(m.Due(*now)) {
			m.Observe(*now, Sample{Check: p.Check, Seq: p.Seq, Outcome: outcome(p.Check), RTT: time.Millisecond, Reason: "because"})
		}
		if *now = m.Wake(); now.After(end) {
			return
		}
	}
}

func TestCaptivePortal(t *testing.T) {
	now := time.Unix(1e9, 0)
	m := NewMachine(web3(), now, false)
	well := func(int) Outcome { return Answered }
	portal := func(i int) Outcome { return map[bool]Outcome{true: Redirected, false: Answered}[i == 1] }
	silent := func(i int) Outcome { return map[bool]Outcome{true: Missed, false: Answered}[i == 1] }
	for _, step := range []struct {
		seconds int
		outcome func(int) Outcome
		state   State
		lost    int
		reason  string
	}{
		{5, well, Up, 0, "3 of 3 checks answer"},
		{5, portal, Captive, 100, "a login page answers instead of http://check.example/204 (captive portal)"},
		{5, well, Captive, 100, "a login page answers instead of http://check.example/204 (captive portal)"},
		{10, well, Up, 0, "3 of 3 checks answer"},
		{5, portal, Captive, 100, "a login page answers instead of http://check.example/204 (captive portal)"},
		{5, silent, Degraded, 20, "2 of 3 checks answer; http://check.example/204 does not"},
	} {
		drive(m, &now, step.seconds, step.outcome)
		if v := m.Verdict(); v.State != step.state || v.Lost != step.lost || v.Reason != step.reason {
			t.Errorf("got %v, lost %d, %q; want %v, %d, %q", v.State, v.Lost, v.Reason, step.state, step.lost, step.reason)
		}
	}
}

func TestBroken(t *testing.T) {
	for _, test := range []struct {
		kinds   string // p ping, h http, d dns; upper case fails
		want    Broken
		isNamed string
	}{
		{"pd", Nothing, ""}, {"ppD", DNSOnly, "does not answer DNS queries"}, {"pDD", DNSOnly, "do not answer DNS queries"}, {"pdD", OneTarget, ""}, {"ppH", WebOnly, ""},
		{"ppP", OneTarget, "its fault"}, {"pPP", SomeTargets, ""}, {"PPD", Everything, "none of 3"}, {"ppDH", SomeTargets, ""}, {"D", Everything, "does not answer"},
	} {
		now := time.Unix(1e9, 0)
		var c Config
		for i, k := range test.kinds {
			kind := map[string]Kind{"p": Ping, "h": HTTP, "d": DNS}[strings.ToLower(string(k))]
			c.Checks = append(c.Checks, Check{Kind: kind, Target: fmt.Sprint("t", i)})
		}
		m := NewMachine(c, now, false)
		drive(m, &now, 10, func(i int) Outcome {
			if c := test.kinds[i]; c < 'a' {
				return Missed
			}
			return Answered
		})
		v := m.Verdict()
		if v.Broken != test.want || !strings.Contains(v.Reason, test.isNamed) {
			t.Errorf("%s: got %v, %q; want %v, %q", test.kinds, v.Broken, v.Reason, test.want, test.isNamed)
		}
		for i, c := range v.Checks {
			if c.OK != (c.Reason == "") || !c.OK && c.Reason != "because" {
				t.Errorf("%s: check %d: ok %v, reason %q", test.kinds, i, c.OK, c.Reason)
			}
		}
	}
}

func TestHold(t *testing.T) {
	start := time.Unix(1e9, 0)
	h := NewHold()
	now := start
	for i, want := range []time.Duration{0, 1, 2, 4, 8, 16, 30, 30, 30} {
		now = now.Add(5 * time.Minute)
		h.Flap(now)
		h.Flap(now.Add(time.Second)) // the same outage
		if !h.Until().IsZero() {
			t.Errorf("flap %d: a hold-down before the recovery", i+1)
		}
		now = now.Add(time.Minute)
		h.Recover(now)
		h.Recover(now.Add(time.Minute))
		var got time.Duration
		if u := h.Until(); !u.IsZero() {
			got = u.Sub(now)
		}
		if got != want*time.Minute || h.Length() != got {
			t.Errorf("flap %d: held for %v (%v), want %v", i+1, got, h.Length(), want*time.Minute)
		}
	}
	now = now.Add(2 * time.Hour)
	h.Flap(now)
	if h.Recover(now.Add(3 * time.Hour)); h.Length() != 0 || h.Flaps() != 1 {
		t.Errorf("after two quiet hours: held for %v after %d flaps", h.Length(), h.Flaps())
	}
	if h.Flap(now.Add(3*time.Hour + 10*time.Minute)); h.Length() != time.Minute {
		t.Errorf("ten minutes after the end of a long outage: held for %v", h.Length())
	}
}

// invariants holds after any call whatever.
func invariants(t *testing.T, m *Machine, now time.Time) {
	t.Helper()
	v := m.Verdict()
	lost, passing := 0, 0
	for i, c := range v.Checks {
		tr := &m.tracks[i]
		switch {
		case c.Known && !c.OK:
			lost += c.Check.Weight
		case c.OK:
			passing += c.Check.Weight
		}
		if c.OK && !c.Known || c.OK && c.Reason != "" || c.Loss < 0 || c.Loss > 1 || tr.run < 0 || tr.run > 0 && tr.streak > 0 && tr.heardLast >= tr.first {
			t.Fatalf("check %d: %+v, run %d, streak %d", i, c, tr.run, tr.streak)
		}
		if c.OK && tr.run >= m.config.Fall {
			t.Fatalf("check %d passes after %d misses", i, tr.run)
		}
	}
	if all := v.State == Down || v.State == Captive; all && v.Lost != 100 || !all && v.Lost != lost {
		t.Fatalf("%v: lost %d, failing weigh %d", v.State, v.Lost, lost)
	}
	if v.State == Down && passing >= m.config.Quorum || v.State == Up && (lost > 0 || passing < m.config.Quorum) || v.State == Degraded && lost == 0 {
		t.Fatalf("%v: passing weigh %d, failing %d", v.State, passing, lost)
	}
	if v.Reason == "" || v.MinRTT > v.RTT || m.Wake().IsZero() {
		t.Fatalf("verdict %+v, wake %v", v, m.Wake())
	}
}

func FuzzMachine(f *testing.F) {
	for seed := range byte(8) {
		random := rand.New(rand.NewPCG(uint64(seed), 2))
		script := make([]byte, 600)
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		f.Add(script, seed)
	}
	f.Fuzz(func(t *testing.T, script []byte, seed byte) {
		script = script[:min(len(script), 3000)]
		configs := []Config{{}, story(), web3(), some(1)}
		now := time.Unix(1e9, 0)
		m := NewMachine(configs[seed%4], now, seed&4 != 0)
		var out []Probe
		for i := 0; i+2 < len(script); i += 3 {
			what, which, much := script[i], script[i+1], script[i+2]
			now = now.Add(time.Duration(much) * 4 * time.Millisecond)
			switch {
			case what < 120:
				due := m.Due(now)
				out = append(out, due...)
				if wake := m.Wake(); !wake.After(now) {
					t.Fatalf("wake %v at %v", wake, now)
				}
			case what < 240 && len(out) > 0:
				p := out[int(which)%len(out)]
				m.Observe(now, Sample{Check: p.Check, Seq: p.Seq, Outcome: Outcome(what%3 + 1), RTT: time.Duration(much) * time.Millisecond})
			case what < 245:
				m.Observe(now, Sample{Check: int(which) - 5, Seq: uint64(much) << what, Outcome: Answered})
			case what < 250:
				m.Suspect(now)
			default:
				m.Forget(now)
			}
			invariants(t, m, now)
		}
	})
}

func BenchmarkMachine(b *testing.B) {
	l := newLine(Config{}, 1)
	l.answer = func(int, time.Time) (time.Duration, bool) { return 20 * time.Millisecond, true }
	l.run(time.Minute, nil)
	b.ReportAllocs()
	for b.Loop() { // one probe and its answer
		now := l.m.Wake()
		for _, p := range l.m.Due(now) {
			l.m.Observe(now.Add(20*time.Millisecond), Sample{Check: p.Check, Seq: p.Seq, Outcome: Answered, RTT: 20 * time.Millisecond})
		}
	}
}

func BenchmarkVerdict(b *testing.B) {
	l := newLine(story(), 1)
	l.play(2 * time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		_ = l.m.Verdict()
	}
}
