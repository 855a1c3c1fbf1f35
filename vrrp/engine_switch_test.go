package vrrp

import (
	"testing"
	"testing/synctest"
	"time"
)

// A frame from the virtual MAC address leads the house's switch to where it came from. So the first one comes when the interface with that address is there,
// and none follows of a router that has given it up.
func TestVirtualMACMovesWithItsInterface(t *testing.T) {
	pair(t, func(t *testing.T, h *hub, main, backup *running) {
		virtual := func(w *Wish) { w.VirtualMAC = true }
		main.Set(wish(100, virtual))
		backup.Set(wish(50, virtual))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		backup.host.slow = 30 * time.Millisecond
		start := time.Now()
		main.Set(wish(20, virtual))
		within(t, 2*time.Second, "backup speaks", func() bool { return len(h.adverts("backup", 51, start)) > 0 })
		if !backup.host.holds(gateway) {
			t.Error("backup speaks before its interface is there")
		}
		spoke := time.Now()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if last := h.adverts("main", 51, spoke); len(last) > 0 {
			t.Errorf("main speaks again after it has conceded: %v", last)
		}
		if n := len(h.adverts("backup", 51, start)); n < 5 {
			t.Errorf("backup speaks %d times in 5 s", n)
		}
	})
}
