package pulse

import (
	"testing"
	"time"
)

const ms = time.Millisecond

var epoch = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// tester plays a scenario to a machine with 50 ms between two beats; its own beats are not of interest.
type tester struct {
	*testing.T
	*Machine
	now   time.Duration
	asked []time.Duration
}

func newTester(t *testing.T) *tester {
	return &tester{T: t, Machine: NewMachine(epoch, "backup", 50*ms, Care{})}
}

// until lets time pass.
func (t *tester) until(end time.Duration) {
	t.Helper()
	for at := t.Due(); !at.IsZero() && !at.After(epoch.Add(end)); at = t.Due() {
		if at.Before(epoch.Add(t.now)) {
			t.Fatalf("due at %s, before %s", at.Sub(epoch), t.now)
		}
		if t.now = at.Sub(epoch); t.Tick(at).Ask {
			t.asked = append(t.asked, t.now)
		}
	}
	t.now = end
}

// hears beats every 50 ms from now until an end, of a router that has heard ours so long before.
func (t *tester) hears(end, age time.Duration) {
	t.Helper()
	for at := t.now; at <= end; at += 50 * ms {
		t.until(at)
		t.Hear(epoch.Add(at), age)
	}
}

func (t *tester) answers(at time.Duration) {
	t.Helper()
	t.until(at)
	t.Answer(epoch.Add(at))
}

func (t *tester) shows(s State, reason string) {
	t.Helper()
	if v := t.View(); v.State != s || v.Reason != reason {
		t.Fatalf("at %s: %s, %q; want %s, %q", t.now, v.State, v.Reason, s, reason)
	}
}

const (
	waiting = "waiting for signs of life of backup"
	dead    = "backup gives no sign of life and answers nothing"
	deafIn  = "the signs of life of backup do not reach this router, though it answers"
	deafOut = "what this router sends does not reach backup"
	killed  = "backup answers, but Twinpath there does not"
	anew    = "backup answers again, and gives no sign of life: it has been started anew"
	blind   = "this router's own link to the house is or was down"
)

// lively returns a tester with a second of beats behind it.
func lively(t *testing.T) *tester {
	tt := newTester(t)
	tt.hears(time.Second, 10*ms)
	tt.shows(Alive, "")
	return tt
}

func TestAlive(t *testing.T) {
	tt := newTester(t)
	tt.shows(Unknown, waiting)
	tt.hears(150*ms, 10*ms)
	tt.shows(Unknown, waiting)
	tt.hears(200*ms, 10*ms)
	tt.shows(Alive, "")
	if v := tt.View(); !v.Hears || !v.Heard || v.Since != epoch.Add(150*ms) {
		t.Error(v)
	}
	tt.hears(time.Minute, 10*ms)
	if len(tt.asked) > 0 {
		t.Error("asked at", tt.asked)
	}
}

// Silence in a session that was never lively says nothing.
func TestSilenceBeforeLife(t *testing.T) {
	tt := newTester(t)
	tt.hears(150*ms, 10*ms)
	tt.until(time.Hour)
	tt.shows(Unknown, waiting)
	if len(tt.asked) > 0 {
		t.Error("asked at", tt.asked)
	}
}

// A dead router is gone 210 ms after its last beat: 125 ms of silence, five rounds of questions 17 ms apart, and as long for the last answer.
func TestGone(t *testing.T) {
	tt := lively(t)
	tt.until(1209 * ms)
	tt.shows(Alive, "")
	if len(tt.asked) != 5 || tt.asked[0] != 1125*ms || tt.asked[4] != 1193*ms {
		t.Error("asked at", tt.asked)
	}
	tt.until(1210 * ms)
	tt.shows(Gone, dead)
	tt.until(10 * time.Second)
	tt.shows(Gone, dead)
	if n := len(tt.asked); n != 5+8 {
		t.Errorf("asked %d times, at %s", n, tt.asked)
	}
}

// With rare beats it takes as much longer.
func TestGoneOfRareBeats(t *testing.T) {
	tt := newTester(t)
	tt.Machine = NewMachine(epoch, "backup", time.Second, Care{})
	for at := time.Duration(0); at <= 10*time.Second; at += time.Second {
		tt.until(at)
		tt.Hear(epoch.Add(at), 10*ms)
	}
	tt.until(12584 * ms)
	tt.shows(Alive, "")
	tt.until(12585 * ms)
	tt.shows(Gone, dead)
}

// One answer is enough; it is asked again, ever more rarely, while beats are missing.
func TestQuestionsBecomeRare(t *testing.T) {
	tt := lively(t)
	for range 8 {
		before := len(tt.asked)
		for len(tt.asked) == before {
			tt.until(tt.now + ms)
		}
		tt.answers(tt.now + ms)
	}
	want := []time.Duration{1125, 1234, 1468, 1952, 2936, 3920, 4904, 5888}
	for i, w := range want {
		if tt.asked[i] != w*ms {
			t.Fatalf("asked at %s, want %d ms", tt.asked, want)
		}
	}
	tt.shows(Deaf, deafIn)
	if v := tt.View(); v.Hears {
		t.Error(v)
	}
	tt.until(6872*ms + 85*ms)
	tt.shows(Gone, dead)
}

// Beats that come again end it, once there are enough of them.
func TestDeafEnds(t *testing.T) {
	tt := lively(t)
	for at := 1130 * ms; at < 3*time.Second; at += 50 * ms {
		tt.answers(at)
	}
	tt.shows(Deaf, deafIn)
	tt.now = 3 * time.Second
	tt.hears(3150*ms, 10*ms)
	tt.shows(Deaf, deafIn)
	tt.hears(3300*ms, 10*ms)
	tt.shows(Alive, "")
}

// The other router says in its beats that ours do not arrive.
func TestUnheard(t *testing.T) {
	tt := lively(t)
	for age := 10 * ms; age <= 950*ms; age += 50 * ms {
		tt.until(tt.now + 50*ms)
		tt.Hear(epoch.Add(tt.now), age)
	}
	tt.shows(Alive, "")
	tt.until(tt.now + 50*ms)
	tt.Hear(epoch.Add(tt.now), 1010*ms)
	tt.shows(Deaf, deafOut)
	if v := tt.View(); !v.Hears || v.Heard {
		t.Error(v)
	}
	tt.until(tt.now + 50*ms)
	tt.Hear(epoch.Add(tt.now), 10*ms)
	tt.shows(Alive, "")
	if len(tt.asked) > 0 {
		t.Error("asked at", tt.asked)
	}
}

// It may never have heard one in this session.
func TestNeverHeard(t *testing.T) {
	tt := newTester(t)
	tt.hears(950*ms, -1)
	tt.shows(Alive, "")
	tt.hears(1050*ms, -1)
	tt.shows(Deaf, deafOut)
}

// A router that is gone is back with the first sign, and counts as alive when there are enough.
func TestBack(t *testing.T) {
	tt := lively(t)
	tt.until(5 * time.Second)
	tt.shows(Gone, dead)
	tt.answers(5100 * ms)
	tt.shows(Gone, anew)
	tt.until(time.Minute)
	tt.shows(Gone, anew)
	if !tt.View().Risen {
		t.Error("its box answers, and nobody is told")
	}
	tt.hears(time.Minute+200*ms, 10*ms)
	tt.shows(Alive, "")

	tt = lively(t)
	tt.until(5 * time.Second)
	tt.hears(5*time.Second, 10*ms)
	tt.shows(Unknown, "backup gives signs of life again")
	tt.hears(5200*ms, 10*ms)
	tt.shows(Alive, "")
}

// A program that was killed is not a box that is dead.
func TestUnlinked(t *testing.T) {
	tt := lively(t)
	tt.Unlink(epoch.Add(tt.now))
	for range 3000 {
		tt.until(tt.now + 10*ms)
		if tt.Asking() {
			tt.Answer(epoch.Add(tt.now))
		}
	}
	tt.shows(Alive, killed)
	tt.until(tt.now + time.Second + 85*ms)
	tt.shows(Gone, dead)
}

// Without anybody who listens, beats become rare.
func TestRareBeats(t *testing.T) {
	for _, unlinked := range []bool{false, true} {
		m := NewMachine(epoch, "backup", 50*ms, Care{})
		if unlinked {
			m.Unlink(epoch)
		}
		n := 0
		for m.Due().Before(epoch.Add(time.Minute)) {
			if m.Tick(m.Due()).Beat {
				n++
			}
		}
		if want := map[bool]int{false: 1200, true: 60}[unlinked]; n != want {
			t.Errorf("unlinked %v: %d beats in a minute, want %d", unlinked, n, want)
		}
	}
}

// A router that stood still asks twice more before the verdict, and after a longer time everything.
func TestStoodStill(t *testing.T) {
	for _, c := range []struct {
		still time.Duration
		asked int // again
	}{{21 * ms, 2}, {99 * ms, 2}, {100 * ms, 5}, {5 * time.Second, 5}, {time.Hour, 5}} {
		tt := lively(t)
		tt.until(1200 * ms) // all was asked
		first := len(tt.asked)
		end := 1200*ms + c.still
		tt.Anew(epoch.Add(end), c.still)
		end += time.Duration(c.asked) * apart
		tt.until(end - ms)
		tt.shows(Alive, "")
		if n := len(tt.asked) - first; n != c.asked {
			t.Errorf("after %s: asked %d times, want %d", c.still, n, c.asked)
		}
		tt.until(end)
		tt.shows(Gone, dead)
	}
}

// Whose own cable is out knows nothing of others, until it has heard enough of them.
func TestBlind(t *testing.T) {
	tt := lively(t)
	tt.until(1150 * ms)
	tt.Blind(epoch.Add(tt.now))
	tt.until(time.Minute)
	tt.shows(Unknown, blind)
	tt.hears(time.Minute+150*ms, 10*ms)
	tt.shows(Unknown, blind)
	tt.hears(time.Minute+200*ms, 10*ms)
	tt.shows(Alive, "")

	tt = lively(t)
	tt.until(5 * time.Second)
	tt.Blind(epoch.Add(tt.now))
	tt.shows(Gone, dead)
}

func TestAgree(t *testing.T) {
	for _, c := range [][3]time.Duration{{50 * ms, 50 * ms, 50 * ms}, {50 * ms, time.Second, time.Second}, {0, 50 * ms, 0}, {50 * ms, 0, 0}} {
		if got := Agree(c[0], c[1]); got != c[2] {
			t.Errorf("%s and %s agree on %s", c[0], c[1], got)
		}
	}
}

// Who was taken for dead by mistake is asked more often before the next verdict, for some hours; who was dead is not.
func TestMistake(t *testing.T) {
	verdict := func(tt *tester) time.Duration {
		last := tt.now
		for tt.View().State != Gone {
			tt.until(tt.now + ms)
		}
		return tt.now - last
	}
	tt := lively(t)
	if took := verdict(tt); took != 210*ms {
		t.Error(took)
	}
	tt.hears(tt.now+time.Second, 10*ms)
	if took := verdict(tt); took < 290*ms || took > 300*ms {
		t.Errorf("after a mistake the verdict takes %s, want 125 ms and ten rounds", took)
	}
	tt.answers(tt.now + 500*ms) // it has been dead
	tt.Machine = NewMachine(epoch.Add(tt.now), "backup", 50*ms, tt.Care())
	tt.hears(tt.now+time.Second, 10*ms)
	if took := verdict(tt); took < 290*ms || took > 300*ms {
		t.Errorf("in the next session the verdict takes %s, want the same", took)
	}
	tt.now += 2 * time.Hour
	tt.Machine = NewMachine(epoch.Add(tt.now), "backup", 50*ms, tt.Care())
	tt.hears(tt.now+time.Second, 10*ms)
	if took := verdict(tt); took < 205*ms || took > 215*ms {
		t.Errorf("hours later the verdict takes %s, want what it was", took)
	}
}
