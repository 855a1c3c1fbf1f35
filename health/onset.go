package health

import "time"

// Onset is the longest that it takes to find a line down of which every target falls silent at once, having answered within rtt
// until then. It follows the checks as Machine does them: half an interval may pass until the first probe is lost; when that is late
// the others are asked, a confirm apart; each has to miss as often as need says; the last one is waited for.
func (c Config) Onset(rtt time.Duration) time.Duration {
	c = c.WithDefaults()
	n := time.Duration(len(c.Checks))
	patience := min(c.Timeout, max(leastPatience, patienceFactor*rtt))
	late := min(patience, max(leastLateness, latenessFactor*rtt))
	misses := time.Duration(c.silentMisses())
	if n == 1 {
		if misses == 1 {
			return c.Interval + patience
		}
		return c.Interval + max(late, c.Confirm) + (misses-2)*c.Confirm + patience
	}
	others := late + c.Confirm/n*(n-1)
	return c.Interval/beats + others + (misses-1)*c.Confirm + patience
}

// silentMisses is how many probes in a row each check must have missed where none of several answers, and the only one.
func (c Config) silentMisses() int {
	n := len(c.Checks)
	if n == 1 {
		return c.Fall
	}
	return max(c.Fall, min(proofEach, (proof+n-1)/n))
}
