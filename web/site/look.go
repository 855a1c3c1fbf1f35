package site

import (
	"html/template"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twinpath/twinpath/router"
)

// statusView is the facts of the status page in the order in which they are read.
type statusView struct {
	*router.Snapshot        // nil: the daemon has not spoken yet
	Mood, Icon, Word string // of the verdict
	First, Rest      string // the sentence: what matters, and what else there is to say
	Long             bool   // the first is no headline
	Silent           time.Time
	Lines            []lineCard
	Couple           *couple
	Home             *houseCard
	Groups           []group
	Incidents        []incident
	Forgotten        bool // the events cannot be read
	Setup            bool
	Mute             []router.ChannelView // that did not take their last message
}

// look turns what was seen into what is shown.
func look(n *seen, day *router.Measures) statusView {
	s := n.snapshot
	v := statusView{Snapshot: s, Silent: n.silent}
	v.Mood, v.Icon, v.Word = mood(s)
	v.First, v.Rest = firstSentence(s.Sentence)
	v.Long = utf8.RuneCountInString(v.First) > headline
	if !n.silent.IsZero() {
		v.Mood, v.Icon, v.Word = "calm", "silent", "No word"
	}
	for _, w := range s.WANs {
		v.Lines = append(v.Lines, card(w, s, day))
	}
	if s.Pair != nil {
		v.Couple = pairOf(s)
	}
	v.Groups, v.Mute, v.Home = groups(s), mute(s.Alerts), houseOn(s)
	return v
}

// headline is how long a sentence may be to stand in the largest type.
const headline = 64

// mood is a verdict's colour, icon and word.
func mood(s *router.Snapshot) (mood, icon, word string) {
	server := len(s.WANs) == 0
	switch s.Verdict {
	case router.VerdictOK:
		return "good", "up", "All is well"
	case router.VerdictBackup:
		return "warn", "backup", "On the backup"
	case router.VerdictDegraded:
		if server {
			return "warn", "degraded", "Something is wrong"
		}
		return "warn", "degraded", "Not as it should be"
	case router.VerdictOffline:
		return "bad", "down", "No Internet"
	}
	return "calm", "unknown", "Not known yet"
}

// firstSentence parts the daemon's words. No name has a full stop with a space after it.
func firstSentence(text string) (first, rest string) {
	first, rest, more := strings.Cut(text, ". ")
	if more {
		first += "."
	}
	return first, rest
}

// lineCard is one line.
type lineCard struct {
	router.WANSnapshot
	Mood, Icon, Word string
	Role             string // what the house has of it
	RoleMood         string
	Day              total
	Strip            template.HTML
	Gauges           []gauge
	Proof            *proof
	More             []fact
}

func card(w router.WANSnapshot, s *router.Snapshot, day *router.Measures) lineCard {
	c := lineCard{WANSnapshot: w}
	c.Mood, c.Icon, c.Word = condition(w.State)
	c.Role, c.RoleMood = role(w, s)
	c.Gauges, c.Proof, c.More = gaugesOf(w.Budget), proofOf(w, s), factsOf(w)
	if points := measuredOf(day, w.Name); len(points) > 0 {
		c.Day = sum(points, step(day))
		c.Strip = strip(points, covered(points))
	}
	return c
}

// condition is a line's state as colour, icon and word.
func condition(state string) (mood, icon, word string) {
	switch state {
	case "up":
		return "good", "up", "Up"
	case "degraded":
		return "warn", "degraded", "Degraded"
	case "captive":
		return "warn", "captive", "Wants a login"
	case "down":
		return "bad", "down", "Down"
	}
	return "calm", "unknown", "Not known yet"
}

// role is what the house has of a line.
func role(w router.WANSnapshot, s *router.Snapshot) (word, mood string) {
	cheaper := false
	for _, other := range s.WANs {
		cheaper = cheaper || other.Cost < w.Cost
	}
	switch {
	case w.Active && s.Verdict == router.VerdictOffline:
		return "In use, for want of a better one", "bad"
	case w.Active && cheaper:
		return "In use, as the backup", "warn"
	case w.Active:
		return "In use", "good"
	case w.Drained:
		return "Drained", "calm"
	case w.State == "down" || w.State == "captive":
		return "Out of use", "calm"
	}
	return "Standby", "calm"
}

// Used is what went through the line in a day, in bytes.
func (c lineCard) Used() uint64 { return c.Day.Rx + c.Day.Tx }

// group is a virtual router: its elections, one per family.
type group struct {
	router.VRRPSnapshot
	Mood, Word string
}

// groups are the elections for others than the house, which the pair's card tells of.
func groups(s *router.Snapshot) []group {
	var own []router.VRRPSnapshot
	if s.Pair != nil {
		own = houseOf(s)
	}
	var all []group
	for _, v := range s.VRRP {
		if slices.ContainsFunc(own, func(o router.VRRPSnapshot) bool { return o.Name == v.Name && o.Family == v.Family }) {
			continue
		}
		g := group{VRRPSnapshot: v}
		g.Mood, g.Word = standing(v.State)
		all = append(all, g)
	}
	return all
}

// standing is an election's state as colour and word, written as RFC 9568 does.
func standing(state string) (mood, word string) {
	switch state {
	case "active":
		return "good", "Active"
	case "backup":
		return "calm", "Backup"
	case "fault":
		return "bad", "In fault"
	case "waiting":
		return "warn", "Waiting"
	}
	return "calm", "Not known yet"
}
