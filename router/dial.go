package router

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/vrrp"
)

// settledDial is how long another router has to have served the house for our session to be ended: if ours is the better line, the house
// is back within that time. Chosen here: a preempt_delay of the usual kind is shorter.
const settledDial = 30 * time.Second

// park decides which PPPoE lines are not dialled for now. Of two routers with the same account only one is let in by most ISPs, and
// the one that serves the house needs it. Whatever is not known, or not as it should be, has the line dialled.
func (s *State) park(now time.Time) {
	for _, l := range s.lines {
		was := l.parked
		l.parked = s.parked(now, l)
		switch {
		case l.parked != "": // that its session was ended is nothing to hold against it
			l.suspect, l.leased = false, false
		case was != "":
			l.seen, l.since = now, now // it begins only now
		}
	}
}

// parked says why a line is not dialled; nothing: it is.
func (s *State) parked(now time.Time, l *line) string {
	dial, peer := l.config.PPPoE.Dial, s.evidence.peer
	if l.config.Kind != PPPoE || dial == DialAlways || !s.config.Pair.Peer.IsValid() {
		return ""
	}
	election, known := s.houseElection()
	shared := peer != nil && s.shares(peer, l.config.PPPoE)
	switch {
	case !known || election.State == vrrp.Active:
		return ""
	case l.parked == "" && l.told.State == health.Down: // it stands in nobody's way, and may come back
		return ""
	case peer == nil && election.State != vrrp.Fault:
		return "not dialled yet: the other router may be using this account"
	case election.State == vrrp.Fault && shared:
		return "not dialled: this router cannot serve the house, and the other one has this account"
	case peer == nil || !peer.Connected || peer.State != vrrp.Active.String() || dial == DialUseful && !shared:
		return ""
	case l.lease != nil && !s.drained && now.Before(election.Since.Add(settledDial)):
		return ""
	}
	name := peer.Router
	if name == "" {
		name = peer.Peer
	}
	if shared {
		return "not dialled: router " + name + " has this account and serves the house"
	}
	return "not dialled: router " + name + " serves the house"
}

// reserve is the sentence of a router none of whose lines is dialled.
func (s *State) reserve() string {
	var all []string
	for _, l := range s.lines {
		if l.parked == "" {
			return ""
		}
		all = append(all, fmt.Sprintf("%s: %s.", l.config.Name, l.parked))
	}
	return "This router is in reserve. " + strings.Join(all, " ")
}

// houseElection is this router's part in the election for the house's address: the first in the network where the other router is.
func (s *State) houseElection() (vrrp.Election, bool) {
	for _, v := range s.virtuals {
		for _, p := range v.config.Addresses {
			if p.Masked().Contains(s.config.Pair.Peer) {
				state, e := s.overall(v.config.Name)
				e.State = state
				return e, true
			}
		}
	}
	return vrrp.Election{}, false
}

// shares reports whether the other router has an account, too.
func (s *State) shares(peer *PairView, c Credentials) bool {
	return slices.Contains(strings.Fields(peer.Accounts), s.account(c))
}

// account stands for an account wherever the two routers tell each other: who does not know the secret of the pair learns nothing
// from it.
func (s *State) account(c Credentials) string {
	const enough = 16
	sum := hmac.New(sha256.New, []byte(s.config.Pair.Secret))
	sum.Write([]byte("twinpath PPPoE account\x00" + c.User + "\x00" + c.Service))
	return hex.EncodeToString(sum.Sum(nil)[:enough])
}

// accounts are those of this router, for the other one.
func (s *State) accounts() string {
	if s.config.Pair.Secret == "" {
		return ""
	}
	var all []string
	for _, l := range s.lines {
		if l.config.Kind == PPPoE {
			all = append(all, s.account(l.config.PPPoE))
		}
	}
	return strings.Join(all, " ")
}
