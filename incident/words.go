package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// sentence says what it is, or was, why, and what became of the house.
func (e *entry) sentence(i router.Incident) string {
	if e.Cause == router.CauseRestart {
		return e.restartSentence(i)
	}
	if i.End.IsZero() {
		return e.present(i)
	}
	return e.perfect(i)
}

// present is the sentence while it goes on.
func (e *entry) present(i router.Incident) string {
	because := ": " + cmp.Or(e.reason, "the reason is being looked for") + "."
	switch e.Cause {
	case router.CauseIdle:
		text := i.WAN + ", which carries nothing now, is down" + because
		if e.alone {
			text += " There is no backup."
		}
		return text
	case router.CauseWAN, router.CausePortal:
		return i.WAN + " is " + word(i.State) + because + e.nowBy(i)
	case router.CauseUnsure:
		if e.reason == "" {
			return i.WAN + " keeps failing."
		}
		return fmt.Sprintf("%s works, but is held back until %s: it keeps failing.", i.WAN, e.reason)
	case router.CauseMetered:
		return fmt.Sprintf("The house uses %s, a metered line.", i.WAN)
	case router.CauseOffline:
		return "No line works" + because
	case router.CausePeer:
		return fmt.Sprintf("The other router (%s) does not answer.", e.reason)
	case router.CauseDisk:
		return "Nothing can be kept on disk" + because
	case router.CauseClock:
		return "Nobody has set the clock: times may be wrong."
	case router.CauseVRRP:
		return fmt.Sprintf("%s must not serve %s%s", i.Router, i.VRRP, because)
	}
	return capital(e.reason) + "."
}

// perfect is the sentence when it is over.
func (e *entry) perfect(i router.Incident) string {
	because, long := "", e.long(i)
	if e.reason != "" {
		because = ": " + past(e.reason)
	}
	switch e.Cause {
	case router.CauseIdle:
		return fmt.Sprintf("%s, which carried nothing, was down %s%s.%s", i.WAN, long, because, e.tail())
	case router.CauseWAN, router.CausePortal:
		return fmt.Sprintf("%s was %s %s%s.%s%s", i.WAN, word(i.State), long, because, e.tail(), e.thenBy(i))
	case router.CauseUnsure:
		return fmt.Sprintf("%s kept failing and was held back %s.%s%s", i.WAN, long, e.tail(), e.thenBy(i))
	case router.CauseMetered:
		return fmt.Sprintf("The house used %s, a metered line, %s (%s).", i.WAN, long, bytes(e.carried(i.WAN)))
	case router.CauseOffline:
		return fmt.Sprintf("No line worked %s%s.", long, because)
	case router.CausePeer:
		return fmt.Sprintf("The other router (%s) did not answer %s.", e.reason, long)
	case router.CauseDisk:
		return fmt.Sprintf("Nothing could be kept on disk %s%s.", long, because)
	case router.CauseClock:
		return fmt.Sprintf("Nobody had set the clock %s.", long)
	case router.CauseVRRP:
		return fmt.Sprintf("%s could not serve %s %s%s.", i.Router, i.VRRP, long, because)
	}
	return fmt.Sprintf("%s. It was over after %s.", capital(e.reason), duration(time.Duration(i.Lasted)))
}

// long is for how long it was so.
func (e *entry) long(i router.Incident) string {
	switch {
	case e.Cut:
		return fmt.Sprintf("from %s to some time before %s, when Twinpath looked again", clock(i.Start), clock(i.End))
	case e.drops > 1:
		return fmt.Sprintf("%d times in %s, for %s in all", e.drops, duration(i.End.Sub(i.Start)), duration(time.Duration(i.Lasted)))
	}
	return "for " + duration(time.Duration(i.Lasted))
}

// tail says that it did not end by itself.
func (e *entry) tail() string {
	if e.gone {
		return " It was taken out of use then."
	}
	return ""
}

// nowBy says what carries the house.
func (e *entry) nowBy(i router.Incident) string {
	var names []string
	for _, c := range e.carriers {
		if c.to.IsZero() && c.wan != i.WAN {
			names = append(names, c.wan)
		}
	}
	switch {
	case len(names) == 0:
		return ""
	case names[0] == "":
		return " Nothing carries the house."
	case names[0] == otherRouter:
		return " " + capital(otherRouter) + " carries the house."
	case len(names) == 1:
		return " " + names[0] + " carries the house."
	}
	return " " + list(names) + " carry the house."
}

// thenBy says what carried the house, and how much that was.
func (e *entry) thenBy(i router.Incident) string {
	var names []string
	for _, c := range e.carriers {
		if c.wan != "" && c.wan != i.WAN && !slices.Contains(names, c.wan) {
			names = append(names, c.wan)
		}
	}
	if len(names) == 0 {
		if slices.ContainsFunc(e.carriers, func(c carrier) bool { return c.wan == "" }) {
			return " Nothing carried the house."
		}
		return ""
	}
	for n, name := range names {
		if name != otherRouter {
			names[n] = fmt.Sprintf("%s (%s)", name, bytes(e.carried(name)))
		}
	}
	switch {
	case len(names) == 1 && names[0] == otherRouter:
		return " " + capital(otherRouter) + " carried the house."
	case len(names) == 1:
		name, data, _ := strings.Cut(names[0], " (")
		return fmt.Sprintf(" %s carried the house (%s.", name, data)
	}
	return " " + list(names) + " carried the house."
}

// carried is what a line carried in it, in bytes.
func (e *entry) carried(wan string) uint64 {
	var n uint64
	for _, c := range e.carriers {
		if c.wan == wan {
			n += c.data
		}
	}
	return n
}

func (e *entry) restartSentence(i router.Incident) string {
	from, to, long := clock(i.Start), clock(i.End), duration(i.End.Sub(i.Start))
	switch {
	case e.off.clean && e.off.boot:
		return fmt.Sprintf("%s was off from %s to %s (%s).", i.Router, from, to, long)
	case e.off.clean:
		return fmt.Sprintf("Twinpath did not run from %s to %s (%s); what was connected stayed so.", from, to, long)
	case e.off.boot:
		return fmt.Sprintf("%s lost its power or was reset: it ran at %s for sure, and again from %s.", i.Router, from, to)
	}
	return fmt.Sprintf("Twinpath ended without being asked to: it ran at %s for sure, and again from %s; what was connected stayed so.", from, to)
}

func word(state string) string {
	if state == "degraded" {
		return "degraded"
	}
	return "down"
}

// tenses turn the clauses of health and router into the past; what has two words goes before what has one.
var tenses = strings.NewReplacer(
	" does not ", " did not ", " do not ", " did not ", " does not;", " did not;", " do not;", " did not;",
	"there is ", "there was ", "it is ", "it was ", " is ", " was ", " are ", " were ", " has ", " had ", " keeps ", " kept ",
	" answers", " answered", " answer again", " answered again", " can ", " could ", " cannot ", " could not ", " goes ", " went ",
	" answer, ", " answered, ", " answer; ", " answered; ", " fails", " failed", "others do ", "others did ", "asks for", "asked for",
	" says:", " said:", " refuses ", " refused ",
	" opens ", " opened ", " says nothing ", " said nothing ", " gives ", " gave ",
)

// past is a clause of what was so: "the first router did not answer".
func past(clause string) string {
	clause = tenses.Replace(clause + " ")
	return strings.TrimSpace(clause)
}

// clause is a sentence without its end.
func clause(sentence string) string { return strings.TrimSuffix(sentence, ".") }

func capital(s string) string {
	if s == "" {
		return "Something is wrong"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// list joins names for a sentence.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// clock is a time of day, with its date when that is not plain.
func clock(t time.Time) string { return t.Local().Format("Mon 2 Jan 15:04:05") }

// duration says how long something took, in the two largest units.
func duration(d time.Duration) string {
	d = d.Round(100 * time.Millisecond).Round(time.Second) // others see the tenths only
	s, m, h, days := int(d/time.Second)%60, int(d/time.Minute)%60, int(d/time.Hour)%24, int(d/(24*time.Hour))
	parts := []string{count(days, "day"), unit(h, "h"), unit(m, "min"), unit(s, "s")}
	for i, p := range parts {
		if p != "" {
			return strings.TrimSpace(p + " " + strings.Join(parts[i+1:min(i+2, len(parts))], " "))
		}
	}
	return "less than a second"
}

func unit(n int, name string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", n, name)
}

func count(n int, name string) string {
	if n > 1 {
		name += "s"
	}
	return unit(n, name)
}

// bytes is an amount of data as providers count it.
func bytes(n uint64) string {
	switch {
	case n >= 10_000_000_000:
		return fmt.Sprintf("%d GB", (n+500_000_000)/1_000_000_000)
	case n >= 1_000_000_000:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1_000_000:
		return fmt.Sprintf("%d MB", (n+500_000)/1_000_000)
	}
	return fmt.Sprintf("%d kB", (n+999)/1000)
}
