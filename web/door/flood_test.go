package door

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoff(t *testing.T) {
	var b backoff
	now := noon
	for range freeTries {
		if _, err := b.charge(now, "desk"); err != nil {
			t.Fatalf("a free try: %v", err)
		}
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		want *= time.Second
		_, err := b.charge(now, "desk")
		if wait := (Wait{}); !errors.As(err, &wait) || wait.After != want {
			t.Fatalf("%v, want to wait %s", err, want)
		}
		if _, err := b.charge(now.Add(want-1), "desk"); err == nil {
			t.Fatalf("a moment before %s are over it may try", want)
		}
		now = now.Add(want)
		if _, err := b.charge(now, "desk"); err != nil {
			t.Fatalf("after %s: %v", want, err)
		}
	}
	if _, err := b.charge(now, "kitchen"); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if _, err := b.charge(now.Add(forgotten+1), "desk"); err != nil {
		t.Errorf("after an hour: %v", err)
	}
	b.forgive("desk")
	for i := range 2 * sources {
		if _, err := b.charge(now, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.byName) != sources || b.recent.Len() != sources {
		t.Errorf("%d remembered, %d in order", len(b.byName), b.recent.Len())
	}
}

func TestHouse(t *testing.T) {
	for address, want := range map[string]string{
		"192.168.1.20": "192.168.1.20", "::ffff:192.168.1.20": "192.168.1.20",
		"fd00:1:2:3:4:5:6:7": "fd00:1:2:3::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := house(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
	}
	house(netip.Addr{}) // of a page's process that does not say
}

// TestAThousandAtOnce has one source send everything before the first answer.
func TestAThousandAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome()
		h.slow = 100 * time.Millisecond
		answers := make(chan error, 1000)
		for i := range 1000 {
			go func() {
				_, err := h.Enter(t.Context(), time.Now(), Knock{Password: fmt.Sprint(i), Source: desk})
				answers <- err
			}()
		}
		wrong := 0
		for range 1000 {
			if errors.Is(<-answers, ErrWrong) {
				wrong++
			}
		}
		if wrong != freeTries || h.asked != freeTries {
			t.Errorf("%d guesses answered, %d verified, want %d", wrong, h.asked, freeTries)
		}
	})
}

// flood has so many sources guess in turn, a thousand times a second, until ctx ends. A verification takes a tenth of a second.
func flood(ctx context.Context, h *home, sources int) {
	for i := 0; ctx.Err() == nil; i++ {
		source := netip.AddrFrom4([4]byte{10, 0, byte(i % sources >> 8), byte(i % sources)})
		go func() { _, _ = h.Enter(ctx, time.Now(), Knock{Password: "guess", Source: source}) }()
		time.Sleep(999 * time.Microsecond)
	}
}

// owner tries until the door opens, as somebody does who waits as long as the page says. It returns how long that took.
func owner(t *testing.T, h *home, device string) (time.Duration, Session) {
	t.Helper()
	began := time.Now()
	for time.Since(began) < time.Hour {
		s, err := h.Enter(t.Context(), time.Now(), Knock{Password: "secret", Source: desk, Device: device})
		if err == nil {
			return time.Since(began), s
		}
		var wait Wait
		if !errors.As(err, &wait) {
			t.Fatal(err)
		}
		time.Sleep(wait.After)
	}
	t.Fatal("an hour has passed")
	panic("unreachable")
}

// TestFlood is of a thousand guesses a second, from as many sources as a house's network has addresses, and from many more.
func TestFlood(t *testing.T) {
	const strange = "" // no device that was inside before
	for name, c := range map[string]struct {
		sources  int
		restart  bool // nobody was inside since
		known    bool // the browser was inside before
		address  bool // somebody was, from its address
		atMost   time.Duration
		beginsAt time.Duration
	}{
		"known browser":                       {10000, false, true, true, 0, 0},
		"known browser, restart":              {10000, true, true, false, 100 * time.Millisecond, 0},
		"known address, restart":              {10000, true, false, true, 3 * time.Second, 0},
		"strange browser":                     {10000, false, false, false, 0, 0},
		"strange browser, restart, a network": {253, true, false, false, 5 * time.Second, 30 * time.Second},
		"the same, at once":                   {253, true, false, false, time.Minute, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newHome()
			h.slow = 100 * time.Millisecond
			_, s := owner(t, h, strange)
			if c.restart {
				h.proven = proven{}
			}
			if !c.address {
				h.book.Devices[0].From = "elsewhere"
			}
			if !c.known {
				s.Device = strange
			}
			ctx, cancel := context.WithCancel(t.Context())
			go flood(ctx, h, c.sources)
			time.Sleep(time.Second + c.beginsAt)
			took, _ := owner(t, h, s.Device)
			t.Logf("%s: %s", name, took)
			if took > c.atMost {
				t.Errorf("%s waits %s, more than %s", name, took, c.atMost)
			}
			cancel()
			time.Sleep(time.Second) // for the last of the flood
		})
	}
}

// TestWhoGoesAwayHasTried gives up each login before its answer, which would else be a way to keep the verifier busy.
func TestWhoGoesAwayHasTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome()
		h.Verify = func(ctx context.Context, _, _ string) (bool, error) { <-ctx.Done(); return false, ctx.Err() }
		for range freeTries {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if _, err := h.Enter(ctx, time.Now(), Knock{Password: "guess", Source: desk}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			cancel()
		}
		var wait Wait
		if _, err := h.Enter(t.Context(), time.Now(), Knock{Password: "guess", Source: desk}); !errors.As(err, &wait) {
			t.Errorf("after %d: %v", freeTries, err)
		}
	})
}

// TestTurnsGoToWhoGuessedLeast fills the queue from one place: whoever has guessed less is next.
func TestTurnsGoToWhoGuessedLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q turns
		if err := q.take(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		order := make(chan int, 100)
		crowd := make(chan error, 100)
		wait := func(wrong int) {
			go func() {
				if err := q.take(t.Context(), wrong); err != nil {
					crowd <- err
					return
				}
				order <- wrong
				q.leave()
			}()
			synctest.Wait()
		}
		for range waiters {
			wait(4)
		}
		wait(4)
		if err := <-crowd; !errors.Is(err, crowded) {
			t.Errorf("the seventeenth: %v", err)
		}
		wait(0)
		if err := <-crowd; !errors.Is(err, crowded) {
			t.Errorf("the last of them: %v", err)
		}
		q.leave()
		synctest.Wait()
		if first := <-order; first != 0 || len(order) != waiters-1 || q.busy {
			t.Errorf("the first is one with %d guesses, %d others, busy %t", first, len(order), q.busy)
		}
	})
}

func TestTurnGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q turns
		_ = q.take(t.Context(), 0)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { gone <- q.take(ctx, 0) }()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) || len(q.waiting) != 0 {
			t.Errorf("%v, %d waiting", err, len(q.waiting))
		}
		q.leave()
		if q.busy {
			t.Error("nobody's turn, and busy")
		}
	})
}
