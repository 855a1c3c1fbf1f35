package pathmtu

// search is one Find.
type search struct {
	Wish
	ask  Ask
	sent int
	err  error // why it cannot go on

	// of the target that is looked at
	good  int  // passes; 0: nothing has yet
	bad   int  // does not pass
	told  bool // somebody said so of bad; else it vanished
	vague bool // somebody said that a size is too large, and nothing of use about what would pass, as before RFC 1191
	hint  int  // what would pass, as somebody said; 0: nobody did
}

func (s *search) floor() int {
	if s.Six {
		return Sound
	}
	return least
}

// try asks once and draws no conclusion.
func (s *search) try(target, size, tries int) Answer {
	if s.err != nil {
		return Answer{}
	}
	if s.sent+tries > most {
		s.err = ErrUnclear
		return Answer{}
	}
	a := s.ask(target, size, tries)
	s.sent += a.Sent
	if a.Fate == Unsent {
		s.err = ErrLate
	}
	return a
}

// narrow closes in on the largest size that passes to a target. It reports whether that one does not answer large packets at all.
func (s *search) narrow(target int) (silent bool) {
	s.good, s.bad, s.told, s.vague, s.hint = 0, s.Most+1, false, false, 0
	for size, n := s.Most, firstTries; s.bad-s.good > 1 && s.err == nil; size, n = s.next(), tries {
		a := s.try(target, size, n)
		if a.Fate == Short || a.Fate != Whole && size <= s.floor() {
			return true
		}
		s.learn(size, a)
	}
	return false
}

// next is the size to be tried next: what somebody said, what was found the last time and one byte more, what every path carries, else
// the middle.
func (s *search) next() int {
	switch guess := s.Guess; {
	case s.hint > s.good && s.hint < s.bad:
		return s.hint
	case guess > s.good && guess < s.bad:
		return guess
	case guess != 0 && guess == s.good:
		s.Guess = 0
		return s.good + 1
	case s.good == 0 && s.bad > Sound:
		return Sound
	case s.good == 0:
		return s.floor()
	}
	return (s.good + s.bad) / 2
}

// learn draws the conclusion from an answer.
func (s *search) learn(size int, a Answer) {
	switch a.Fate {
	case Whole:
		s.good = size
		if size == s.hint { // who said so has the narrowest link
			s.bad, s.told = size+1, true
		}
	case Lost, Refused:
		s.bad, s.told = size, a.Fate == Refused
		if s.told && a.MTU >= s.floor() && a.MTU < size {
			s.hint = a.MTU
		} else if s.told {
			s.vague = true
		}
	case Unsent, Short:
	}
}

// second is what a second look says of a size that vanished.
type second uint8

const (
	doubtful second = iota
	agreed          // it vanishes
	told            // somebody says that it is too large
	passes
)

// confirm asks the targets after this one whether they see the same hole, and this one itself when they say nothing. Of IPv4 paths
// narrower than IPv6's least the target alone is no witness: more likely it does not answer large packets. It returns who lets more pass.
func (s *search) confirm(target int) (second, int) {
	for t := target + 1; t < s.Targets; t++ {
		if v := s.again(t); v != doubtful {
			return v, t
		}
	}
	if s.good < Sound {
		return doubtful, target
	}
	if v := s.again(target); v != passes { // now and then
		return v, target
	}
	return doubtful, target
}

// again sends what vanished and what passed in turn: a line that loses everything just now has no hole.
func (s *search) again(target int) second {
	for range rounds {
		switch a := s.try(target, s.bad, 1); a.Fate {
		case Whole:
			return passes
		case Refused:
			return told
		case Unsent, Short:
			return doubtful
		case Lost:
		}
		if a := s.try(target, s.good, 1); a.Fate != Whole {
			return doubtful
		}
	}
	return agreed
}
