package vrrp

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

const gateway = "192.168.1.1/24"

// pair runs f with two engines on one network: main has priority 100, backup 50.
func pair(t *testing.T, f func(t *testing.T, h *hub, main, backup *running)) {
	synctest.Test(t, func(t *testing.T) {
		h := &hub{deaf: map[string]bool{}}
		main, backup := h.add("main", 2).start(t), h.add("backup", 3).start(t)
		main.Set(wish(100))
		backup.Set(wish(50))
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if a, b := main.election(IPv4).State, backup.election(IPv4).State; a != Active || b != Backup {
			t.Fatalf("before the test: main is %s, backup %s", a, b)
		}
		f(t, h, main, backup)
	})
}

// within waits until something is so, and fails after limit. It returns how long it took, to a millisecond.
func within(t *testing.T, limit time.Duration, what string, so func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !so() {
		if time.Since(start) > limit {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
	}
	return time.Since(start)
}

func TestElectionHoldsTheAddressOnce(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		if !main.host.holds(gateway) || backup.host.holds(gateway) {
			t.Errorf("main holds: %v, backup holds: %v", main.host.holds(gateway), backup.host.holds(gateway))
		}
		e := backup.election(IPv4)
		if want := netip.MustParseAddr("192.168.1.2"); e.Active != want {
			t.Errorf("backup takes %s for the Active, want %s", e.Active, want)
		}
		if main.host.refresh < 3 {
			t.Errorf("the addresses' lifetime was renewed %d times in 8 s", main.host.refresh)
		}
	})
}

func TestSilentDeathMovesTheAddressWithinTheDownInterval(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		main.end(t)
		limit := 3*time.Second + 206*time.Second/256
		took := within(t, limit+2*time.Millisecond, "backup holds the address", func() bool { return backup.host.holds(gateway) })
		if took < 2*time.Second {
			t.Errorf("it took over after %s of silence", took)
		}
	})
}

func TestLettingGoKeepsTheAddressUntilTheSuccessorIsHeard(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		w := wish(100)
		w.Routers[0].Fault, w.Keep = "the daemon does not answer", -1
		start := time.Now()
		main.Set(w)
		synctest.Wait()
		if got := h.adverts("main", 51, start); len(got) != 1 || got[0] != 0 {
			t.Errorf("main said %v, want priority 0 once", got)
		}
		both := time.Duration(0)
		for range 3000 {
			a, b := main.host.holds(gateway), backup.host.holds(gateway)
			if !a && !b {
				t.Fatalf("nobody holds the address after %s", time.Since(start))
			}
			if a && b {
				both += time.Millisecond
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		if both > 10*time.Millisecond {
			t.Errorf("two held the address for %s", both)
		}
		if e := main.election(IPv4); e.State != Fault || e.Reason != "the daemon does not answer" || e.Holding {
			t.Errorf("main: %+v", e)
		}
	})
}

func TestComingBackBeforeTheSuccessorGoesOn(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		backup.end(t)
		w := wish(100)
		w.Routers[0].Fault, w.Keep = "the daemon does not answer", -1
		main.Set(w)
		time.Sleep(time.Minute)
		if !main.host.holds(gateway) {
			t.Fatal("the address has gone though nobody took over")
		}
		main.Set(wish(100))
		synctest.Wait()
		if !main.host.holds(gateway) {
			t.Error("the address has gone when it came back")
		}
		within(t, 30*time.Millisecond, "main is Active again", func() bool { return main.election(IPv4).State == Active })
	})
}

func TestResumeSpeaksAtOnce(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		main.end(t)
		again := main.host.start(t) // the addresses are still on the interface
		start := time.Now()
		again.Set(wish(100))
		synctest.Wait()
		if got := h.adverts("main", 51, start); len(got) != 1 || got[0] != 100 {
			t.Errorf("the new engine said %v, want 100 at once", got)
		}
		time.Sleep(5 * time.Second)
		if e := backup.election(IPv4); e.State != Backup || e.Changes != 1 {
			t.Errorf("backup: %s after %d changes", e.State, e.Changes)
		}
	})
}

func TestReloadKeepsMastership(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		more := netip.MustParsePrefix("192.168.1.9/24")
		changes := []Wanted{
			wish(100, func(w *Wish) { w.Addresses = append(w.Addresses, more) }),
			wish(120), wish(80),
			wish(100, func(w *Wish) { w.Group = "house" }),
			wish(100, func(w *Wish) { w.Name = "gateway" }),
			{Routers: append(wish(100).Routers, wish(100, func(w *Wish) {
				w.ID, w.Name, w.Addresses = 52, "second", []netip.Prefix{more}
			}).Routers...)},
		}
		for i, w := range changes {
			start := time.Now()
			main.Set(w)
			time.Sleep(4 * time.Second)
			synctest.Wait()
			if e := main.election(IPv4); e.State != Active {
				t.Fatalf("change %d: main is %s: %s", i, e.State, e.Reason)
			}
			if got := h.adverts("main", 51, start); len(got) < 4 {
				t.Errorf("change %d: only %d adverts in 4 s", i, len(got))
			}
			for _, p := range h.adverts("main", 51, start) {
				if p == 0 {
					t.Errorf("change %d: main said priority 0", i)
				}
			}
		}
		if n := backup.election(IPv4).Changes; n != 1 {
			t.Errorf("backup changed %d times", n)
		}
	})
}

func TestRemovedRouterHandsOver(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		main.Set(Wanted{})
		took := within(t, 850*time.Millisecond, "backup is Active", func() bool { return backup.host.holds(gateway) })
		within(t, 20*time.Millisecond, "main has let go", func() bool { return !main.host.holds(gateway) })
		within(t, time.Second, "main has no elections", func() bool { s, _ := main.Status(); return len(s.Elections) == 0 })
		t.Logf("handed over after %s", took)
	})
}

func TestAddressTakenAwayIsBackAndTold(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		main.host.change(func() { main.host.stolen = main.host.here })
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		e := main.election(IPv4)
		if e.State != Active || e.Restored != 1 {
			t.Errorf("main is %s, restored %d", e.State, e.Restored)
		}
		if !told(main, Alarm, "somebody removed 192.168.1.1/24 from lan0") {
			t.Error("nothing was said of it")
		}
	})
}

// told reports whether an engine has reported something.
func told(r *running, kind ReportKind, part string) bool {
	for _, report := range r.Reports(0) {
		if report.Kind == kind && strings.Contains(report.Reason, part) {
			return true
		}
	}
	return false
}

func TestWaitingSaysForWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hub{}
		alone := h.add("alone", 2)
		device := alone.devices[0]
		alone.devices = nil
		r := alone.start(t)
		r.Set(wish(100))
		expect := func(reason string) {
			t.Helper()
			time.Sleep(50 * time.Millisecond)
			synctest.Wait()
			if e := r.election(IPv4); e.State != Waiting || e.Reason != reason {
				t.Errorf("%s: %q, want %q", e.State, e.Reason, reason)
			}
		}
		expect("there is no interface lan0")
		device.Up = false
		alone.change(func() { alone.devices = []Device{device} })
		expect("lan0 has no link")
		device.Up, device.Addresses = true, nil
		alone.change(func() { alone.devices = []Device{device} })
		expect("lan0 has no IPv4 address of its own")
		device.Addresses = []netip.Addr{netip.MustParseAddr("192.168.1.2")}
		alone.change(func() { alone.devices = []Device{device} })
		expect("no frame received yet on lan0")
		within(t, proof+4*time.Second, "nobody is there, so it serves", func() bool { return alone.holds(gateway) })
	})
}

func TestBothBootingAtOnceProveEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hub{}
		main, backup := h.add("main", 2).start(t), h.add("backup", 3).start(t)
		main.Set(wish(100))
		backup.Set(wish(50))
		within(t, 4500*time.Millisecond, "main serves", func() bool { return main.host.holds(gateway) })
		time.Sleep(10 * time.Second)
		if backup.host.holds(gateway) || backup.election(IPv4).Changes != 1 {
			t.Errorf("backup: %+v", backup.election(IPv4))
		}
	})
}

func TestCablePulledAndBack(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		main.host.link(false)
		within(t, 3900*time.Millisecond, "backup serves", func() bool { return backup.host.holds(gateway) })
		if main.host.holds(gateway) {
			t.Error("main still holds the address without a cable")
		}
		if e := main.election(IPv4); e.State != Fault || e.Reason != "lan0 has no link" {
			t.Errorf("main: %s %q", e.State, e.Reason)
		}
		main.host.link(true)
		within(t, 8*time.Second, "main serves again", func() bool { return main.host.holds(gateway) && !backup.host.holds(gateway) })
	})
}

func TestFamiliesMoveTogether(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		both := func(w *Wish) {
			w.Addresses = append(w.Addresses, netip.MustParsePrefix("fe80::1/64"), netip.MustParsePrefix("fd00::1/64"))
		}
		main.Set(wish(100, both))
		backup.Set(wish(50, both))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if e := main.election(IPv6); e.State != Active {
			t.Fatalf("IPv6 of main is %s: %s", e.State, e.Reason)
		}
		main.end(t)
		within(t, 4*time.Second, "both families moved", func() bool {
			return backup.host.holds(gateway) && backup.host.holds("fe80::1/64") && backup.host.holds("fd00::1/64")
		})
	})
}

func TestManyOnOneInterface(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hub{}
		main, backup := h.add("main", 2).start(t), h.add("backup", 3).start(t)
		all := func(priority int) (w Wanted) {
			for id := 1; id <= 255; id++ {
				w.Routers = append(w.Routers, wish(priority, func(w *Wish) {
					w.ID, w.Name = uint8(id), fmt.Sprintf("service %d", id)
					w.Addresses = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(id)}), 32)}
				}).Routers...)
			}
			return w
		}
		main.Set(all(100))
		backup.Set(all(50))
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if n := len(main.host.here); n != 255 {
			t.Fatalf("main holds %d addresses, want 255", n)
		}
		main.end(t)
		within(t, 3900*time.Millisecond, "all of them moved", func() bool {
			backup.host.mu.Lock()
			defer backup.host.mu.Unlock()
			return len(backup.host.here) == 255
		})
	})
}

func TestSpeakersAreKnown(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		stranger := h.add("stranger", 9).start(t)
		w := wish(10)
		w.Routers[0].ID = 77
		stranger.Set(w)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		status, _ := backup.Status()
		found := map[string]Speaker{}
		for _, s := range status.Speakers {
			found[fmt.Sprintf("%s %d", s.Source, s.ID)] = s
		}
		m, s := found["192.168.1.2 51"], found["192.168.1.9 77"]
		if m.Ours != "lan" || m.Verdict != "accepted" || m.Priority != 100 || m.Interval != time.Second || m.Missed != 0 || m.Adverts < 10 ||
			m.MAC != "02:00:00:00:00:02" || m.Checksum != "pseudo-header" || len(m.Addresses) != 1 {
			t.Errorf("main as the backup sees it: %+v", m)
		}
		if !s.Foreign || s.Priority != 10 {
			t.Errorf("a foreign virtual router: %+v", s)
		}
	})
}

func TestForgedPacketsChangeNothing(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		attacker := &fakeWire{host: h.add("attacker", 66)}
		forge := func(change func(*packet.Advert)) []byte {
			group, mac := packet.Group(false)
			a := packet.Advert{
				Version: 3, ID: 51, Priority: 254, Interval: time.Second, Source: netip.MustParseAddr("192.168.1.66"),
				Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.1")}, Destination: group, Form: packet.Pseudo, IPID: 1,
			}
			change(&a)
			return a.Append(packet.AppendEthernet(nil, [6]byte{2, 0, 0, 0, 0, 66}, mac, packet.EtherType(false)), nil, packet.Sequence{})
		}
		wrong := forge(func(*packet.Advert) {})
		wrong[len(wrong)-1] ^= 1
		for range 10000 {
			h.send(attacker, wrong)
			h.send(attacker, forge(func(a *packet.Advert) { a.Version = 2 }))
			h.send(attacker, forge(func(a *packet.Advert) { a.Source = netip.MustParseAddr("192.168.1.2") })[:30])
			time.Sleep(100 * time.Microsecond)
			synctest.Wait()
		}
		if e := main.election(IPv4); e.State != Active || e.Changes != 2 {
			t.Errorf("main is %s after %d changes", e.State, e.Changes)
		}
		if n := len(main.Reports(0)); n > 10 {
			t.Errorf("%d reports of a flood", n)
		}
	})
}

func TestConflictIsReportedAndWon(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		h.mu.Lock()
		h.deaf["backup"] = true
		h.mu.Unlock()
		within(t, 4*time.Second, "the deaf backup serves, too", func() bool { return backup.host.holds(gateway) })
		time.Sleep(2 * time.Second)
		if !told(main, Conflict, "192.168.1.3 is Active, too, with priority 50; this router stays Active with 100") {
			t.Errorf("main reports %+v", main.Reports(0))
		}
		h.mu.Lock()
		h.deaf["backup"] = false
		h.mu.Unlock()
		within(t, 1100*time.Millisecond, "the backup lets go when it hears again", func() bool { return !backup.host.holds(gateway) })
	})
}

func TestStrangerWithOurAddressIsNamedAndToldOff(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		start := time.Now()
		h.claim(netip.MustParseAddr("192.168.1.1"), [6]byte{2, 0, 0, 0, 0, 2}) // main says where it is
		time.Sleep(time.Second)
		if told(backup, Conflict, "uses") {
			t.Error("a router of the pair is taken for a stranger")
		}
		h.claim(netip.MustParseAddr("192.168.1.1"), [6]byte{2, 0, 0, 0, 0, 66})
		time.Sleep(3 * time.Second)
		if !told(main, Conflict, "the host 02:00:00:00:00:42 uses 192.168.1.1, too") {
			t.Errorf("main reports %+v", main.Reports(0))
		}
		if n := h.announcements("main", start); n < 2 {
			t.Errorf("the address was announced %d times after the claim", n)
		}
	})
}
