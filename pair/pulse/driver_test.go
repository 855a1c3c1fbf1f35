package pulse

import (
	"testing"
	"testing/synctest"
	"time"
)

// pair runs f with two routers that hear each other for two seconds already.
func pair(t *testing.T, f func(t *testing.T, main, backup *box)) {
	synctest.Test(t, func(t *testing.T) {
		main, backup := newEther(t)
		begin(1, main, backup)
		time.Sleep(2 * time.Second)
		main.shows(t, Alive, "")
		backup.shows(t, Alive, "")
		f(t, main, backup)
	})
}

// within waits until a box shows a state, and returns how long it took.
func (b *box) within(t *testing.T, limit time.Duration, s State) time.Duration {
	t.Helper()
	start := time.Now()
	for b.view().State != s {
		if time.Since(start) > limit {
			t.Fatalf("%s: not %s within %s but %+v", b.own, s, limit, b.view())
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(start)
}

func TestPairLives(t *testing.T) {
	pair(t, func(t *testing.T, main, backup *box) {
		time.Sleep(time.Hour)
		for _, b := range []*box{main, backup} {
			b.shows(t, Alive, "")
			c := b.Counts()
			if c.Sent < 72000 || c.Heard < 72000 || c.Forged+c.Replayed+c.Strange+c.Asked > 0 {
				t.Errorf("%+v", c)
			}
			if b.had(Gone) || b.had(Deaf) || len(b.views) > 4 {
				t.Error(b.views)
			}
		}
	})
}

func TestPairLosesPower(t *testing.T) {
	pair(t, func(t *testing.T, main, backup *box) {
		main.do(func() { main.off = true })
		took := backup.within(t, 215*ms, Gone)
		t.Log("gone after", took)
		backup.shows(t, Gone, "main gives no sign of life and answers nothing")
		main.kill()
		backup.End(false)
		time.Sleep(time.Minute)
		backup.shows(t, Gone, "main gives no sign of life and answers nothing")
		main.do(func() { main.off = false })
		time.Sleep(2100 * ms)
		backup.shows(t, Gone, "main answers again, and gives no sign of life: it has been started anew")
		main.start(t)
		begin(2, main, backup)
		backup.within(t, 300*ms, Alive)
	})
}

// A program that is killed is not missed as long as its box answers; then it is.
func TestPairLosesProgram(t *testing.T) {
	pair(t, func(t *testing.T, main, backup *box) {
		main.kill()
		backup.End(false)
		time.Sleep(time.Minute)
		backup.shows(t, Alive, "main answers, but Twinpath there does not")
		if backup.had(Gone) {
			t.Error(backup.views)
		}
		main.do(func() { main.off = true })
		backup.within(t, 1100*ms, Gone)
	})
}

// A connection that ends takes no signs of life with it.
func TestPairLosesLink(t *testing.T) {
	pair(t, func(t *testing.T, main, backup *box) {
		main.End(false)
		backup.End(false)
		time.Sleep(time.Minute)
		main.shows(t, Alive, "")
		backup.shows(t, Alive, "")
		main.do(func() { main.off = true })
		backup.within(t, 215*ms, Gone)
	})
}

// Who says good-bye is not expected to give signs of life.
func TestPairEnds(t *testing.T) {
	pair(t, func(t *testing.T, main, backup *box) {
		backup.End(true)
		main.do(func() { main.off = true })
		time.Sleep(time.Minute)
		backup.shows(t, Unknown, "main has ended the link by its own word")
		if backup.had(Gone) || backup.Counts().Asked > 0 || backup.wire != nil {
			t.Error(backup.views)
		}
	})
}

// One direction that is dead is named on both ends, and nobody is gone.
func TestPairIsHalfDeaf(t *testing.T) {
	pair(t, func(t *testing.T, main, backup *box) {
		main.do(func() { main.ether.cut[main.own] = true })
		backup.within(t, 1100*ms, Deaf)
		backup.shows(t, Deaf, "the signs of life of main do not reach this router, though it answers")
		main.within(t, 100*ms, Deaf)
		main.shows(t, Deaf, "what this router sends does not reach backup")
		time.Sleep(time.Hour)
		if backup.had(Gone) || main.had(Gone) {
			t.Error(backup.views, main.views)
		}
		main.do(func() { main.ether.cut[main.own] = false })
		backup.within(t, 300*ms, Alive)
		main.within(t, 300*ms, Alive)
		main.do(func() { main.off = true })
		backup.within(t, 215*ms, Gone)
	})
}

// Whoever plays back what was heard, or makes something up, keeps nobody alive.
func TestPairIsForged(t *testing.T) {
	pair(t, func(t *testing.T, main, backup *box) {
		main.do(func() { main.off = true })
		stop := time.Now().Add(215 * ms)
		old := backup.ether.seen
		for i := 0; time.Now().Before(stop); i++ {
			backup.do(func() {
				backup.wire.in <- old[i%len(old)]
				backup.wire.in <- make([]byte, beatSize)
				made := append([]byte{}, old[0]...)
				made[atNumber] = 1 // a number to come
				backup.wire.in <- made
			})
			time.Sleep(ms)
		}
		backup.shows(t, Gone, "main gives no sign of life and answers nothing")
		if c := backup.Counts(); c.Replayed < 70 || c.Forged < 150 || c.Strange < 150 {
			t.Errorf("%+v", c)
		}
	})
}

// A program that stood still first hears what has come in, and then asks.
func TestPairStandsStill(t *testing.T) {
	for _, still := range []time.Duration{50 * ms, 200 * ms, time.Second, time.Minute} {
		pair(t, func(t *testing.T, main, backup *box) {
			backup.do(func() { backup.stall = still })
			time.Sleep(still + 5*time.Second)
			main.shows(t, Alive, "")
			backup.shows(t, Alive, "")
			if backup.had(Gone) || main.had(Gone) {
				t.Error(backup.views, main.views)
			}
			backup.do(func() { backup.stall, main.off = still, true })
			backup.within(t, still+215*ms, Gone)
		})
	}
}

// Whose own cable is out, or was, does not know who is dead.
func TestPairLosesOwnLink(t *testing.T) {
	pair(t, func(t *testing.T, main, backup *box) {
		backup.do(func() { backup.down, backup.carrier = true, 1 })
		time.Sleep(time.Minute)
		backup.shows(t, Unknown, "this router's own link to the house is or was down")
		main.shows(t, Gone, "backup gives no sign of life and answers nothing")
		backup.do(func() { backup.down, backup.carrier = false, 2 })
		backup.within(t, 300*ms, Alive)
		main.within(t, 1300*ms, Alive)

		backup.do(func() { backup.carrier, main.off = 4, true }) // a moment, and the switch forwards nothing yet
		time.Sleep(time.Minute)
		backup.shows(t, Unknown, "this router's own link to the house is or was down")
		if backup.had(Gone) {
			t.Error(backup.views)
		}
	})
}

// Without signs of life there is neither a socket nor a verdict.
func TestPairWithoutBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		main, backup := newEther(t)
		s := session(1, "secret")
		s.Beat = 0
		main.Begin(s)
		time.Sleep(time.Hour)
		main.shows(t, Unknown, "signs of life are switched off")
		if main.opened+backup.opened > 0 {
			t.Error("sockets were opened")
		}
	})
}

// Sockets that cannot be opened are tried again.
func TestPairOpensLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		main, backup := newEther(t)
		main.do(func() { main.refuse = errNoDevice })
		begin(1, main, backup)
		time.Sleep(10 * time.Second)
		main.shows(t, Unknown, "signs of life cannot be sent")
		if n := main.opened; n < 9 || n > 12 {
			t.Errorf("tried %d times in 10 s", n)
		}
		main.do(func() { main.refuse = nil })
		main.within(t, 1300*ms, Alive)
		backup.within(t, time.Second, Alive)
	})
}

// A session's numbers are used once, even over other sockets: they are nonces.
func TestNumbersAreUsedOnce(t *testing.T) {
	pair(t, func(t *testing.T, main, backup *box) {
		backup.kill() // only main's are on the network from here on
		from := len(main.ether.seen)
		w := main.way()
		w.Index = 3
		main.Use(w)
		time.Sleep(time.Second)
		main.Use(main.way())
		time.Sleep(time.Second)
		main.End(false)
		time.Sleep(time.Second)
		all := main.ether.numbers(from, 1<<30, 1)
		for n, times := range all {
			if times > 1 || n <= 30 {
				t.Errorf("number %d was used %d times", n, times)
			}
		}
		if len(all) < 40 {
			t.Errorf("%d beats in 3 s", len(all))
		}
		if main.opened != 3 {
			t.Errorf("sockets were opened %d times", main.opened)
		}
	})
}
