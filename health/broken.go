package health

import "strconv"

// Broken says what the failing checks of a WAN have in common.
type Broken uint8

const (
	Nothing     Broken = iota
	OneTarget          // one check fails, the others pass: the target's fault, not the line's
	SomeTargets        // several fail, and some others pass
	DNSOnly            // every DNS check fails and nothing else does
	WebOnly            // every HTTP check fails, or is redirected, and nothing else does
	Everything         // no check passes
)

func (b Broken) String() string {
	if int(b) < len(brokenNames) {
		return brokenNames[b]
	}
	return "broken " + strconv.Itoa(int(b))
}

var brokenNames = [...]string{"nothing", "one target", "some targets", "dns", "web", "everything"}

// broken classifies the failing checks; checks without a verdict yet are left out.
func broken(checks []CheckVerdict) Broken {
	var failing, passing [DNS + 1]int // by Kind
	fails, passes := 0, 0
	for _, c := range checks {
		switch {
		case !c.Known:
		case c.OK:
			passing[c.Check.Kind]++
			passes++
		default:
			failing[c.Check.Kind]++
			fails++
		}
	}
	switch {
	case fails == 0:
		return Nothing
	case passes == 0:
		return Everything
	case failing[DNS] == fails && passing[DNS] == 0:
		return DNSOnly
	case failing[HTTP] == fails && passing[HTTP] == 0:
		return WebOnly
	case fails == 1:
		return OneTarget
	}
	return SomeTargets
}
