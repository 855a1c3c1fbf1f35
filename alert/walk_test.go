package alert

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// TestWalks goes any way through trouble, with restarts. Whatever happened: no letter has the name of another, nothing ends that has
// not begun, a beginning that was told is not left without an end, and then there is silence.
func TestWalks(t *testing.T) {
	lines := []string{"fibre", "lte", "dsl"}
	causes := []router.Cause{router.CauseWAN, router.CauseIdle, router.CauseMetered, router.CauseOffline, router.CauseUnsure, router.CausePortal,
		router.CausePeer, router.CauseTwo, router.CauseDisk, router.CauseClock, router.CauseVRRP}
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			h := newHouse(t)
			var open, shut []string
			for range 60 {
				switch kind := random.IntN(20); {
				case kind < 7:
					open = append(open, h.begins(causes[random.IntN(len(causes))], lines[random.IntN(3)]))
				case kind < 13 && len(open) > 0:
					at := random.IntN(len(open))
					h.ends(open[at])
					shut = append(shut, open[at])
					open = append(open[:at], open[at+1:]...)
				case kind < 15 && len(shut) > 0 && h.now.Sub(h.known[shut[len(shut)-1]].End) < 3*time.Minute:
					open = append(open, shut[len(shut)-1])
					h.again(shut[len(shut)-1])
					shut = shut[:len(shut)-1]
				case kind < 18:
					h.moment([]router.Cause{router.CauseVRRP, router.CauseBudget, router.CauseUndone}[random.IntN(3)], "lan", []string{"active", "backup"}[random.IntN(2)])
				case kind < 19:
					h.restart(time.Duration(random.IntN(600)) * time.Second)
					for _, id := range open {
						h.say(h.known[id])
					}
				}
				h.after(time.Duration(random.IntN(200)) * time.Second)
			}
			h.ends(open...)
			h.after(3 * time.Hour)
			consistent(t, h.letters)
			h.letters = nil
			h.after(48 * time.Hour)
			h.want()
			if len(h.m.threads)+len(h.m.held)+len(h.m.unrests) > 0 {
				t.Errorf("it remembers %d incidents, %d moments, %d unrests", len(h.m.threads), len(h.m.held), len(h.m.unrests))
			}
		})
	}
}

func consistent(t *testing.T, letters []Letter) {
	t.Helper()
	names, begun, unstable, ever := map[string]bool{}, map[string]router.Incident{}, map[string]bool{}, map[string]bool{}
	for _, l := range letters {
		if names[l.ID] {
			t.Errorf("two letters are called %s", l.ID)
		}
		names[l.ID] = true
		if l.Unrest != nil {
			unstable[l.Unrest.Name], ever[l.Unrest.Name] = l.Stage != Stable, true
			continue
		}
		for _, i := range l.Incidents {
			if l.Stage != Still && i.Open() {
				unstable[i.WAN] = false // it is plainly down
			}
			switch {
			case i.Open():
				begun[i.ID] = i
			case l.Stage == Ended && !i.Moment && begun[i.ID].ID == "":
				t.Errorf("%s ends, and nobody was told that it had begun", i.ID)
			case l.Stage == Ended:
				delete(begun, i.ID)
			}
		}
	}
	for id, i := range begun {
		// The end of a line's trouble that came and went is told by its unrest, that of what came of another by the other's.
		if !ever[i.WAN] && i.Cause != router.CauseMetered && i.Cause != router.CauseUnsure {
			t.Errorf("%s has begun, and nobody was told that it is over", id)
		}
	}
	for name, on := range unstable {
		if on {
			t.Errorf("%s is unstable for ever", name)
		}
	}
}
