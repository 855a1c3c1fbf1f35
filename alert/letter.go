package alert

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/router"
)

// Stage is what a Letter says of its incidents.
type Stage string

const (
	Began    Stage = "began"
	Ended    Stage = "ended"
	Happened Stage = "happened" // moments: they have no end
	Still    Stage = "still"    // a reminder of what goes on
	Unstable Stage = "unstable" // a line that comes and goes: its incidents are told together from now on
	Digest   Stage = "digest"   // what it has done since
	Stable   Stage = "stable"   // it has kept quiet for long enough
)

// Letter is one message as facts. Its words are made when it is sent: by then more may be known, such as what time it really was.
type Letter struct {
	ID        string            `json:"id"` // the same for the same news, also after a restart
	Stage     Stage             `json:"stage"`
	Router    string            `json:"router"`
	Incidents []router.Incident `json:"incidents,omitempty"` // the first is what it is about, the others belong to it
	Unrest    *Unrest           `json:"unrest,omitempty"`    // of Unstable, Digest and Stable
	Note      string            `json:"note,omitempty"`      // one sentence more
	Time      time.Time         `json:"time"`                // when it was due
}

// Unrest is how often something has failed.
type Unrest struct {
	Name   string    `json:"name"` // of a line or a virtual router
	VRRP   bool      `json:"vrrp,omitempty"`
	Since  time.Time `json:"since"`
	Last   time.Time `json:"last"` // time it failed
	Total  int       `json:"total"`
	Recent int       `json:"recent,omitempty"` // since the message before
}

// lead is the incident that a letter is about; nil: it is about an Unrest.
func (l Letter) lead() *router.Incident {
	if len(l.Incidents) == 0 {
		return nil
	}
	return &l.Incidents[0]
}

// causes are all that a letter touches.
func (l Letter) causes() []router.Cause {
	var all []router.Cause
	if u := l.Unrest; u != nil {
		all = append(all, map[bool]router.Cause{true: router.CauseVRRP, false: router.CauseWAN}[u.VRRP])
	}
	for _, i := range l.Incidents {
		all = append(all, i.Cause)
	}
	return all
}

// wanted reports whether a channel for these groups of causes gets it. None means all of them.
func (l Letter) wanted(groups []string) bool {
	return len(groups) == 0 || slices.ContainsFunc(l.causes(), func(c router.Cause) bool { return slices.Contains(groups, Group(c)) })
}

// takers are the keys of the channels that get it.
func (l Letter) takers(routes []*route) []string {
	var all []string
	for _, r := range routes {
		if l.wanted(r.groups) {
			all = append(all, r.key)
		}
	}
	return all
}

// Group is the word for a cause in the configuration's events: wan, vrrp or router.
func Group(c router.Cause) string {
	switch c {
	case router.CauseWAN, router.CausePortal, router.CauseIdle, router.CauseMetered, router.CauseOffline, router.CauseUnsure,
		router.CauseBudget, router.CauseDrill:
		return "wan"
	case router.CauseVRRP, router.CauseTwo, router.CausePeer:
		return "vrrp"
	}
	return "router"
}

// priority is how loud it is: of its loudest incident, while that goes on.
func (l Letter) priority() channel.Priority {
	switch l.Stage {
	case Digest:
		return channel.Low
	case Ended, Still, Stable:
		return channel.Normal
	case Unstable:
		return channel.High
	}
	loudest := channel.Low
	for _, i := range l.Incidents {
		loudest = max(loudest, loudness(i))
	}
	return loudest
}

// outage reports whether it is about a line, or all of them, that has failed or is back.
func (l Letter) outage() bool {
	switch {
	case l.Stage == Digest, l.Stage == Still:
		return false
	case l.Unrest != nil:
		return !l.Unrest.VRRP
	}
	return slices.ContainsFunc(l.Incidents, func(i router.Incident) bool { return isLine(i.Cause) })
}

func loudness(i router.Incident) channel.Priority {
	switch i.Cause {
	case router.CauseOffline, router.CauseTwo:
		return channel.Urgent
	case router.CauseWAN, router.CausePortal, router.CausePeer, router.CauseDisk, router.CauseLogin, router.CauseDrill, router.CauseUndone:
		return channel.High
	case router.CauseVRRP:
		if i.Open() {
			return channel.High // nobody can serve
		}
		return channel.Normal
	case router.CauseUpdate:
		return channel.Low
	}
	return channel.Normal
}

// rank orders what one letter is about: what explains the rest comes first.
func rank(c router.Cause) int {
	order := []router.Cause{router.CauseOffline, router.CauseWAN, router.CausePortal, router.CauseUnsure, router.CauseIdle,
		router.CausePeer, router.CauseTwo, router.CauseMetered, router.CauseUpdate, router.CauseRestart}
	if at := slices.Index(order, c); at >= 0 {
		return at
	}
	return len(order)
}

// isLine reports whether a cause is about the house's ways to the Internet.
func isLine(c router.Cause) bool {
	switch c {
	case router.CauseWAN, router.CausePortal, router.CauseIdle, router.CauseMetered, router.CauseOffline, router.CauseUnsure:
		return true
	}
	return false
}

// most is how many incidents fit into one letter, and clause how many letters a sentence of theirs may have: whoever reads it has a phone.
const most, clause = 20, 600

// fit keeps a letter small enough for the shelf and for the other router: first goes what carried the house in what belongs to it, and then
// the last of that.
func (l Letter) fit() Letter {
	const largest = 32 << 10 // bytes
	large := func() bool {
		text, err := json.Marshal(l)
		return err == nil && len(text) > largest
	}
	if !large() {
		return l
	}
	l.Incidents = slices.Clone(l.Incidents)
	for n := 1; n < len(l.Incidents); n++ {
		l.Incidents[n].Carried = nil
	}
	for len(l.Incidents) > 1 && large() {
		l.Incidents = l.Incidents[:len(l.Incidents)-1]
	}
	return l
}

// bare is what a letter needs of an incident: the evidence is for the page and the report.
func bare(i router.Incident) router.Incident {
	i.Ladder, i.Others, i.Steps, i.Load = nil, nil, nil, router.Load{}
	if text := []rune(i.Sentence); len(text) > clause {
		i.Sentence = string(text[:clause]) + "…"
	}
	i.Carried = slices.Clone(i.Carried[:min(len(i.Carried), most)])
	return i
}
