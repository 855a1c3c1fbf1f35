package pulse

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// air is a network between two routers: it loses, delays, and is dead for moments.
type air struct {
	rand   *rand.Rand
	loss   float64
	jitter time.Duration // beyond 0.2 ms
	burst  time.Duration // the longest moment in which nothing passes
	every  time.Duration // between two of them, on average
	from   time.Time     // of the next one
	to     time.Time
	bursts int
}

// passes returns when something that is sent now arrives; false: never.
func (a *air) passes(now time.Time) (time.Time, bool) {
	if a.burst > 0 && !now.Before(a.to) {
		a.from = now.Add(time.Duration(a.rand.ExpFloat64() * float64(a.every)))
		a.to = a.from.Add(time.Duration(a.rand.Int64N(int64(a.burst))))
		a.bursts++
	}
	if a.rand.Float64() < a.loss || !now.Before(a.from) && now.Before(a.to) {
		return time.Time{}, false
	}
	at := now.Add(200 * time.Microsecond)
	if a.jitter > 0 {
		at = at.Add(time.Duration(a.rand.Int64N(int64(a.jitter))))
	}
	return at, true
}

// side is one router of a simulated pair.
type side struct {
	*Machine
	off      bool
	mail     []letter    // beats on their way here, in the order in which they arrive
	answers  []time.Time // of the other one's kernel, the same
	gone     time.Time
	wrong    int // times that it was taken for dead
	asked    int
	suspects int
}

type letter struct {
	at  time.Time
	age time.Duration
}

// next is when something happens here.
func (s *side) next() time.Time {
	at := s.Due()
	if len(s.mail) > 0 && s.mail[0].at.Before(at) {
		at = s.mail[0].at
	}
	return at
}

// pairing is two routers and what is between them.
type pairing struct {
	air   *air
	sides [2]*side
	now   time.Time
}

func newPairing(a *air, phase time.Duration) *pairing {
	p := &pairing{air: a, now: epoch}
	p.sides[0] = &side{Machine: NewMachine(epoch, "backup", 50*ms, Care{})}
	p.sides[1] = &side{Machine: NewMachine(epoch.Add(phase), "main", 50*ms, Care{})}
	return p
}

func (p *pairing) until(end time.Time) {
	for {
		s, other := p.sides[0], p.sides[1]
		next, later := s.next(), other.next()
		if later.Before(next) {
			s, other, next = other, s, later
		}
		if next.After(end) {
			p.now = end
			return
		}
		p.now = next
		p.turn(s, other)
	}
}

// turn lets one thing happen, as a driver does it.
func (p *pairing) turn(s, other *side) {
	for len(s.mail) > 0 && !s.mail[0].at.After(p.now) {
		if !s.off {
			s.Hear(p.now, s.mail[0].age)
		}
		s.mail = s.mail[1:]
	}
	if s.Due().After(p.now) {
		return
	}
	asking := s.Asking()
	if !asking {
		s.answers = s.answers[:0]
	}
	if len(s.answers) > 0 && !s.answers[0].After(p.now) {
		s.answers = s.answers[:0]
		s.Answer(p.now)
	}
	do := s.Tick(p.now)
	if s.off {
		return
	}
	if at, arrives := p.air.passes(p.now); do.Beat && arrives {
		age := s.Age(p.now)
		if s.last.IsZero() {
			age = -1
		}
		other.mail = deliver(other.mail, letter{at, age})
	}
	if do.Ask {
		s.ask(p, other, asking)
	}
	if s.state == Gone && s.since.Equal(p.now) {
		s.gone = p.now
		s.wrong++
	}
}

// ask sends two ARP requests and an echo.
func (s *side) ask(p *pairing, other *side, asking bool) {
	if s.asked++; !asking {
		s.suspects++
	}
	for range 3 {
		there, arrives := p.air.passes(p.now)
		if !arrives || other.off {
			continue
		}
		if back, returns := p.air.passes(there); returns && (len(s.answers) == 0 || back.Before(s.answers[0])) {
			s.answers = append([]time.Time{}, back)
		}
	}
}

// deliver keeps the order of arrival; what was overtaken is refused there, as replayed.
func deliver(mail []letter, l letter) []letter {
	for len(mail) > 0 && mail[len(mail)-1].at.After(l.at) {
		mail = mail[:len(mail)-1]
	}
	return append(mail, l)
}

// TestNobodyIsBuriedAlive lets pairs live for a day on bad networks. No router may ever be taken for dead.
func TestNobodyIsBuriedAlive(t *testing.T) {
	for _, c := range []struct {
		name  string
		loss  float64
		jit   time.Duration
		burst time.Duration
	}{
		{"5 % loss", 0.05, 0, 0},
		{"5 % loss and jitter", 0.05, 30 * ms, 0},
		{"5 % loss, jitter and bursts", 0.05, 10 * ms, 60 * ms},
	} {
		for seed := uint64(1); seed <= 3; seed++ {
			t.Run(fmt.Sprintf("%s, seed %d", c.name, seed), func(t *testing.T) {
				t.Parallel()
				a := &air{rand: rand.New(rand.NewPCG(seed, 8)), loss: c.loss, jitter: c.jit, burst: c.burst, every: 20 * time.Second}
				life := 24 * time.Hour
				if seed > 1 || c.jit > 0 {
					life /= hurry
				}
				p := newPairing(a, 13*ms)
				p.until(epoch.Add(life))
				for _, s := range p.sides {
					if v := s.View(); s.wrong > 0 || v.State != Alive {
						t.Errorf("taken for dead at %s; now %s, %q", s.gone.Sub(epoch), v.State, v.Reason)
					}
					if s.suspects < int(100*life/time.Hour) {
						t.Errorf("only %d suspicions: the network is too good for this test", s.suspects)
					}
				}
				t.Logf("%s: %d and %d suspicions, %d and %d rounds of questions, %d bursts, taken for dead 0 times",
					life, p.sides[0].suspects, p.sides[1].suspects, p.sides[0].asked, p.sides[1].asked, a.bursts)
			})
		}
	}
}

// TestPowerCut takes the power at every moment between two beats. The survivor must know in time to be felt for a quarter of a second.
func TestPowerCut(t *testing.T) {
	const limit = 215 * ms
	for _, c := range []struct {
		loss float64
		jit  time.Duration
	}{{0, 0}, {0, 5 * ms}, {0.05, 5 * ms}} {
		least, most := time.Hour, time.Duration(0)
		for i := range 2000 {
			a := &air{rand: rand.New(rand.NewPCG(uint64(i), 9)), loss: c.loss, jitter: c.jit}
			p := newPairing(a, time.Duration(i*7919%50000)*time.Microsecond)
			p.until(epoch.Add(2*time.Second + time.Duration(i)*50*ms/2000))
			cut := p.now
			p.sides[1].off = true
			p.until(cut.Add(time.Second))
			took := p.sides[0].gone.Sub(cut)
			if p.sides[0].gone.IsZero() || took > limit {
				t.Fatalf("phase %d, loss %v: gone %s after the power cut, limit %s", i, c.loss, took, limit)
			}
			least, most = min(least, took), max(most, took)
		}
		t.Logf("loss %v, jitter %s: gone %s to %s after the power cut, in 2000 phases", c.loss, c.jit, least, most)
	}
}

// TestMistakesAreLearnedFrom has pairs live on a network that is silent for up to 150 ms at a time, as long as a verdict takes: nobody can tell that
// from death at first.
func TestMistakesAreLearnedFrom(t *testing.T) {
	const few = 3
	for seed := uint64(1); seed <= 3; seed++ {
		const life = 24 * time.Hour / hurry
		a := &air{rand: rand.New(rand.NewPCG(seed, 8)), loss: 0.05, jitter: 10 * ms, burst: 150 * ms, every: 20 * time.Second}
		p := newPairing(a, 13*ms)
		p.until(epoch.Add(life))
		for _, s := range p.sides {
			if s.wrong > few || s.View().State != Alive {
				t.Errorf("seed %d: taken for dead %d times in one life, the last time at %s", seed, s.wrong, s.gone.Sub(epoch))
			}
		}
		t.Logf("seed %d: %s, %d bursts of up to 150 ms: taken for dead %d and %d times", seed, life, a.bursts, p.sides[0].wrong, p.sides[1].wrong)
	}
}
