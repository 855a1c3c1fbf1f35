package site

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/twinpath/twinpath/report"
	"github.com/twinpath/twinpath/router"
)

// gauge is how much of a limit is used.
type gauge struct {
	Text string // "1.2 of 5 GB this month, resets 1 Dec"
	Mood string
	SVG  template.HTML // nothing where there is no limit
}

// gaugesOf are the limits of a metered line, and what it has carried where there is none.
func gaugesOf(b *router.BudgetView) []gauge {
	if b == nil {
		return nil
	}
	var all []gauge
	if b.Month > 0 {
		all = append(all, gaugeOf(b.Used.Month, b.Month, "this month"+resets(b.Resets)))
	} else if b.Used.Month > 0 {
		all = append(all, gauge{Text: report.Bytes(b.Used.Month) + " this month" + resets(b.Resets), Mood: "calm"})
	}
	if b.Incident > 0 && b.Used.Incident > 0 {
		all = append(all, gaugeOf(b.Used.Incident, b.Incident, "since it carries the house"))
	}
	if b.Prepaid > 0 {
		all = append(all, gaugeOf(b.Used.Prepaid, b.Prepaid, "prepaid"))
	}
	return all
}

func gaugeOf(used, limit uint64, what string) gauge {
	percent := int(min(float64(used)/float64(limit)*100, 100))
	g := gauge{Text: ofLimit(used, limit) + " " + what, Mood: "good"}
	switch {
	case used >= limit:
		g.Mood = "bad"
	case percent >= 80:
		g.Mood = "warn"
	}
	g.SVG = template.HTML(fmt.Sprintf(`<svg class="gauge" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="s-%s" width="%d" height="4"/></svg>`, g.Mood, percent))
	return g
}

// ofLimit names the unit once where both have the same.
func ofLimit(used, limit uint64) string {
	a, b := report.Bytes(used), report.Bytes(limit)
	number, unit, _ := strings.Cut(a, " ")
	if strings.HasSuffix(b, " "+unit) {
		a = number
	}
	return a + " of " + b
}

func resets(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", resets " + dayOf(t)
}

// dayOf is a day of this year or the one next to it, as the router's own clock has it.
func dayOf(t time.Time) string { return t.Local().Format("2 Jan") }

// proof is what the last rehearsal of a line's failure has shown.
type proof struct {
	Mood, Icon, Word string
	Sentence         string
}

// old is when a proof says little any more: a weekly rehearsal was missed four times.
const old = 32 * 24 * time.Hour

// proofOf is nil where there is nothing to rehearse.
func proofOf(w router.WANSnapshot, s *router.Snapshot) *proof {
	d := w.Drill
	switch {
	case d == nil && (len(s.WANs) < 2 || !w.Active || badness(w.State) >= badness("captive")):
		return nil
	case d == nil:
		return &proof{"calm", "unknown", "never rehearsed", ""}
	case d.End.IsZero():
		return &proof{"calm", "drill", "rehearsal under way", d.Sentence}
	case d.Stopped:
		return &proof{"calm", "unknown", "rehearsal stopped " + dayOf(d.End), d.Sentence}
	case !d.OK:
		return &proof{"bad", "down", "rehearsal failed " + dayOf(d.End), d.Sentence}
	case s.Time.Sub(d.End) > old:
		return &proof{"warn", "degraded", d.Through + " proven " + dayOf(d.End) + ", long ago", d.Sentence}
	}
	return &proof{"good", "up", d.Through + " proven " + dayOf(d.End), d.Sentence}
}

// mute are the channels that did not take their last message.
func mute(a *router.AlertsView) []router.ChannelView {
	var all []router.ChannelView
	if a == nil {
		return nil
	}
	for _, c := range a.Channels {
		if c.Error != "" {
			all = append(all, c)
		}
	}
	return all
}
