package router

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/health"
)

// TestSnapshotsHaveCounters: they are read while the loop turns anyway, and no more often than they are worth it.
func TestSnapshotsHaveCounters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		reads := 0
		w.mute["other"] = true
		w.counters = func() Counters {
			reads++
			return Counters{Flows: 10 * reads, Traffic: map[string]Traffic{"wan0": {Rx: uint64(reads), Tx: 2}, "lan0": {Rx: 9}}}
		}
		config := twoWANs()
		config.WANs = append(config.WANs, WANConfig{Name: "other", Kind: Peer, Interface: "lan0", Cost: 90, Weight: 1})
		r, stop := w.start(t, config)
		defer stop()
		time.Sleep(settle + time.Second) // one client never speaks
		for range 40 {                   // as many rounds
			w.say("fibre", health.Verdict{State: health.Up, Reason: "3 of 3 checks answer"})
			time.Sleep(250 * time.Millisecond)
			synctest.Wait()
		}
		if reads < 2 || reads > 5 {
			t.Errorf("the counters were read %d times in 10s", reads)
		}
		s, _ := r.Snapshot()
		fibre, lte, other := s.WANs[0], s.WANs[1], s.WANs[2]
		if s.Flows < 20 || fibre.RxBytes != uint64(s.Flows/10) || fibre.TxBytes != 2 || lte.RxBytes != 0 || other.RxBytes != 0 {
			t.Errorf("%d flows, fibre %d %d, lte %d, other %d", s.Flows, fibre.RxBytes, fibre.TxBytes, lte.RxBytes, other.RxBytes)
		}
		if fibre.Tally == nil || fibre.Tally == lte.Tally || fibre.Tally != w.monitors["fibre"].at.Tally {
			t.Error("what counts a line's probes is not what its monitor was given")
		}
	})
}
