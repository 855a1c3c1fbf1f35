package advert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdlayher/ndp"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// fake is a Line in memory.
type fake struct {
	bench *bench
	heard chan Heard
	cut   chan struct{}
	close sync.Once
}

func (f *fake) Receive() (netip.Addr, []byte, error) {
	select {
	case h := <-f.heard:
		return h.From, h.Message, nil
	case <-f.cut:
		return netip.Addr{}, nil, errors.New("the socket is closed")
	}
}

func (f *fake) Send(frame []byte) error {
	f.bench.note("%s", describe(f.bench.t, packetOf(frame)))
	return f.bench.refusal()
}

// packetOf is the packet in a frame.
func packetOf(frame []byte) Packet {
	ip := frame[14:]
	return Packet{From: netip.AddrFrom16([16]byte(ip[8:])), To: netip.AddrFrom16([16]byte(ip[24:])), ToMAC: frame[:6], FromMAC: frame[6:12], Message: ip[40:]}
}

func (f *fake) Close() error {
	f.bench.note("close")
	f.close.Do(func() { close(f.cut) })
	return nil
}

// bench is a Sender whose line is a fake, and what happened to it.
type bench struct {
	*Sender
	t      *testing.T
	mu     sync.Mutex // of what follows: synctest orders it, but the race detector does not see how
	notes  []string
	line   *fake
	cannot error // send or open
	shown  router.HouseView
}

func newBench(t *testing.T, state string) *bench {
	b := &bench{t: t}
	open := func(device string) (Line, error) {
		b.note("open %s", device)
		if err := b.refusal(); err != nil {
			return nil, err
		}
		b.line = &fake{bench: b, heard: make(chan Heard), cut: make(chan struct{})}
		return b.line, nil
	}
	show := func(v router.HouseView) { b.mu.Lock(); defer b.mu.Unlock(); b.shown = v }
	b.Sender = New(state, open, func(e router.Event) { b.note("%s", e.Sentence) }, show, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

func (b *bench) refusal() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cannot
}

func (b *bench) refuses(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cannot = err
}

func (b *bench) view() router.HouseView {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shown
}

// expect claims everything that happened since the last time.
func (b *bench) expect(want ...string) {
	b.t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.notes, want) {
		b.t.Errorf("got  %q\nwant %q", b.notes, want)
	}
	b.notes = nil
}

// forget claims whatever happened within a time.
func (b *bench) forget(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes = nil
}

// fresh is a line whose delegation is renewed as long as the test looks.
func fresh(name, delegated string, use bool) router.WANSnapshot {
	w := line(name, delegated, use)
	w.Lease6.Prefixes[0].Preferred, w.Lease6.Prefixes[0].Valid = time.Time{}, time.Time{}
	return w
}

const (
	works = "fe80::aa > ff02::1 router 3m0s, " + f + " 45m0s/1h30m0s"
)

func TestTheSenderShoutsAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir())
		b.expect()
		b.Want(For(alone(), house(), with(fresh("fibre", fibre, true))))
		b.expect("open lan0", works)
		if v := b.view(); !v.Advertise || !v.Default6 || !slices.Equal(v.Prefixes, []string{f}) || v.Router6 != own {
			t.Errorf("it shows %+v", v)
		}
		time.Sleep(2 * time.Second)
		b.expect(works, works)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := len(b.notes); n < 5 || n > 10 {
			t.Errorf("%d adverts in five minutes", n)
		}
		b.forget(time.Millisecond)
		b.Want(For(alone(), house(), with(fresh("fibre", fibre, false))))
		b.expect("fe80::aa > ff02::1 router 0s, " + f + " 0s/1h30m0s")
		b.forget(2 * time.Second)
		b.Want(Wanted{})
		synctest.Wait()
		if n := len(b.notes); n != 2 || !strings.Contains(b.notes[0], "router 0s") || b.notes[1] != "close" {
			t.Errorf("switched off: %q", b.notes)
		}
		b.forget(time.Hour)
	})
}

func TestTheEndOfTheDaemonIsNotAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		b := &bench{t: t}
		b.Sender = New(state, func(string) (Line, error) {
			b.line = &fake{bench: b, heard: make(chan Heard), cut: make(chan struct{})}
			return b.line, nil
		}, func(router.Event) {}, func(router.HouseView) {}, slog.New(slog.DiscardHandler))
		ended := make(chan error)
		go func() { ended <- b.Run(ctx) }()
		b.Want(For(alone(), house(), with(fresh("fibre", fibre, true))))
		b.expect(works)
		cancel()
		must(t, <-ended)
		b.expect("close")
	})
}

func TestTheSenderAnswersAndHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir())
		b.Want(For(alone(), house(), with(fresh("fibre", fibre, true))))
		b.forget(5 * time.Second)
		raw, err := ndp.MarshalMessage(&ndp.RouterSolicitation{Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: hardware(t, peerMAC)}}})
		must(t, err)
		b.line.heard <- Heard{From: address("fe80::1:1"), Message: raw}
		time.Sleep(answerPause)
		b.expect(strings.Replace(works, "ff02::1", "fe80::1:1", 1))
	})
}

func TestASocketThatBreaksIsOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir())
		b.Want(For(alone(), house(), with(fresh("fibre", fibre, true))))
		b.forget(5 * time.Second)
		b.refuses(errors.New("no such device"))
		b.line.close.Do(func() { close(b.line.cut) })
		b.expect("close")
		time.Sleep(4 * time.Second)
		b.expect("open lan0", "open lan0") // after 1 and 3 s
		b.refuses(nil)
		time.Sleep(4 * time.Second)
		b.expect("open lan0")
		b.forget(time.Minute)
		moved := house()
		moved.Index, moved.Name = 8, "lan1"
		b.Want(For(alone(), moved, with(fresh("fibre", fibre, true))))
		b.expect("close", "open lan1", works)
	})
}

func TestAfterAPowerCutWithAnotherPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := t.TempDir()
		b := newBench(t, state)
		b.Want(For(alone(), house(), with(fresh("fibre", fibre, true))))
		b.forget(48 * time.Hour)
		text, err := os.ReadFile(File(state))
		must(t, err)

		after := t.TempDir()
		must(t, os.WriteFile(File(after), text, 0o600))
		c := newBench(t, after)
		c.Want(For(alone(), house(), with(fresh("fibre", "2001:db8:99::/56", true))))
		c.expect("open lan0", "fe80::aa > ff02::1 router 3m0s, "+pp+" 45m0s/1h30m0s, "+f+" 0s/1h30m0s")
		b.forget(0)
	})
}

// Somebody plays the other router of the pair, and makes up a prefix each time.
func TestFalseAdvertsDoNotWearOutTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := t.TempDir()
		b := newBench(t, state)
		b.Want(For(paired(), house(), elected(vrrp.Backup, vrrp.Backup)))
		synctest.Wait()
		written := 0
		var last os.FileInfo
		for i := range 200 {
			p := prefix("2001:db8::/64").Addr().As16()
			p[7] = byte(i)
			raw, err := ndp.MarshalMessage(Advert{Life: time.Minute, Prefixes: []Told{{prefixOf(p), time.Hour, time.Hour}}, MAC: hardware(t, peerMAC)}.message())
			must(t, err)
			b.line.heard <- Heard{From: address(virtual), Message: raw}
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if now, err := os.Stat(File(state)); err == nil && (last == nil || !os.SameFile(now, last)) {
				last = now
				written++
			}
		}
		if written < 1 || written > 3 {
			t.Errorf("written %d times in 20 s", written)
		}
		b.forget(writePause)
		text, err := os.ReadFile(File(state))
		must(t, err)
		if !strings.Contains(string(text), "2001:db8:0:c7::/64") {
			t.Errorf("the newest is not kept:\n%s", text)
		}
	})
}

func TestADiskThatIsFullStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "/proc/there/is/none")
		b.Want(For(alone(), house(), with(fresh("fibre", fibre, true))))
		b.expect("open lan0", works)
	})
}

func TestTheLatestWishWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir())
		for i := range 1000 {
			b.Want(For(alone(), house(), with(fresh("fibre", fibre, i%2 == 1))))
		}
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if last := b.notes[len(b.notes)-1]; last != works {
			t.Errorf("the last word is %q", last)
		}
		b.forget(0)
	})
}
