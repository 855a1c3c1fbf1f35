package health

import (
	"slices"
	"time"
)

// windowSize is how many probes of a check are remembered: a minute at the default interval (chosen here).
const windowSize = 60

// recentSize is how many of them count for the patience with the next one: an old spike is soon forgotten.
const recentSize = 20

// fate is what became of one probe.
type fate uint8

const (
	unsent fate = iota
	pending
	answered
	missed
	forgotten // neither: we were stopped ourselves, nobody can say
)

// shot is one probe that was sent.
type shot struct {
	seq      uint64
	sent     time.Time
	patience time.Duration // unanswered for longer, it counts as missed
	late     bool          // it was answered or missed after raising suspicion
	fate     fate
	rtt      time.Duration
}

// window remembers a check's last probes. Sequence numbers start at 1.
type window struct {
	shots  [windowSize]shot
	last   uint64 // of the newest probe; 0 before the first
	oldest uint64 // no probe before it is pending
}

// full reports whether another probe would push out one that is still pending.
func (w *window) full() bool { return w.oldest > 0 && w.last+1-w.oldest >= windowSize }

func (w *window) add(now time.Time, patience time.Duration) uint64 {
	w.last++
	if w.oldest == 0 {
		w.oldest = 1
	}
	w.shots[w.last%windowSize] = shot{seq: w.last, sent: now, patience: patience, fate: pending}
	return w.last
}

// get returns the probe with this number, nil when it is not remembered.
func (w *window) get(seq uint64) *shot {
	if s := &w.shots[seq%windowSize]; seq > 0 && s.seq == seq {
		return s
	}
	return nil
}

// pendings calls f with every pending probe, oldest first.
func (w *window) pendings(f func(*shot)) {
	for w.oldest != 0 && w.oldest <= w.last && w.get(w.oldest).fate != pending {
		w.oldest++
	}
	for seq := max(w.oldest, 1); seq <= w.last; seq++ {
		if s := w.get(seq); s.fate == pending {
			f(s)
		}
	}
}

// misses counts the missed probes from seq on.
func (w *window) misses(from uint64) (n int, first *shot) {
	if w.last >= windowSize {
		from = max(from, w.last-windowSize+1)
	}
	for seq := from; seq <= w.last; seq++ {
		s := w.get(seq)
		if s == nil || s.fate != missed {
			continue
		}
		if n++; first == nil {
			first = s
		}
	}
	return n, first
}

// recent returns the longest round trip among the newest probes, 0 when none was answered.
func (w *window) recent() time.Duration {
	var longest time.Duration
	for i := uint64(0); i < recentSize && i < w.last; i++ {
		if s := w.get(w.last - i); s != nil && s.fate == answered {
			longest = max(longest, s.rtt)
		}
	}
	return longest
}

// times appends the round trips of the answered probes.
func (w *window) times(rtts []time.Duration) []time.Duration {
	for i := range w.shots {
		if s := &w.shots[i]; s.fate == answered {
			rtts = append(rtts, s.rtt)
		}
	}
	return rtts
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// median sorts rtts and returns the middle one, 0 for none.
func median(rtts []time.Duration) time.Duration {
	if len(rtts) == 0 {
		return 0
	}
	slices.Sort(rtts)
	return rtts[len(rtts)/2]
}
