package health

import "time"

// Defaults of the issue: a blackout is declared in well under two seconds with one probe per check and second.
const (
	defaultInterval = time.Second
	defaultTimeout  = time.Second
	defaultConfirm  = 200 * time.Millisecond
	defaultFall     = 3
	defaultRise     = 10
	defaultWeight   = 20
)

// WithDefaults returns c with every zero field filled in: interval and timeout 1 s, confirm 200 ms, fall 3,
// rise 10, weight 20, DefaultChecks, and a quorum of half of the total weight, rounded up.
func (c Config) WithDefaults() Config {
	orDefault(&c.Interval, defaultInterval)
	orDefault(&c.Timeout, defaultTimeout)
	orDefault(&c.Confirm, min(defaultConfirm, c.Interval))
	orDefault(&c.Fall, defaultFall)
	orDefault(&c.Rise, defaultRise)
	if len(c.Checks) == 0 {
		c.Checks = DefaultChecks()
	}
	checks := make([]Check, len(c.Checks))
	total := 0
	for i, check := range c.Checks {
		orDefault(&check.Weight, defaultWeight)
		checks[i] = check
		total += check.Weight
	}
	c.Checks = checks
	orDefault(&c.Quorum, (total+1)/2)
	return c
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// DefaultChecks returns what a WAN is checked with when its owner names nothing: pings of three different
// operators, so that no single one of them can make the line look dead.
func DefaultChecks() []Check {
	return []Check{
		{Kind: Ping, Target: "1.1.1.1", Weight: defaultWeight},
		{Kind: Ping, Target: "8.8.8.8", Weight: defaultWeight},
		{Kind: Ping, Target: "9.9.9.9", Weight: defaultWeight},
	}
}
