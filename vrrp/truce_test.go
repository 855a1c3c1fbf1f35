package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// Two groups in a row of truces get different times, of a range that doubles up to eight intervals and starts again
// when they have not met for long.
func TestTruce(t *testing.T) {
	var a, b truce
	left, right := NewMachine(epoch, lan, plain(100)), NewMachine(epoch, lan, plain(100))
	right.settings.Source = netip.MustParseAddr(other)
	longest := time.Duration(0)
	for i, span := range []time.Duration{1, 2, 4, 8, 8, 8, 8, 8} {
		now := epoch.Add(time.Duration(i) * 10 * time.Second)
		a.call(now, left)
		b.call(now, right)
		longest = max(longest, a.wait, b.wait)
		if a.wait == b.wait || max(a.wait, b.wait) >= span*time.Second {
			t.Errorf("call %d: %s and %s of %d s", i, a.wait, b.wait, span)
		}
	}
	if longest < 4*time.Second {
		t.Errorf("never longer than %s", longest)
	}
	if a.call(epoch.Add(time.Hour), left); a.calls != 1 || a.wait >= time.Second {
		t.Errorf("after an hour: call %d, %s", a.calls, a.wait)
	}
}

// A truce counts from when the group could come back.
func TestTruceCountsFromChance(t *testing.T) {
	tr := truce{wait: time.Second, last: epoch}
	tr.pause()
	if tr.over(epoch) || tr.over(epoch.Add(999*ms)) {
		t.Error("over too soon")
	}
	tr.pause()
	if tr.over(epoch.Add(2 * time.Second)) {
		t.Error("counts while the group is held back")
	}
	for range 2 {
		if !tr.over(epoch.Add(3 * time.Second)) {
			t.Error("never over")
		}
	}
}
