package router

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

const (
	// split is how long two routers may be without their link before their owner hears of it: a restarted daemon has it again in two seconds.
	split = 10 * time.Second
	// readiness is how much longer than PreemptDelay the house waits for a hand-over to be prepared, at most (issue 8).
	readiness = 3 * time.Second
)

// bond is how the two routers of the pair work together, and what of that has been said.
type bond struct {
	Together
	away   bool // the other router does not answer
	lost   bool // it was gone, and has not been linked since
	met    bool // they have been linked, and nothing else has been said since
	parted bool // they are not linked
	keeps  bool // connections stay with the other one
	leans  bool // the house's new connections go there, too: that some are there is no news
}

// presence says when the other router stops answering in any way, and when it answers again. Page is how it shows itself; nil: nobody has
// looked yet, or there is no pair.
func (b *bond) presence(now time.Time, page *PairView) []Event {
	if page == nil {
		b.away = false
		return nil
	}
	was := b.away
	b.away = !page.Connected && !b.Linked
	return turn(now, EventPair, CausePeer, was, b.away,
		fmt.Sprintf("The other router (%s) does not answer.", page.Peer), fmt.Sprintf("The other router (%s) answers again.", page.Peer))
}

// fold takes in how the two routers work together.
func (b *bond) fold(now time.Time, view Together) []Event {
	was := b.Together
	b.Together = view
	var say []string
	if gone := view.Gone != (vrrp.Gone{}); gone && !b.lost {
		b.lost = true
		say = append(say, title(b.name())+" is gone: it gives no sign of life and answers nothing.")
	} else if b.lost && !gone && view.Linked {
		b.lost = false
		say = append(say, title(b.name())+" gives signs of life again.")
	}
	if view.Linked && !b.met {
		say = append(say, fmt.Sprintf("This router and %s work together: connections survive when the house moves from one to the other.", b.name()))
	}
	b.met, b.parted = b.met || view.Linked, b.parted && !view.Linked
	switch {
	case view.Deaf == was.Deaf:
	case view.Deaf != "":
		say = append(say, "The two routers hear each other in one direction only: "+view.Deaf+".")
	case view.Linked:
		say = append(say, "The two routers hear each other again.")
	}
	return told(now, append(say, b.keeping()...))
}

// keeping says when connections begin to stay with the other router, and when the last one has ended.
func (b *bond) keeping() []string {
	keeps := b.Phase == HandOverKeeps
	switch {
	case keeps && !b.keeps && b.leans:
	case keeps && b.Kept == 1 && !b.keeps:
		b.keeps = true
		return []string{fmt.Sprintf("1 connection stays with %s until it ends.", b.name())}
	case keeps && b.Kept > 0 && !b.keeps:
		b.keeps = true
		return []string{fmt.Sprintf("%d connections stay with %s until they end.", b.Kept, b.name())}
	case b.keeps && !keeps:
		b.keeps = false
		return []string{fmt.Sprintf("No connection is left with %s.", b.name())}
	}
	return nil
}

// due says that the two routers are not linked, when that has lasted for a while. That one of them is gone has been said.
func (b *bond) due(now time.Time) []Event {
	if !b.apart() || b.Gone != (vrrp.Gone{}) || now.Sub(b.Since) < split {
		return nil
	}
	b.parted, b.met = true, false
	return told(now, []string{fmt.Sprintf("This router and %s do not work together: %s. Connections break when the house moves from one to the other.",
		b.name(), cmp.Or(b.Reason, "there is no link between them"))})
}

// apart reports whether they are not linked, though they should be, and nobody has been told.
func (b *bond) apart() bool { return !b.Linked && !b.parted && !b.Since.IsZero() }

// wake is when due has something to say, or next when that comes sooner.
func (b *bond) wake(now, next time.Time) time.Time {
	if b.apart() {
		return earliest(next, b.Since.Add(split), now)
	}
	return next
}

// told are events of the pair.
func told(now time.Time, sentences []string) []Event {
	var events []Event
	for _, s := range sentences {
		events = append(events, Event{Time: now, Kind: EventPair, Sentence: s})
	}
	return events
}

// name is what the other router is called within a sentence.
func (b *bond) name() string { return cmp.Or(b.Router, "the other router") }

// title begins a sentence with the other router; a name of its own stays as it is.
func title(name string) string {
	if name == "the other router" {
		return "The other router"
	}
	return name
}

// show adds it to a snapshot, whose view of the other router is its own from then on.
func (b *bond) show(s *Snapshot, peer netip.Addr) {
	if b.Since.IsZero() && s.Pair == nil {
		return
	}
	view := PairView{Peer: word(peer)}
	if s.Pair != nil {
		view = *s.Pair
	}
	view.Router, view.Version = cmp.Or(b.Router, view.Router), cmp.Or(b.Version, view.Version)
	view.Connected = view.Connected || b.Linked
	view.Linked, view.LinkReason, view.Deaf, view.Gone = b.Linked, b.Reason, b.Deaf, b.Gone != vrrp.Gone{}
	view.FlowsHandedOver, view.Left, view.Lines = b.Kept, b.Left, b.Lines
	view.HandOvers, view.BeatsLost = b.HandOvers, b.BeatsLost
	if b.Phase != HandOverNone {
		view.Phase = b.Phase.String()
	}
	s.Pair = &view
}

// alongside adds what the pair knows to what is wanted of an election of the house.
func (s *State) alongside(wish *vrrp.Wish, v *virtual) {
	lan := s.lanDevice()
	if lan == "" || s.virtualDevice(v) != lan {
		return
	}
	wish.Gone = s.bond.Gone
	if pair := s.config.Pair; pair.Peer.IsValid() && pair.Secret != "" && !pair.NoHandOver && !s.bond.Ready && !s.bond.Vain {
		wish.Grace = readiness
	}
}
