// Package rescue says what to do next about a line on USB that does not work: phones and modems hang, and come back when they are
// taken off and put on again. Asking for a new lease comes before, and is the client's own business.
package rescue

import "time"

// Step is what is done about a device.
type Step uint8

// The steps, from mild to harsh.
const (
	Nothing Step = iota
	Replug       // taken off and put on again by software: the kernel forgets the device and meets it anew
	Cycle        // its socket's power switched off and on
)

func (s Step) String() string { return [...]string{"nothing", "replug", "power-cycle"}[s] }

// Chosen by us. A client asks for its lease anew after a minute; the first step waits two more, and each takes twice as long as the
// one before: a provider's outage is not to wear out a phone.
const (
	first   = 3 * time.Minute
	longest = time.Hour
	// quiet is how long a line must have worked for its next outage to be a new one.
	quiet = 10 * time.Minute
)

// Ladder is the steps of one line. The zero value stands at its foot.
type Ladder struct {
	sick   bool
	well   time.Time // since when it has been, or the end of the latest outage
	next   time.Time
	wait   time.Duration
	done   int
	latest Step
	at     time.Time
}

// See takes in whether the line works, and returns the step to be taken now.
func (l *Ladder) See(now time.Time, sick bool) Step {
	switch {
	case !sick && l.sick:
		l.sick, l.well, l.next = false, now, time.Time{}
		return Nothing
	case !sick:
		return Nothing
	case !l.sick:
		l.begin(now)
		return Nothing
	case now.Before(l.next):
		return Nothing
	}
	return l.climb(now)
}

// begin starts an outage; one that follows the last closely goes on with its waits.
func (l *Ladder) begin(now time.Time) {
	if l.well.IsZero() || now.Sub(l.well) >= quiet {
		l.wait, l.done, l.latest, l.at = first, 0, Nothing, time.Time{}
	}
	l.sick, l.next = true, now.Add(l.wait)
}

// climb takes the next step: first by software, then by the power of its socket, and again.
func (l *Ladder) climb(now time.Time) Step {
	l.latest, l.at = Replug, now
	if l.done%2 == 1 {
		l.latest = Cycle
	}
	l.done++
	l.wait = min(2*l.wait, longest)
	l.next = now.Add(l.wait)
	return l.latest
}

// Next is when See is to be called even if nothing happens; zero: never.
func (l *Ladder) Next() time.Time {
	if !l.sick {
		return time.Time{}
	}
	return l.next
}

// Latest is the last step of this outage, and when it was taken; Nothing when there was none.
func (l *Ladder) Latest() (Step, time.Time) {
	if !l.sick {
		return Nothing, time.Time{}
	}
	return l.latest, l.at
}
