package ddns

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// elect has this router be the one of a pair that the house sends to, or the other one.
func (w *world) elect(state vrrp.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := *w.snap
	next.VRRP = []router.VRRPSnapshot{{State: state.String()}}
	w.snap = &next
	close(w.changed)
	w.changed = make(chan struct{})
}

// The other router of a pair leads the names to itself while it serves: whoever takes over tells the provider, whatever it told before.
func TestNamesComeBackToThePairsRouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, stop := w.run(t, home())
		w.carry("fibre", "203.0.113.2")
		w.elect(vrrp.Active)
		time.Sleep(time.Minute)
		w.heard(t, "home.example.org 203.0.113.2 5s")
		w.elect(vrrp.Backup)
		time.Sleep(time.Hour)
		w.heard(t)
		w.elect(vrrp.Active)
		time.Sleep(time.Hour)
		w.heard(t, "home.example.org 203.0.113.2 1h1m5s")
		w.elect(vrrp.Backup)
		time.Sleep(time.Minute)
		stop()
		_, stop = w.run(t, home()) // another daemon, later
		time.Sleep(time.Minute)
		w.elect(vrrp.Active)
		time.Sleep(time.Minute)
		w.heard(t, "home.example.org 203.0.113.2 2h3m5s")
		stop()
	})
}
