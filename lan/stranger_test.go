package lan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

// street is a house whose DHCP servers the test sets, and what its lookout said of them.
type street struct {
	*Lookout
	t *testing.T

	mu      sync.Mutex
	servers []router.Stranger
	err     error
	looks   int
	notes   []string
}

func newStreet(t *testing.T) *street {
	s := &street{t: t}
	look := func(_ context.Context, device string) ([]router.Stranger, error) {
		time.Sleep(4 * time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.looks++
		return append([]router.Stranger{}, s.servers...), s.err
	}
	note := func(e router.Event) { s.mu.Lock(); s.notes = append(s.notes, e.Sentence); s.mu.Unlock() }
	s.Lookout = NewLookout(look, note, func() {}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return s
}

func (s *street) has(servers ...router.Stranger) { s.mu.Lock(); s.servers = servers; s.mu.Unlock() }

func (s *street) fails(err error) { s.mu.Lock(); s.err = err; s.mu.Unlock() }

// after waits, and says what is known then.
func (s *street) after(d time.Duration, want string, notes ...string) {
	s.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	stranger, looked := s.View("lan0")
	got := "not looked"
	if stranger != nil {
		got = stranger.Server.String()
	} else if looked {
		got = "nobody"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got != want || fmt.Sprint(s.notes) != fmt.Sprint(notes) {
		s.t.Errorf("%s, %q; want %s, %q", got, s.notes, want, notes)
	}
	s.notes = nil
}

var (
	fritz  = router.Stranger{Server: address("192.168.1.9"), MAC: "02:00:00:00:00:99", Offers: address("192.168.1.33")}
	mine   = router.Stranger{Server: address("192.168.1.3"), MAC: "02:00:00:00:00:03"}
	inLan0 = Watched{Device: "lan0", Carrier: true, Ours: []netip.Addr{address("192.168.1.2"), address("192.168.1.3")}}
)

const (
	appeared = "Another DHCP server answers in the house: 192.168.1.9 (02:00:00:00:00:99). This router hands out no addresses as long as it does, and still answers names. " +
		"Keep one of the two: switch the other one's DHCP server off, or take dhcp out of [lan] here."
	wentAway = "The other DHCP server in the house, 192.168.1.9, does not answer any more: this router may hand out addresses again."
)

func TestAnotherServerIsFoundAndGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet(t)
		s.has(mine)
		s.Want(inLan0)
		s.after(3*time.Second, "not looked")
		s.after(2*time.Second, "nobody")
		s.has(mine, fritz)
		s.after(lookEvery+5*time.Second, "192.168.1.9", appeared)
		s.after(10*time.Minute, "192.168.1.9")
		s.has(mine)
		s.after(40*time.Second, "192.168.1.9") // it is busy once
		s.has(mine, fritz)
		s.after(15*time.Second, "192.168.1.9")
		s.has(mine)
		s.after(lookAgain+lookOnce+10*time.Second, "nobody", wentAway)
		s.mu.Lock()
		before := s.looks
		s.mu.Unlock()
		s.after(time.Hour, "nobody")
		if n := s.looks - before; n < 10 || n > 12 {
			t.Errorf("%d looks in an hour", n)
		}
	})
}

func TestACablePutInIsLookedAlongAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet(t)
		dark := inLan0
		dark.Carrier = false
		s.has(fritz)
		s.Want(dark)
		s.after(time.Hour, "not looked")
		s.Want(inLan0)
		s.after(5*time.Second, "192.168.1.9", appeared)
		s.has()
		s.Want(dark)
		s.after(time.Hour, "192.168.1.9")
		s.Want(inLan0)
		s.after(5*time.Second, "192.168.1.9")
		s.after(2*time.Minute, "nobody", wentAway)
	})
}

func TestAHouseThatCannotBeLookedAtIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet(t)
		s.fails(errors.New("operation not permitted"))
		s.Want(inLan0)
		s.after(10*time.Second, "not looked")
		s.after(30*time.Second, "nobody")
		s.fails(nil)
		s.has(fritz)
		s.after(2*time.Minute, "192.168.1.9", appeared)
		s.Want(Watched{})
		s.after(time.Hour, "not looked")
	})
}
