package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Make counts the outages of a period.
func Make(f Facts) Report {
	zone := cmp.Or(f.Zone, time.UTC)
	r := Report{Router: f.Router, Version: f.Version, WAN: f.WAN, From: f.From.In(zone), To: f.To.In(zone), Made: f.Now.In(zone), Rows: []Row{}, Lines: []Total{}}
	period := Span{f.From, f.To}
	incidents := slices.DeleteFunc(slices.Clone(f.Incidents), func(i router.Incident) bool { return !f.tells(i) || !overlaps(spanOf(i, f.Now), period) })
	slices.SortStableFunc(incidents, func(a, b router.Incident) int { return a.Start.Compare(b.Start) })
	for n, i := range incidents {
		row := Row{Incident: inZone(i, zone), Number: n + 1, Length: router.Seconds(lasted(i, f.Now))}
		r.Rows = append(r.Rows, row)
	}
	r.Watched = router.Seconds(length(f.watched("", incidents, nil)))
	for _, name := range f.lines(incidents) {
		r.Lines = append(r.Lines, f.total(name, incidents, func(i router.Incident) bool { return i.WAN == name && i.Cause != router.CauseOffline }))
	}
	if f.WAN == "" {
		house := f.total("", incidents, func(i router.Incident) bool { return i.Cause == router.CauseOffline })
		r.House = &house
	}
	return r
}

// tells reports whether an incident belongs in a report.
func (f Facts) tells(i router.Incident) bool {
	switch {
	case i.Cause == router.CauseRestart:
		return !i.Moment
	case f.WAN != "":
		return i.WAN == f.WAN && (outage(i) || i.Cause == router.CauseUnsure)
	}
	return outage(i) || i.Cause == router.CauseUnsure
}

// outage reports whether a line, or all of them, did not work as it should.
func outage(i router.Incident) bool {
	switch i.Cause {
	case router.CauseWAN, router.CausePortal, router.CauseIdle, router.CauseOffline:
		return !i.Moment
	}
	return false
}

// dead reports whether an outage was a whole one.
func dead(i router.Incident) bool { return outage(i) && i.State != "degraded" }

// lasted is by the clock that nobody sets, where it is known.
func lasted(i router.Incident, now time.Time) time.Duration {
	switch {
	case i.Open() && i.Clock && i.Drops < 2: // what is said of its length is as old as its last change
		return max(0, now.Sub(i.Start))
	case i.Lasted > 0 || i.Cut || i.Open():
		return time.Duration(i.Lasted)
	}
	return max(0, i.End.Sub(i.Start))
}

// spanOf is where an incident lies. How long an outage was counts more than its end: no clock was set in between, and where the
// line worked for a moment there was none.
func spanOf(i router.Incident, now time.Time) Span {
	switch {
	case outage(i):
		return Span{i.Start, i.Start.Add(lasted(i, now))}
	case i.Open():
		return Span{i.Start, now}
	}
	return Span{i.Start, i.End}
}

// off is when the router was: nobody looked.
func (f Facts) off(all []router.Incident) []Span {
	var spans []Span
	for _, i := range all {
		if i.Cause == router.CauseRestart {
			spans = append(spans, spanOf(i, f.Now))
		}
	}
	return spans
}

// outages are where the whole ones lie.
func (f Facts) outages(all []router.Incident, is func(router.Incident) bool) []Span {
	var spans []Span
	for _, i := range all {
		if dead(i) && is(i) {
			spans = append(spans, spanOf(i, f.Now))
		}
	}
	return merge(spans)
}

// watched is when somebody looked at a line, or at any: an outage was seen, whatever else is known of the time.
func (f Facts) watched(name string, all []router.Incident, down []Span) []Span {
	gaps, known := f.Gaps[name]
	if !known {
		gaps = f.Gaps[""]
	}
	period := Span{f.From, f.To}
	if name == "" {
		down = f.outages(all, func(router.Incident) bool { return true })
	}
	watched := minus([]Span{period}, merge(append(f.off(all), gaps...)))
	return clip(merge(append(watched, down...)), period)
}

// lines are the names to count, the configured ones first.
func (f Facts) lines(all []router.Incident) []string {
	if f.WAN != "" {
		return []string{f.WAN}
	}
	names := slices.Clone(f.WANs)
	for _, i := range all {
		if i.WAN != "" && !slices.Contains(names, i.WAN) {
			names = append(names, i.WAN)
		}
	}
	return names
}

// total counts what is about one line, or about the house. Two incidents of it at the same time count once.
func (f Facts) total(name string, all []router.Incident, is func(router.Incident) bool) Total {
	period := Span{f.From, f.To}
	down := clip(f.outages(all, is), period)
	watched := length(f.watched(name, all, down))
	t := Total{Name: cmp.Or(name, "the house"), Down: router.Seconds(length(down)), Watched: router.Seconds(watched)}
	for _, i := range all {
		if !is(i) || !outage(i) {
			continue
		}
		if !dead(i) {
			t.Degraded += router.Seconds(length(clip([]Span{spanOf(i, f.Now)}, period)))
			continue
		}
		t.Outages++
		t.Longest = max(t.Longest, router.Seconds(lasted(i, f.Now)))
		t.Open = t.Open || i.Open()
	}
	if watched > 0 {
		t.Availability = 1 - length(down).Seconds()/watched.Seconds()
	}
	return t
}

func inZone(i router.Incident, zone *time.Location) router.Incident {
	i.Start = i.Start.In(zone)
	if !i.End.IsZero() {
		i.End = i.End.In(zone)
	}
	i.Carried, i.Steps = slices.Clone(i.Carried), nil // a report has the evidence, not the story
	for n := range i.Carried {
		i.Carried[n].From = i.Carried[n].From.In(zone)
		if !i.Carried[n].To.IsZero() {
			i.Carried[n].To = i.Carried[n].To.In(zone)
		}
	}
	return i
}
