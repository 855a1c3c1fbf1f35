package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// tester plays scenarios to a group. Each action has to be claimed, and each timer has to be let run out: what a scenario does
// not say must not happen.
type tester struct {
	*testing.T
	group *Group
	at    time.Duration
}

// lan is the election of scenarios that need only one.
var lan = Key{"lan", IPv4}

const (
	ours  = "192.168.1.2"
	lower = "192.168.1.1"
	other = "192.168.1.3"
)

func plain(priority uint8) Settings {
	return Settings{Version: 3, Priority: priority, Interval: time.Second, Preempt: true, Source: netip.MustParseAddr(ours)}
}

func newTester(t *testing.T, s Settings) *tester {
	g := NewGroup()
	g.Add(epoch, lan, s)
	return &tester{T: t, group: g}
}

// text renders actions as scenarios claim them; the name of the only election is left out.
func text(actions []Action) []string {
	var all []string
	for _, a := range actions {
		var s string
		switch a.Kind {
		case Send:
			s = fmt.Sprintf("send %d %s", a.Priority, a.Interval)
		case Tell:
			s = fmt.Sprintf("%s>%s: %s", a.From, a.To, a.Reason)
		default:
			s = a.Kind.String()
			if a.Reason != "" {
				s += ": " + a.Reason
			}
		}
		if a.Member != lan {
			s = a.Member.Router + " " + s
		}
		all = append(all, s)
	}
	return all
}

func (t *tester) claim(actions []Action, want []string) {
	t.Helper()
	if got := text(actions); !slices.Equal(got, want) {
		t.Fatalf("at %s:\n got %s\nwant %s", t.at, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// step gives an election an event, at a time by which no timer may have run out.
func (t *tester) step(at time.Duration, key Key, e Event, want ...string) {
	t.Helper()
	if due := t.group.Due(); !due.IsZero() && due.Before(epoch.Add(at)) {
		t.Fatalf("a timer runs out at %s, before %s at %s", due.Sub(epoch), e.Kind, at)
	}
	t.at = at
	t.claim(t.group.Step(epoch.Add(at), key, e), want)
}

func (t *tester) start(at time.Duration, want ...string) {
	t.Helper()
	t.step(at, lan, Event{Kind: Start}, want...)
}

func (t *tester) hear(at time.Duration, source string, priority uint8, want ...string) {
	t.Helper()
	t.hearEvery(at, source, priority, time.Second, want...)
}

func (t *tester) hearEvery(at time.Duration, source string, priority uint8, interval time.Duration, want ...string) {
	t.Helper()
	t.step(at, lan, heard(source, priority, interval), want...)
}

func heard(source string, priority uint8, interval time.Duration) Event {
	return Event{Kind: Hear, Heard: Heard{netip.MustParseAddr(source), priority, interval}}
}

func (t *tester) configure(at time.Duration, s Settings, want ...string) {
	t.Helper()
	t.step(at, lan, Event{Kind: Configure, Settings: s}, want...)
}

// tick says when the next timer runs out, and what that does.
func (t *tester) tick(at time.Duration, want ...string) {
	t.Helper()
	if due := t.group.Due(); !due.Equal(epoch.Add(at)) {
		t.Fatalf("after %s the next timer runs out at %s, want %s", t.at, due.Sub(epoch), at)
	}
	t.at = at
	t.claim(t.group.Tick(epoch.Add(at)), want)
}

// steady lets time pass with nothing but the regular adverts of an Active.
func (t *tester) steady(until time.Duration, advert string) {
	t.Helper()
	for t.group.Due().Before(epoch.Add(until)) {
		t.tick(t.group.Due().Sub(epoch), advert)
	}
}

// never says that no timer runs.
func (t *tester) never() {
	t.Helper()
	if due := t.group.Due(); !due.IsZero() {
		t.Fatalf("a timer runs out at %s", due.Sub(epoch))
	}
}

// shows says what can be seen of the election.
func (t *tester) shows(state State, holding bool, active string) {
	t.Helper()
	v := t.group.View(lan)
	if v.State != state || v.Holding != holding || v.Active.IsValid() != (active != "") || active != "" && v.Active.String() != active {
		t.Fatalf("at %s: %s, holding %v, Active is %s; want %s, %v, %s", t.at, v.State, v.Holding, v.Active, state, holding, active)
	}
}

// active returns a tester whose election has been won at 4 s, without a rival.
func active(t *testing.T, s Settings) *tester {
	tt := newTester(t, s)
	down := s.downInterval(s.Interval)
	tt.start(4*time.Second-down, "waiting>backup: listening for "+seconds(down))
	tt.tick(4*time.Second, took(s, "nobody was heard for "+seconds(down))...)
	return tt
}

// backup returns a tester whose election runs since 0 s, and which has heard another Active at 1 s.
func backup(t *testing.T, s Settings, priority uint8) *tester {
	tt := newTester(t, s)
	tt.start(0, "waiting>backup: listening for "+seconds(s.downInterval(s.Interval)))
	tt.hear(time.Second, other, priority)
	return tt
}

// took is what taking over looks like.
func took(s Settings, reason string) []string {
	return []string{fmt.Sprintf("send %d %s", s.Priority, s.Interval), "hold", "announce", "backup>active: " + reason}
}
