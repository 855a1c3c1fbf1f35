package lab

import (
	"testing"
	"time"
)

// TestKeepalivedDropsOtherLists pins what keepalived before 2.3.3 does: an advert with another address list is none for it, so
// there are two Actives. Twinpath says so, and is alone again when the lists are the same.
func TestKeepalivedDropsOtherLists(t *testing.T) {
	t.Parallel()
	p := raised(t, pairHome())
	p.chatter(t)
	more := shared(high).and("192.168.1.4/24")
	ourDaemon.start(t, p.main, more)
	p.held(t, "main")
	keepalived.start(t, p.backup, shared(low))
	p.await(t, "both have the address", func() bool { return len(p.holders.Now()) == 2 })
	told(t, p.main, "is Active, too")
	must(t, pause(t.Context(), 2*calm))
	keepalived.change(t, p.backup, more.with(low))
	p.held(t, "main")
	p.await(t, "main alone speaks", func() bool { return p.speaksAlone("main", calm) })
}

// TestKeepalivedLearnsTheInterval has version 3 peers with different intervals, each as Active.
func TestKeepalivedLearnsTheInterval(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ active, backup speaker }{{ourDaemon, keepalived}, {keepalived, ourDaemon}} {
		t.Run(c.active.name+" is Active", func(t *testing.T) {
			t.Parallel()
			p := raised(t, pairHome())
			p.chatter(t)
			slow := shared(high)
			slow.Interval = 2 * calm // the Backup hears it before its own down-interval ends
			c.active.start(t, p.main, slow)
			p.held(t, "main")
			c.backup.start(t, p.backup, shared(low))
			mark := time.Now()
			must(t, pause(t.Context(), 3*slow.Interval)) // longer than the Backup's own down-interval
			if said := p.recorder.Adverts(mark, "backup"); len(said) > 0 {
				t.Errorf("the Backup did not learn the interval: %s", said[0])
			}
		})
	}
}
