package vrrp

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

// troubled is a host whose kernel refuses things for a while.
type troubled struct {
	*host
	mu                  sync.Mutex
	open, hold, devices error
}

func (k *troubled) set(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

func (k *troubled) Open(device string) (Wire, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open != nil {
		return nil, k.open
	}
	return k.host.Open(device)
}

func (k *troubled) Hold(all []Holding, refresh bool) ([]Holding, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	restored, err := k.host.Hold(all, refresh)
	return restored, errors.Join(err, k.hold)
}

func (k *troubled) Devices() ([]Device, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.devices != nil {
		return nil, k.devices
	}
	return k.host.Devices()
}

func (k *troubled) start(t *testing.T) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	e := NewEngine(k, func() packet.Stamp { return packet.StampOf(time.Now()) }, nil, slog.New(slog.DiscardHandler))
	r := &running{Engine: e, host: k.host, kill: cancel, done: make(chan error, 1)}
	go func() { r.done <- r.Run(ctx) }()
	t.Cleanup(func() { r.end(t) })
	return r
}

// solitary runs f with one engine that is Active, whatever its kernel does later.
func solitary(t *testing.T, f func(t *testing.T, h *hub, k *troubled, r *running)) {
	synctest.Test(t, func(t *testing.T) {
		h := &hub{deaf: map[string]bool{}}
		k := &troubled{host: h.add("main", 2)}
		r := k.start(t)
		r.Set(wish(100))
		time.Sleep(proof + 6*time.Second)
		synctest.Wait()
		if e := r.election(IPv4); e.State != Active {
			t.Fatalf("it is %s: %s", e.State, e.Reason)
		}
		f(t, h, k, r)
	})
}

func TestAnotherKindOfAuthenticationOnReload(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		secret := []byte("0123456789abcdef0123456789abcdef")
		for _, auth := range []Auth{{Kind: HMAC, Keys: map[uint8][]byte{1: secret}, Active: 1}, {}, {Kind: HMAC, Keys: map[uint8][]byte{2: secret}, Active: 2}, {}} {
			change := func(w *Wish) { w.Auth = auth }
			main.Set(wish(100, change))
			backup.Set(wish(50, change))
			time.Sleep(time.Second)
			synctest.Wait()
			before := backup.election(IPv4).Received
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if e := backup.election(IPv4); e.State != Backup || e.Received < before+4 {
				t.Fatalf("with %s the backup is %s and has accepted %d adverts in 5 s, rejected: %v", auth.Kind, e.State, e.Received-before, e.Rejected)
			}
		}
	})
}

func TestRouterThatIsWantedAgainMuchLaterListensFirst(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		main.end(t)
		again := main.host.start(t, Past{Place: Place{"lan0", 51, IPv4}, Active: true}) // left its address
		again.Set(Wanted{})
		time.Sleep(time.Hour)
		start := time.Now()
		again.Set(wish(10))
		time.Sleep(time.Second)
		synctest.Wait()
		if got := h.adverts("main", 51, start); len(got) > 0 {
			t.Errorf("it said %v without listening first", got)
		}
	})
}

func TestRouterThatWasBlockedAfterARestartListensFirst(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		main.end(t)
		again := main.host.start(t)
		w := wish(10)
		w.Routers[0].Fault = "a check fails"
		again.Set(w)
		time.Sleep(time.Minute)
		start := time.Now()
		again.Set(wish(10))
		time.Sleep(time.Second)
		synctest.Wait()
		if got := h.adverts("main", 51, start); len(got) > 0 {
			t.Errorf("it said %v without listening first", got)
		}
	})
}

func TestPastWithoutItsAddressesIsLongAgo(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		main.end(t)
		time.Sleep(10 * time.Second)
		main.host.change(func() { main.host.here = nil }) // expired
		again := main.host.start(t, Past{Place: Place{"lan0", 51, IPv4}, Active: true})
		start := time.Now()
		again.Set(wish(100, func(w *Wish) { w.Preempt = false }))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := h.adverts("main", 51, start); len(got) > 0 {
			t.Errorf("it said %v, though another has been Active for long", got)
		}
	})
}

func TestInterfaceMadeAnew(t *testing.T) {
	solitary(t, func(t *testing.T, h *hub, k *troubled, r *running) {
		start := time.Now()
		k.change(func() { k.host.devices[0].Index = 8 })
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		k.host.mu.Lock()
		defer k.host.mu.Unlock()
		if len(k.here) != 1 || k.here[0].Index != 8 {
			t.Errorf("it holds %+v, want the address on interface 8", k.here)
		}
		if h.announcements("main", start) == 0 {
			t.Error("the new interface's address was not announced")
		}
	})
}

func TestNewHardwareAddressIsAnnounced(t *testing.T) {
	solitary(t, func(t *testing.T, h *hub, k *troubled, r *running) {
		time.Sleep(20 * time.Second)
		start := time.Now()
		k.change(func() { k.host.devices[0].MAC[5] = 99 })
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		if h.announcements("main", start) == 0 {
			t.Error("hosts were not told of the new hardware address")
		}
	})
}

func TestVirtualMACOnReloadIsAnnounced(t *testing.T) {
	solitary(t, func(t *testing.T, h *hub, k *troubled, r *running) {
		time.Sleep(20 * time.Second)
		start := time.Now()
		r.Set(wish(100, func(w *Wish) { w.VirtualMAC = true }))
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		if h.announcements("main", start) == 0 {
			t.Error("hosts were not told of the virtual hardware address")
		}
	})
}

func TestOwnAddressAwayForAMoment(t *testing.T) {
	solitary(t, func(t *testing.T, h *hub, k *troubled, r *running) {
		for range 8 {
			time.Sleep(1700 * time.Millisecond)
			own := k.host.devices[0].Addresses
			start := time.Now()
			k.change(func() { k.host.devices[0].Addresses = nil })
			time.Sleep(grace - 500*time.Millisecond)
			synctest.Wait()
			if slices.Contains(h.adverts("main", 51, start), 0) {
				t.Fatalf("it gave up within %s", grace)
			}
			k.change(func() { k.host.devices[0].Addresses = own })
		}
		time.Sleep(1700 * time.Millisecond)
		start := time.Now()
		k.change(func() { k.host.devices[0].Addresses = nil })
		took := within(t, grace+100*time.Millisecond, "it gives up", func() bool { return slices.Contains(h.adverts("main", 51, start), 0) })
		if took < grace {
			t.Errorf("it gave up after %s", took)
		}
	})
}

func TestAddressThatCannotBeHeldKeepsNoOtherQuiet(t *testing.T) {
	solitary(t, func(t *testing.T, h *hub, k *troubled, r *running) {
		k.set(func() { k.hold = errors.New("add address fe80::1/64 dev wlan0: permission denied") })
		second := netip.MustParsePrefix("192.168.1.9/24")
		r.Set(Wanted{Routers: append(wish(100).Routers, wish(100, func(w *Wish) {
			w.ID, w.Name, w.Addresses = 52, "second", []netip.Prefix{second}
		}).Routers...)})
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if !k.holds(second.String()) {
			t.Fatal("the second router is not Active")
		}
		told := packet.AppendARP(nil, false, [6]byte{2, 0, 0, 0, 0, 2}, second.Addr())
		if !slices.ContainsFunc(h.seen, func(f seenFrame) bool { return slices.Equal(f.data, told) }) {
			t.Error("its address was never announced")
		}
	})
}

func TestInterfaceThatCannotBeOpenedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &troubled{host: (&hub{}).add("main", 2), open: errors.New("no buffer space available")}
		r := k.start(t)
		r.Set(wish(100))
		time.Sleep(time.Second)
		synctest.Wait()
		if e := r.election(IPv4); e.State != Waiting || e.Reason != "lan0 cannot be opened: no buffer space available" {
			t.Errorf("%s: %s", e.State, e.Reason)
		}
		k.set(func() { k.open = nil })
		within(t, proof+7*time.Second, "it is Active", func() bool { return r.election(IPv4).State == Active })
	})
}

func TestInterfacesThatCannotBeListedAreListedAgain(t *testing.T) {
	solitary(t, func(t *testing.T, h *hub, k *troubled, r *running) {
		k.set(func() { k.devices = errors.New("interrupted") })
		k.link(false)
		time.Sleep(time.Second)
		k.set(func() { k.devices = nil })
		within(t, 2*time.Second, "it knows that the link is gone", func() bool { return r.election(IPv4).State == Fault })
	})
}

func TestForEverEndsWithTheNextWish(t *testing.T) {
	for name, next := range map[string]Wanted{
		"fault":     wish(100, func(w *Wish) { w.Fault = "a check fails" }),
		"no router": {},
	} {
		t.Run(name, func(t *testing.T) {
			solitary(t, func(t *testing.T, h *hub, k *troubled, r *running) {
				w := wish(100, func(w *Wish) { w.Fault = "the daemon does not answer" })
				w.Keep = -1
				r.Set(w)
				time.Sleep(time.Minute)
				if !k.holds(gateway) {
					t.Fatal("the address has gone")
				}
				r.Set(next)
				within(t, 6*time.Second, "the address is given up", func() bool { return !k.holds(gateway) })
			})
		})
	}
}

func TestFaultAndAnotherGroupAtOnceIsNoSilentDeath(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		start := time.Now()
		main.Set(wish(100, func(w *Wish) { w.Group, w.Fault = "house", "a check fails" }))
		within(t, 850*time.Millisecond, "the backup serves", func() bool { return backup.host.holds(gateway) })
		if got := h.adverts("main", 51, start); len(got) == 0 || got[len(got)-1] != 0 {
			t.Errorf("main said %v, want priority 0 at the end", got)
		}
	})
}

func TestAnotherGroupIsNoTransition(t *testing.T) {
	solitary(t, func(t *testing.T, h *hub, k *troubled, r *running) {
		before := r.election(IPv4).Changes
		for _, group := range []string{"house", "", "home"} {
			r.Set(wish(100, func(w *Wish) { w.Group = group }))
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if e := r.election(IPv4); e.Changes != before || e.State != Active {
			t.Errorf("%d transitions because of group names, it is %s: %s", e.Changes-before, e.State, e.Reason)
		}
	})
}

func TestLinkThatIsBackMustProveItselfAgain(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		main.host.link(false)
		time.Sleep(5 * time.Second)
		h.mu.Lock()
		h.deaf["main"] = true // the switch port learns
		h.mu.Unlock()
		start := time.Now()
		main.host.link(true)
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if got := h.adverts("main", 51, start); len(got) > 0 {
			t.Errorf("it said %v before it could hear", got)
		}
		if e := main.election(IPv4); e.Reason != "no frame received yet on lan0" {
			t.Errorf("it waits for: %s", e.Reason)
		}
	})
}

func TestLastStatusIsTheNewest(t *testing.T) {
	solitary(t, func(t *testing.T, h *hub, k *troubled, r *running) {
		start := time.Now().Add(-time.Hour)
		for range 5 {
			time.Sleep(1100 * time.Millisecond)
		}
		r.end(t)
		if sent, told := len(h.adverts("main", 51, start)), r.election(IPv4).Sent; uint64(sent) != told {
			t.Errorf("the last status counts %d adverts, %d were sent", told, sent)
		}
	})
}

func TestMemberInFaultThatLeavesItsGroupLetsTheOthersGo(t *testing.T) {
	solitary(t, func(t *testing.T, h *hub, k *troubled, r *running) {
		two := func(group string) Wanted {
			return Wanted{Routers: append(wish(100, func(w *Wish) { w.Group = "house" }).Routers, wish(100, func(w *Wish) {
				w.ID, w.Name, w.Addresses = 52, "second", []netip.Prefix{netip.MustParsePrefix("192.168.1.9/24")}
				w.Group, w.Fault = group, "a check fails"
			}).Routers...)}
		}
		r.Set(two("house"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if e := r.election(IPv4); e.State != Backup {
			t.Fatalf("it is %s in a group with a member in fault: %s", e.State, e.Reason)
		}
		r.Set(two(""))
		within(t, 100*time.Millisecond, "it is Active without that member", func() bool { return r.election(IPv4).State == Active })
	})
}

func TestActiveThatJoinsAGroupInFaultHandsOver(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		both := func(group string) Wanted {
			return Wanted{Routers: append(wish(100, func(w *Wish) { w.Group = group }).Routers, wish(100, func(w *Wish) {
				w.ID, w.Name, w.Addresses = 52, "second", []netip.Prefix{netip.MustParsePrefix("192.168.1.9/24")}
				w.Group, w.Fault = "house", "a check fails"
			}).Routers...)}
		}
		main.Set(both(""))
		time.Sleep(time.Second)
		main.Set(both("house"))
		within(t, 900*time.Millisecond, "the backup serves", func() bool { return backup.host.holds(gateway) })
		within(t, 50*time.Millisecond, "main does not", func() bool { return !main.host.holds(gateway) })
	})
}
