package site

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/report"
	"github.com/twinpath/twinpath/router"
)

// shown bounds the timeline.
const shown = 40

// incident is an incident as the timeline has it.
type incident struct {
	router.Incident
	Mood, Icon, What string
	Evidence         []report.Fact
}

// carriers says for how long each line carried the house. What lasted for less than a second was on the way to the next one.
func carriers(all []router.Carrier) string {
	var parts []string
	for _, c := range all {
		name := cmp.Or(c.WAN, "nothing")
		switch length := c.To.Sub(c.From); {
		case c.To.IsZero():
			name += ", which does now"
		case length < time.Second && len(all) > 1:
			continue
		default:
			name += " for " + span(length)
		}
		if c.Data > 0 {
			name += " (" + octets(c.Data) + ")"
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, "; ")
}

// timeline is the newest incidents, which come newest first.
func timeline(all []router.Incident) []incident {
	var out []incident
	for _, i := range all {
		if len(out) < shown && !told(all, i) {
			out = append(out, incidentOf(i))
		}
	}
	return out
}

// told reports whether what the other router has booked is what this one saw as well: of a move of the house each is one end.
func told(all []router.Incident, i router.Incident) bool {
	const apart = 10 * time.Second
	if !i.Elsewhere || i.Cause != router.CauseVRRP && i.Cause != router.CauseTwo {
		return false
	}
	return slices.ContainsFunc(all, func(o router.Incident) bool {
		return !o.Elsewhere && o.Cause == i.Cause && o.VRRP == i.VRRP && o.Start.Sub(i.Start).Abs() <= apart
	})
}

func incidentOf(i router.Incident) incident {
	v := incident{Incident: i}
	v.Mood, v.Icon, v.What = nature(i)
	if i.Elsewhere {
		v.What += ", at " + i.Router
	}
	add := func(name, text string) {
		if text != "" {
			v.Evidence = append(v.Evidence, report.Fact{Name: name, Text: text})
		}
	}
	if len(i.Ladder) > 0 {
		add("Own side", report.Row{Incident: i}.OwnSide())
		add("Way out", report.Ladder(i.Ladder))
	}
	if i.LastHop.IsValid() {
		add("Last answer", i.LastHop.String())
	}
	add("Other lines", report.Witnesses(i.Others))
	if i.Load != (router.Load{}) {
		add("Load before", report.Rate(i.Load.Rx)+" down, "+report.Rate(i.Load.Tx)+" up")
	}
	add("Carried by", carriers(i.Carried))
	if i.Drops > 1 {
		add("Failures", fmt.Sprint(i.Drops))
	}
	return v
}

// nature is an incident's colour, icon and word.
func nature(i router.Incident) (mood, icon, what string) {
	switch i.Cause {
	case router.CauseWAN:
		if i.State == "degraded" {
			return "warn", "degraded", i.WAN + " degraded"
		}
		return "bad", "down", i.WAN + " down"
	case router.CausePortal:
		return "warn", "captive", i.WAN + " wants a login"
	case router.CauseIdle:
		return "warn", "degraded", "No backup: " + i.WAN
	case router.CauseMetered:
		return "warn", "backup", "On the metered " + i.WAN
	case router.CauseOffline:
		return "bad", "down", "No Internet"
	case router.CauseUnsure:
		return "warn", "degraded", i.WAN + " unstable"
	}
	return aside(i)
}

// aside is the nature of what is not about a line.
func aside(i router.Incident) (mood, icon, what string) {
	switch i.Cause {
	case router.CauseVRRP:
		if i.State == "fault" {
			return "bad", "down", "In fault: " + i.VRRP
		}
		return "calm", "active", "Moved: " + i.VRRP
	case router.CauseTwo:
		return "bad", "pair", "Two Actives: " + cmp.Or(i.VRRP, "the house")
	case router.CausePeer:
		return "warn", "silent", "Other router silent"
	case router.CauseRestart:
		return "calm", "off", "Router off"
	case router.CauseUpdate:
		return "calm", "new", "New version"
	case router.CauseUndone:
		return "warn", "undone", "Configuration undone"
	case router.CauseDisk:
		return "bad", "disk", "Disk"
	case router.CauseClock:
		return "warn", "clock", "Clock not set"
	case router.CauseBudget:
		return "warn", "data", "Data of " + i.WAN
	case router.CauseDrill:
		return "bad", "drill", "Rehearsal failed"
	case router.CauseLogin:
		return "warn", "captive", "Wrong passwords"
	}
	return "calm", "unknown", "Something else"
}

// Key names it among the elements of the page.
func (i incident) Key() string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(i.ID))
	return fmt.Sprintf("incident-%08x", h.Sum32())
}

// Length is how long it took, or takes so far.
func (i incident) Length() string {
	if i.Lasted == 0 && !i.Open() {
		return span(max(0, i.End.Sub(i.Start)))
	}
	return span(time.Duration(i.Lasted))
}

// Unfolds reports whether there is more to be said than a sentence.
func (i incident) Unfolds() bool { return len(i.Evidence)+len(i.Steps) > 0 }

// Wrong reports whether its times may be.
func (i incident) Wrong() bool { return !i.Clock }
