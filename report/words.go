package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Fact is a piece of evidence: what it is of, and what was found.
type Fact struct{ Name, Text string }

// Title says what happened, to which line and for how long.
func (r Row) Title() string {
	length := r.length()
	name := plain(r.WAN)
	switch {
	case r.Cause == router.CauseRestart:
		return "Nobody looked" + length + ": the router was off"
	case r.Cause == router.CauseOffline:
		return "No line worked" + length
	case r.Cause == router.CausePortal:
		return name + " showed a login page" + length
	case r.Cause == router.CauseUnsure:
		return name + " was unstable" + length
	case r.State == "degraded":
		return name + " was degraded" + length
	}
	return name + " was down" + length
}

func (r Row) length() string {
	text := Duration(time.Duration(r.Length))
	switch {
	case r.Drops > 1 && outage(r.Incident):
		text = fmt.Sprintf(" %d times, for %s in all", r.Drops, text)
		if r.Open() {
			text += " so far"
		}
		return text
	case r.Open():
		return " for " + text + " so far"
	case r.Cut && r.Cause != router.CauseRestart:
		return " for at least " + text
	}
	return " for " + text
}

// When is its start and its end, with the zone.
func (r Row) When() string {
	from := r.Start.Format("2 Jan 2006 15:04:05")
	switch {
	case r.Open():
		return "since " + from + " (" + zone(r.Start) + ")"
	case day(r.Start) == day(r.End) && zone(r.Start) == zone(r.End):
		return from + " to " + r.End.Format("15:04:05") + " (" + zone(r.End) + ")"
	case zone(r.Start) == zone(r.End):
		return from + " to " + r.End.Format("2 Jan 2006 15:04:05") + " (" + zone(r.End) + ")"
	}
	return from + " (" + zone(r.Start) + ") to " + r.End.Format("2 Jan 2006 15:04:05") + " (" + zone(r.End) + ")"
}

func day(t time.Time) string { return t.Format(time.DateOnly) }

// Why is the router's own sentence.
func (r Row) Why() string { return plain(r.Sentence) }

// Bad is how bad it was: bad, warn or calm.
func (r Row) Bad() string {
	switch {
	case dead(r.Incident):
		return "bad"
	case r.Cause == router.CauseRestart:
		return "calm"
	}
	return "warn"
}

// Facts is the evidence, in the order in which somebody who doubts asks for it.
func (r Row) Facts() []Fact {
	var all []Fact
	add := func(name, text string) {
		if text != "" {
			all = append(all, Fact{name, text})
		}
	}
	if outage(r.Incident) || r.Cause == router.CauseUnsure {
		if r.WAN != "" {
			add("Own side", r.OwnSide())
		}
		add("Last answer", r.lastAnswer())
		add("Way out", Ladder(r.Ladder))
		add("Other lines", Witnesses(r.Others))
		add("Load before", load(r.Load))
		add("Carried by", Carried(r.Carried))
		if !outage(r.Incident) {
			add("Failures", drops(r.Drops))
		}
	}
	if r.Cut && outage(r.Incident) {
		add("End", "not seen: the router was off before "+r.End.Format("2 Jan 15:04:05"))
	}
	add("Clock", r.clock())
	return all
}

// OwnSide says whether what belongs to the house was in order: cable, address, modem.
func (r Row) OwnSide() string {
	var sound, broken, unknown []string
	for _, rung := range r.Ladder {
		switch {
		case rung.What != "cable" && rung.What != "address" && rung.What != "modem":
		case rung.State == "ok":
			sound = append(sound, rung.What)
		case rung.State == "broken":
			broken = append(broken, rung.What+detail(rung))
		default:
			unknown = append(unknown, rung.What)
		}
	}
	switch {
	case len(broken) > 0:
		return "not OK: " + list(broken)
	case len(sound) == 0:
		return "not looked at"
	case len(unknown) > 0:
		return "OK: " + list(sound) + "; not known: " + list(unknown)
	}
	return "OK: " + list(sound)
}

// lastAnswer is the farthest router on the way out that was heard.
func (r Row) lastAnswer() string {
	if !r.LastHop.IsValid() {
		if len(r.Ladder) == 0 {
			return ""
		}
		return "none"
	}
	for _, rung := range r.Ladder {
		if rung.Address == r.LastHop {
			return r.LastHop.String() + " (" + plain(rung.What) + ")"
		}
	}
	return r.LastHop.String()
}

func (r Row) clock() string {
	if r.Clock {
		return "set: the times are true"
	}
	return "not set then: the times may be wrong, the length is true"
}

// Ladder says of each step of the way out how it was.
func Ladder(rungs []router.Rung) string {
	var all []string
	for _, rung := range rungs {
		all = append(all, plain(rung.What)+" "+plain(rung.State)+detail(rung))
	}
	return strings.Join(all, ", ")
}

func detail(rung router.Rung) string {
	if rung.Detail == "" || rung.State == "ok" {
		return ""
	}
	return " (" + plain(rung.Detail) + ")"
}

// Witnesses says what the other lines saw in the same second.
func Witnesses(others []router.Witness) string {
	var all []string
	for _, o := range others {
		text := plain(o.WAN) + " was " + plain(o.State)
		if o.State == "up" || o.State == "degraded" {
			text += " (" + milliseconds(time.Duration(o.RTT)) + ", " + percent(o.Loss) + " lost)"
		}
		all = append(all, text)
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, ", ") + ", in the same second"
}

// Carried says what carried the house meanwhile.
func Carried(all []router.Carrier) string {
	var parts []string
	for _, c := range all {
		if !c.To.IsZero() && c.To.Sub(c.From) < time.Second && len(all) > 1 {
			continue // on the way to the next one
		}
		name := plain(c.WAN)
		if name == "" {
			name = "nothing"
		}
		text := name + " from " + c.From.Format("15:04:05")
		if !c.To.IsZero() {
			text += " to " + c.To.Format("15:04:05")
		}
		if c.Data > 0 {
			text += ", " + Bytes(c.Data)
			if c.Metered {
				text += " metered"
			}
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// load is what the line carried just before: an outage under full load could be the house's own doing.
func load(l router.Load) string {
	if l == (router.Load{}) {
		return ""
	}
	return Rate(l.Rx) + " down, " + Rate(l.Tx) + " up"
}

func drops(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf("%d in this time", n)
}
