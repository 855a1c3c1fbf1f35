package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/pair/handover"
)

// fakeDiverter is a kernel that notes what it is asked for.
type fakeDiverter struct {
	mu     sync.Mutex
	asked  []string
	refuse int           // so many calls fail
	slow   time.Duration // of each piece of a list
	have   handover.Mode
}

func (f *fakeDiverter) say(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse > 0 {
		f.refuse--
		f.asked = append(f.asked, "refused "+fmt.Sprintf(format, args...))
		return errors.New("device or resource busy")
	}
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
	return nil
}

// said is what the kernel was asked for since the last time.
func (f *fakeDiverter) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := strings.Join(f.asked, ", ")
	f.asked = nil
	return all
}

func (f *fakeDiverter) Divert(d handover.Diversion) (bool, error) {
	if err := f.say("%s", d.Mode); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	made := f.have == handover.None && d.Mode != handover.None
	f.have = d.Mode
	return made, nil
}

func (f *fakeDiverter) mode() handover.Mode {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.have
}

func (f *fakeDiverter) list(name string, c flow.Change) error {
	time.Sleep(f.slow)
	return f.say("%s %t +%d -%d", name, c.Anew, len(c.Begun), len(c.Ended))
}

func (f *fakeDiverter) DivertKept(c flow.Change) error { return f.list("kept", c) }
func (f *fakeDiverter) DivertOwn(c flow.Change) error  { return f.list("own", c) }

// someFlows are n flows, all different.
func someFlows(n int) []flow.Flow {
	all := make([]flow.Flow, n)
	for i := range all {
		from := netip.AddrFrom4([4]byte{192, 168, byte(i >> 16), byte(i >> 8)})
		all[i] = flow.Of(6, netip.AddrPortFrom(from, uint16(1024+i%256)), netip.MustParseAddrPort("198.51.100.1:443"))
	}
	return all
}

// handsAtWork runs hands with a fake kernel until the test ends.
func handsAtWork(t *testing.T, kernel *fakeDiverter) (h *hands, done func() []handsDone) {
	t.Helper()
	var mu sync.Mutex
	var all []handsDone
	ctx, cancel := context.WithCancel(t.Context())
	h = newHands(kernel, func(d handsDone) { mu.Lock(); defer mu.Unlock(); all = append(all, d) }, slog.New(slog.DiscardHandler))
	ended := make(chan struct{})
	go func() { defer close(ended); _ = h.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return h, func() []handsDone { mu.Lock(); defer mu.Unlock(); return all }
}

func wantSaid(t *testing.T, kernel *fakeDiverter, want string) {
	t.Helper()
	synctest.Wait()
	if got := kernel.said(); got != want {
		t.Errorf("the kernel was asked for %q, want %q", got, want)
	}
}

var listedWay = handover.Diversion{Mode: handover.Listed, Partner: "02:00:00:00:00:03"}

func TestHandsLoadLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kernel := &fakeDiverter{}
		h, done := handsAtWork(t, kernel)
		wantSaid(t, kernel, "none") // whatever an earlier run left
		h.want(listedWay)
		h.put(flow.Change{Anew: true, Begun: someFlows(flow.Piece + 1)}, false, 7)
		h.put(flow.Change{Begun: someFlows(2)}, true, 0)
		wantSaid(t, kernel, fmt.Sprintf("listed, kept true +%d -0, kept false +1 -0, own false +2 -0", flow.Piece))
		last := done()
		if len(last) != 5 || !last[1].made || last[2].piece.ticket != 0 || last[3].piece.ticket != 7 || last[3].piece.own {
			t.Errorf("told of %+v", last)
		}
		h.put(flow.Change{Anew: true}, false, 8)
		wantSaid(t, kernel, "kept true +0 -0")
		if last = done(); last[len(last)-1].piece.ticket != 8 {
			t.Error("an empty list is never loaded")
		}
		h.want(listedWay)
		wantSaid(t, kernel, "")
		h.check()
		wantSaid(t, kernel, "listed")
	})
}

// A router that is found dead gets nothing more, whatever is still to be loaded.
func TestHandsStopAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kernel := &fakeDiverter{slow: 20 * time.Millisecond}
		h, _ := handsAtWork(t, kernel)
		h.want(listedWay)
		h.put(flow.Change{Anew: true, Begun: someFlows(20 * flow.Piece)}, false, 1)
		time.Sleep(50 * time.Millisecond)
		kernel.said()
		began := time.Now()
		var took time.Duration
		h.then(func() {}) // comes when what is wanted by now is so
		h.want(handover.Diversion{})
		h.then(func() { took = time.Since(began) })
		time.Sleep(time.Second)
		wantSaid(t, kernel, "kept false +4096 -0, none")
		if took > kernel.slow {
			t.Errorf("the kernel still sent there after %s", took)
		}
	})
}

// What the kernel refuses is tried again, and nobody waits for a list that it does not take.
func TestHandsTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kernel := &fakeDiverter{refuse: 2}
		h, done := handsAtWork(t, kernel)
		synctest.Wait()
		h.want(listedWay)
		time.Sleep(3 * retry)
		wantSaid(t, kernel, "refused none, refused listed, listed")
		kernel.refuse = 1
		h.put(flow.Change{Anew: true, Begun: someFlows(3)}, false, 4)
		time.Sleep(3 * retry)
		wantSaid(t, kernel, "refused kept true +3 -0, listed")
		ticket := handover.Ticket(0)
		for _, d := range done() {
			ticket = max(ticket, d.piece.ticket)
		}
		if ticket != 4 {
			t.Errorf("the last list that was told of is %d, want 4", ticket)
		}
	})
}

// A kernel that refuses for hours, for it lacks a module perhaps, is neither asked with each piece of a list nor do the pieces pile up.
func TestHandsGiveNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kernel := &fakeDiverter{}
		h, done := handsAtWork(t, kernel)
		wantSaid(t, kernel, "none")
		kernel.refuse = 3
		h.want(listedWay)
		for range 25 {
			time.Sleep(100 * time.Millisecond)
			h.put(flow.Change{Begun: someFlows(2)}, false, 0)
		}
		wantSaid(t, kernel, "refused listed, refused listed, refused listed")
		h.mu.Lock()
		if n := len(h.pieces); n > 0 {
			t.Errorf("%d pieces wait for a kernel that takes none", n)
		}
		h.mu.Unlock()
		time.Sleep(retry)
		wantSaid(t, kernel, "listed")
		if all := done(); !all[len(all)-1].made {
			t.Error("nobody hears that lists are to be loaded again")
		}
	})
}
