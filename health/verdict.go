package health

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// lostAll is what a WAN that is down or captive adds to its cost (design §1).
const lostAll = 100

// Verdict returns what the checks say now. It shares nothing with the Machine.
func (m *Machine) Verdict() Verdict {
	v := Verdict{State: m.state, Checks: make([]CheckVerdict, len(m.tracks)), Silent: m.silence()}
	rtts := make([]time.Duration, 0, len(m.tracks)*windowSize)
	lost, decided := 0, 0
	for i := range m.tracks {
		t := &m.tracks[i]
		from := len(rtts)
		rtts = t.window.times(rtts)
		lost, decided = lost+t.lost, decided+t.decided
		v.Checks[i] = CheckVerdict{
			Check: t.check, Known: t.known, OK: t.ok, Flaky: t.flaky,
			RTT: median(rtts[from:]), Loss: share(t.lost, t.decided), Reason: m.why(t),
		}
		if t.known && !t.ok {
			v.Lost += t.check.Weight
		}
	}
	v.RTT = median(rtts)
	if len(rtts) > 0 {
		v.MinRTT = rtts[0] // median sorted them
	}
	v.Loss = share(lost, decided)
	if m.state == Down || m.state == Captive {
		v.Lost = lostAll
	}
	v.Broken = broken(v.Checks)
	v.Reason = m.reason(v)
	return v
}

// silence returns when the WAN went silent: the first probe that was missed after the newest answer, zero while something answers.
func (m *Machine) silence() time.Time {
	var heard, began time.Time
	for i := range m.tracks {
		t := &m.tracks[i]
		if t.run == 0 {
			return time.Time{}
		}
		if t.heard.After(heard) {
			heard = t.heard
		}
	}
	for i := range m.tracks {
		t := &m.tracks[i]
		if t.since.After(heard) && (began.IsZero() || t.since.Before(began)) {
			began = t.since
		}
	}
	return began
}

// why returns the clause of a failing check.
func (m *Machine) why(t *track) string {
	switch {
	case t.ok || !t.known:
		return ""
	case t.captive:
		return "a login page answers instead"
	case t.run == 0 && t.heardLast == 0:
		return "has not answered yet"
	case t.run == 0:
		return "answers again, but not steadily yet"
	case t.reason != "":
		return t.reason
	}
	return fmt.Sprintf("no answer for %ds", max(1, int(m.now.Sub(t.since).Seconds())))
}

// reason returns the WAN's clause.
func (m *Machine) reason(v Verdict) string {
	answer, failing, rising := 0, []string(nil), 0
	for i := range m.tracks {
		t := &m.tracks[i]
		switch {
		case t.captive:
			return fmt.Sprintf("a login page answers instead of %s (captive portal)", t.check.Target)
		case t.ok:
			answer++
		case t.known:
			failing = append(failing, t.check.Target)
			if t.rising {
				rising++
			}
		}
	}
	n := len(m.tracks)
	switch {
	case answer == 0 && len(failing) == 0:
		return "no check has answered yet"
	case n == 1 && answer == 1:
		return m.config.Checks[0].Target + " answers"
	case n == 1 && rising == 0:
		return m.config.Checks[0].Target + " does not answer"
	case answer+rising == n && rising > 0:
		return fmt.Sprintf("%d of %s answer again, %d not for long enough yet", n, checks(n), rising)
	case answer+len(failing) < n:
		return fmt.Sprintf("%d of %s answer, the others are being tried", answer, checks(n)) + m.but(v, failing)
	case answer == 0 && rising == 0:
		return "none of " + checks(n) + " answers"
	}
	return fmt.Sprintf("%d of %s answer", answer, checks(n)) + m.but(v, failing)
}

// but names the checks that do not answer, and whose fault that is where it is plain.
func (m *Machine) but(v Verdict, failing []string) string {
	verb := "do"
	if len(failing) == 1 {
		verb = "does"
	}
	switch {
	case len(failing) == 0:
		return ""
	case v.Broken == OneTarget && slices.ContainsFunc(v.Checks, func(c CheckVerdict) bool { return c.Flaky }):
		return "; " + failing[0] + " alone does not answer: its fault, not the line's"
	case v.Broken == DNSOnly:
		return fmt.Sprintf("; %s %s not answer DNS queries", list(failing), verb)
	}
	return fmt.Sprintf("; %s %s not", list(failing), verb)
}

func checks(n int) string {
	if n == 1 {
		return "1 check"
	}
	return fmt.Sprintf("%d checks", n)
}

// list joins words as in a sentence: "a, b and c".
func list(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
