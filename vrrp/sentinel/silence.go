package sentinel

import "time"

// silence measures how long the other end has said nothing. A look that comes late counts as one that came in time: who
// was not running himself has no word on others.
type silence struct {
	looked time.Time
	length time.Duration
}

// broken notes a sign of life.
func (s *silence) broken() { s.length = 0 }

// look returns the length of the silence; it is called every Beat.
func (s *silence) look(now time.Time) time.Duration {
	s.length += min(now.Sub(s.looked), Beat)
	s.looked = now
	return s.length
}
