package alert

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// title is a letter in one line: who, what, and for how long.
func (l Letter) title() string { return l.Router + ": " + l.headline() }

func (l Letter) headline() string {
	if u := l.Unrest; u != nil {
		return u.headline(l.Stage)
	}
	i := l.lead()
	if i == nil {
		return "news"
	}
	switch l.Stage {
	case Ended:
		return over(*i)
	case Still:
		return "still: " + began(*i)
	case Happened:
		return happened(*i)
	}
	return began(*i)
}

func (u *Unrest) headline(stage Stage) string {
	still := map[Stage]string{Digest: "still "}[stage]
	switch {
	case stage == Stable:
		return u.Name + " is stable again"
	case u.VRRP:
		return u.Name + " " + still + "keeps moving between the routers"
	}
	return u.Name + " is " + still + "unstable"
}

// began says what goes on.
func began(i router.Incident) string {
	switch i.Cause {
	case router.CauseWAN:
		return i.WAN + " is " + cmp.Or(i.State, "down")
	case router.CausePortal:
		return i.WAN + " wants a login"
	case router.CauseIdle:
		return i.WAN + " is down, so there is one way less"
	case router.CauseMetered:
		return "the house is on " + i.WAN + ", which is metered"
	case router.CauseOffline:
		return "no Internet"
	case router.CauseUnsure:
		return i.WAN + " keeps failing and is held back"
	case router.CauseVRRP:
		return i.VRRP + " cannot be served here"
	case router.CauseTwo:
		return "two routers serve " + cmp.Or(i.VRRP, "the house")
	case router.CausePeer:
		return "the other router does not answer"
	case router.CauseDisk:
		return "nothing can be kept on disk"
	case router.CauseClock:
		return "the clock is not set"
	}
	return happened(i)
}

// over says what is over.
func over(i router.Incident) string {
	after := " after " + length(lasted(i))
	if i.Cut {
		after = " after at least " + length(time.Duration(i.Lasted)) // End is when somebody looked again
	}
	switch i.Cause {
	case router.CauseWAN, router.CausePortal, router.CauseIdle:
		return i.WAN + " is back" + after
	case router.CauseMetered:
		return "the house is off " + i.WAN + " again" + after
	case router.CauseOffline:
		return "Internet is back" + after
	case router.CauseUnsure:
		return i.WAN + " is used again" + after
	case router.CauseVRRP:
		return i.VRRP + " can be served here again" + after
	case router.CauseTwo:
		return "one router serves " + cmp.Or(i.VRRP, "the house") + " again" + after
	case router.CausePeer:
		return "the other router is back" + after
	case router.CauseDisk:
		return "things are kept on disk again" + after
	case router.CauseClock:
		return "the clock is set" + after
	case router.CauseDrill:
		return "a rehearsal has passed" + after
	case router.CauseRestart:
		return "runs again" + after
	}
	return "over" + after
}

// lasted is how long something went on, also while nobody looked or it was fine for a moment.
func lasted(i router.Incident) time.Duration {
	if i.Clock || i.Drops > 1 {
		return max(i.End.Sub(i.Start), time.Duration(i.Lasted))
	}
	return time.Duration(i.Lasted)
}

// happened says what a moment was.
func happened(i router.Incident) string {
	switch i.Cause {
	case router.CauseVRRP:
		if i.State == "active" {
			return "serves " + i.VRRP + " now"
		}
		return "does not serve " + i.VRRP + " any more"
	case router.CauseRestart:
		if off := i.End.Sub(i.Start); !i.End.IsZero() && off >= time.Second {
			return "is back, after up to " + length(off)
		}
		return "has restarted"
	case router.CauseUpdate:
		return "runs another version"
	case router.CauseUndone:
		return "a configuration was not kept"
	case router.CauseBudget:
		return i.WAN + " has used up data"
	case router.CauseDrill:
		return "a rehearsal has failed"
	case router.CauseLogin:
		return "somebody guesses passwords"
	}
	return string(i.Cause)
}

// text is the rest of a letter: a paragraph for each incident, with true times.
func (l Letter) text(now time.Time) string {
	var all []string
	if u := l.Unrest; u != nil {
		all = append(all, u.text(l.Stage, now))
	}
	for n, i := range l.Incidents {
		all = append(all, paragraph(l.Stage, i, n == 0, now))
	}
	if l.Note != "" {
		all = append(all, l.Note)
	}
	return strings.Join(all, "\n")
}

func (u *Unrest) text(stage Stage, now time.Time) string {
	did := "failed"
	if u.VRRP {
		did = "moved"
	}
	since, last := clock(u.Since, now), clock(u.Last, now)
	switch stage {
	case Stable:
		return fmt.Sprintf("It has %s %d times from %s to %s, and not since.", did, u.Total, since, last)
	case Digest:
		return fmt.Sprintf("It has %s %d times since the message before, and %d times since %s, the last time at %s.", did, u.Recent, u.Total, since, last)
	}
	return fmt.Sprintf("It has %s %d times since %s. From now on there is at most one message an hour about that, until it has kept quiet for %s.",
		did, u.Total, since, length(calm))
}

// paragraph is one incident of a letter.
func paragraph(stage Stage, i router.Incident, first bool, now time.Time) string {
	text := i.Sentence
	if text == "" {
		text = cmp.Or(map[Stage]string{Ended: over(i), Happened: happened(i)}[stage], began(i)) + "."
	}
	if !first && i.Moment || i.Cause == router.CauseRestart {
		return text // which has its times in it
	}
	text += " " + when(i, now)
	if advice := advice(i); first && advice != "" && i.Open() {
		text += " " + advice
	}
	if carried := carried(i); first && !strings.Contains(text, "carrie") && carried != "" {
		text += " " + carried
	}
	switch {
	case i.Clock || i.Moment:
	case i.Open():
		text += " This router's clock was not set then: the time may be wrong."
	default:
		text += " This router's clock was not set then: the times may be wrong, the length is true."
	}
	return text
}

// when is from when to when, as long as it is.
func when(i router.Incident, now time.Time) string {
	switch {
	case i.Moment:
		return "(" + clock(i.Start, now) + ")"
	case i.Open():
		return "(Since " + clock(i.Start, now) + ".)"
	case i.Cut:
		return fmt.Sprintf("(From %s; nobody saw the end, which was before %s.)", clock(i.Start, now), clock(i.End, now))
	}
	return fmt.Sprintf("(From %s to %s: %s.)", clock(i.Start, now), clock(i.End, now), length(lasted(i)))
}

// advice is what a person can do about it.
func advice(i router.Incident) string {
	switch i.Blame {
	case router.BlameCable:
		return "Look at the cable and at the power of the modem."
	case router.BlameISP:
		return "It is on the provider's side: nothing to do here."
	case router.BlameDNS:
		return "Only names cannot be looked up."
	case router.BlameTarget:
		return "It is a far host, not your line."
	case router.BlamePortal:
		return "Log in there, or renew the plan."
	}
	return ""
}

// carried says what carried the house meanwhile.
func carried(i router.Incident) string {
	var names []string
	for _, c := range i.Carried {
		if c.WAN == "" {
			continue
		}
		name := c.WAN
		if c.Data > 0 {
			name += " (" + bytes(c.Data) + ")"
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, ", ") + " carried the house."
}

// usage is how much of a metered line's data is used.
func usage(b router.BudgetView) string {
	for _, limit := range [...]struct {
		of, used uint64
		what     string
	}{{b.Month, b.Used.Month, "this month"}, {b.Prepaid, b.Used.Prepaid, "of what is prepaid"}, {b.Incident, b.Used.Incident, "this time"}} {
		if limit.of > 0 {
			return fmt.Sprintf("%s of %s are used %s.", bytes(limit.used), bytes(limit.of), limit.what)
		}
	}
	if b.Used.Month > 0 {
		return bytes(b.Used.Month) + " are used this month."
	}
	return ""
}

// bytes is an amount of data in powers of ten, as providers bill it.
func bytes(n uint64) string {
	value, unit := float64(n), "B"
	for _, unit = range [...]string{"B", "kB", "MB", "GB", "TB"} {
		if value < 999.5 || unit == "TB" {
			break
		}
		value /= 1000
	}
	if value < 9.95 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + unit
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}

// length is a duration in the two largest units it has.
func length(d time.Duration) string {
	d = d.Round(time.Second)
	for _, u := range [...]struct {
		large, small time.Duration
		names        [2]string
	}{{24 * time.Hour, time.Hour, [2]string{"d", "h"}}, {time.Hour, time.Minute, [2]string{"h", "min"}}, {time.Minute, time.Second, [2]string{"min", "s"}}} {
		if d < u.large {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.large, u.names[0])
		if rest := d % u.large / u.small; rest > 0 {
			text += fmt.Sprintf(" %d %s", rest, u.names[1])
		}
		return text
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// clock is a time as its reader's clock shows it, with the day when it is not today.
func clock(t, now time.Time) string {
	t, now = t.In(now.Location()), now.Round(0)
	switch {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04:05")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04:05")
	}
	return t.Format("2 Jan 2006 15:04:05")
}
