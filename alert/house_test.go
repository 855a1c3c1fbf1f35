package alert

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// house is a Machine with an owner who reads everything at once. A letter that no test wants is an error.
type house struct {
	t       *testing.T
	now     time.Time
	m       *Machine
	known   map[string]*router.Incident
	letters []Letter
	number  int
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, now: noon, m: NewMachine(noon), known: map[string]*router.Incident{}}
	h.m.Use(router.Config{Name: "main", Alert: router.Alert{Wait: time.Minute, Remind: 24 * time.Hour}})
	t.Cleanup(func() {
		for _, l := range h.letters {
			t.Errorf("%s: nobody wanted %q", l.Time.Sub(noon), l.title())
		}
	})
	h.after(5 * time.Minute) // it has settled
	return h
}

// after lets time pass.
func (h *house) after(d time.Duration) {
	h.t.Helper()
	until := h.now.Add(d)
	for range 100_000 {
		h.tick()
		next := h.m.Next()
		if next.IsZero() || next.After(until) {
			h.now = until
			h.tick()
			return
		}
		if !next.After(h.now) {
			h.t.Fatalf("%s: the machine wants to be called again at once, for ever", h.now.Sub(noon))
		}
		h.now = next
	}
	h.t.Fatal("the machine never rests")
}

func (h *house) tick() {
	letters, withdrawn := h.m.Tick(h.now)
	h.letters = append(h.letters, letters...)
	_ = withdrawn // whoever has read a letter has read it
}

// begins is an incident that begins now; of what says which line or virtual router.
func (h *house) begins(cause router.Cause, what string) string {
	h.t.Helper()
	h.number++
	i := &router.Incident{
		ID: fmt.Sprintf("main-%s-%d", h.now.Format("20060102T150405Z"), h.number), Router: "main", Cause: cause, Start: h.now, Clock: true,
		Sentence: string(cause) + " " + what + ".", State: "down",
	}
	if Group(cause) == "vrrp" {
		i.VRRP, i.State = what, "fault"
	} else {
		i.WAN = what
	}
	h.known[i.ID] = i
	h.say(i)
	return i.ID
}

func (h *house) say(i *router.Incident) {
	h.t.Helper()
	h.m.Take(h.now, *i)
	h.after(0)
}

// ends is the end of an incident, or of several.
func (h *house) ends(ids ...string) {
	h.t.Helper()
	for _, id := range ids {
		i := h.known[id]
		i.End, i.Lasted = h.now, router.Seconds(h.now.Sub(i.Start))
		h.say(i)
	}
}

// again is an incident that was over, and goes on.
func (h *house) again(id string) {
	h.t.Helper()
	i := h.known[id]
	i.End, i.Drops = time.Time{}, max(1, i.Drops)+1
	h.say(i)
}

// moment is what has no length.
func (h *house) moment(cause router.Cause, what, state string) {
	h.t.Helper()
	id := h.number
	i := router.Incident{ID: fmt.Sprintf("main-moment-%d", id), Router: "main", Cause: cause, Start: h.now, Moment: true, Clock: true, State: state, Sentence: string(cause) + " " + what + "."}
	h.number++
	if cause == router.CauseVRRP {
		i.VRRP = what
	} else {
		i.WAN = what
	}
	h.say(&i)
}

// want claims exactly these letters, by their titles.
func (h *house) want(titles ...string) []Letter {
	h.t.Helper()
	var got []string
	for _, l := range h.letters {
		got = append(got, l.title())
	}
	if strings.Join(got, "\n") != strings.Join(titles, "\n") {
		h.t.Errorf("at %s there are\n  %s\nwant\n  %s", h.now.Sub(noon), strings.Join(got, "\n  "), strings.Join(titles, "\n  "))
	}
	claimed := h.letters
	h.letters = nil
	return claimed
}

// restart is a new Machine, with what the one before has kept.
func (h *house) restart(off time.Duration) {
	h.t.Helper()
	text, err := h.m.Memory()
	if err != nil {
		h.t.Fatal(err)
	}
	h.now = h.now.Add(off)
	rules := h.m.rules
	h.m = NewMachine(h.now)
	h.m.rules, h.m.router = rules, "main"
	if err := h.m.Remember(h.now, text); err != nil {
		h.t.Fatal(err)
	}
}
