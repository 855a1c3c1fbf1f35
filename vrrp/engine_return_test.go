package vrrp

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestRemovedByMistakeAndBack(t *testing.T) {
	for _, after := range []time.Duration{time.Millisecond, 100 * time.Millisecond, 700 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			pair(t, func(t *testing.T, h *hub, main, backup *running) {
				main.Set(Wanted{})
				time.Sleep(after)
				main.Set(wish(100))
				for range 3000 {
					if !main.host.holds(gateway) && !backup.host.holds(gateway) {
						t.Fatal("nobody holds the address")
					}
					time.Sleep(time.Millisecond)
					synctest.Wait()
				}
				if a, b := main.election(IPv4), backup.election(IPv4); a.State != Active || b.Changes != 1 {
					t.Errorf("main is %s, the backup has changed %d times", a.State, b.Changes)
				}
			})
		})
	}
}

func TestAHAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hub{deaf: map[string]bool{}}
		fast := func(w *Wish) {
			w.Version, w.Auth = 2, Auth{Kind: AH, Keys: map[uint8][]byte{0: []byte("s3cret")}}
		}
		main, backup := h.add("main", 2).start(t), h.add("backup", 3).start(t)
		main.Set(wish(100, fast))
		backup.Set(wish(50, fast))
		time.Sleep(time.Minute)
		status, _ := main.Status()
		past := status.Past() // a little old
		time.Sleep(1900 * time.Millisecond)
		main.end(t)
		again := main.host.start(t, past...)
		again.Set(wish(100, fast))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if e := backup.election(IPv4); e.Changes != 1 || len(e.Rejected) > 0 {
			t.Errorf("the backup has changed %d times, rejected: %v", e.Changes, e.Rejected)
		}
	})
}

func TestUnicastPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hub{deaf: map[string]bool{}}
		to := func(peer string) func(*Wish) {
			return func(w *Wish) { w.Peers = []netip.Addr{netip.MustParseAddr(peer)} }
		}
		main, backup := h.add("main", 2).start(t), h.add("backup", 3).start(t)
		main.Set(wish(100, to("192.168.1.3")))
		backup.Set(wish(50, to("192.168.1.2")))
		time.Sleep(15 * time.Second) // the status may be five of them old
		synctest.Wait()
		if a, b := main.election(IPv4), backup.election(IPv4); a.State != Active || b.State != Backup || b.Received < 3 {
			t.Fatalf("main is %s, backup %s after %d adverts: %v", a.State, b.State, b.Received, b.Rejected)
		}
		main.Set(wish(40, to("192.168.1.3")))
		within(t, 2*time.Second, "the better one serves", func() bool { return backup.host.holds(gateway) && !main.host.holds(gateway) })
	})
}

// deafWire fails at once, each time it is asked.
type deafWire struct{ *fakeWire }

func (deafWire) Receive([]byte) (int, error) { return 0, errors.New("network is down") }

type deafHost struct {
	*troubled
	opens int
}

func (k *deafHost) Open(device string) (Wire, error) {
	k.opens++
	w, err := k.troubled.Open(device)
	if err != nil {
		return nil, err
	}
	return deafWire{w.(*fakeWire)}, nil
}

func TestWireThatFailsAtOnceIsNotOpenedAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &deafHost{troubled: &troubled{host: (&hub{}).add("main", 2)}}
		e := NewEngine(k, nil, nil, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- e.Run(ctx) }()
		e.Set(wish(100))
		time.Sleep(20 * time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if k.opens < 10 || k.opens > 30 {
			t.Errorf("it was opened %d times in 20 s", k.opens)
		}
	})
}

func TestVRIDMovesToAnotherSection(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		start := time.Now()
		main.Set(Wanted{Routers: append(
			wish(100, func(w *Wish) { w.Name, w.Addresses = "other", []netip.Prefix{netip.MustParsePrefix("192.168.1.77/24")} }).Routers,
			wish(100, func(w *Wish) { w.ID = 52 }).Routers...)})
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if slices.Contains(h.adverts("main", 51, start), 0) {
			t.Error("VRID 51 has given up, though it is wanted")
		}
		if !main.host.holds("192.168.1.77/24") || !main.host.holds(gateway) {
			t.Errorf("it holds %+v", main.host.here)
		}
	})
}
