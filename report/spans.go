package report

import (
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// GapsOf is when in a stretch of time nobody looked at a line, or with no name at any. What is measured last may still be
// under way: it is no gap. Without measurements nothing is known to be one.
func GapsOf(m router.Measures, name string, in Span) []Span {
	step, n := time.Duration(m.Step)*time.Second, 0
	lines := slices.DeleteFunc(slices.Clone(m.WANs), func(w router.MeasuredWAN) bool { return name != "" && w.Name != name })
	for _, w := range lines {
		n = max(n, len(w.Points))
	}
	if len(m.WANs) == 0 || step <= 0 {
		return nil
	}
	begin := m.Until.Add(-time.Duration(n) * step)
	gaps := []Span{{in.From, begin}}
	for i := range n - min(n, 2) {
		if !looked(lines, n-i) {
			at := begin.Add(time.Duration(i) * step)
			gaps = append(gaps, Span{at, at.Add(step)})
		}
	}
	return clip(merge(gaps), in)
}

// looked reports whether there is a point, counted from the newest.
func looked(lines []router.MeasuredWAN, back int) bool {
	return slices.ContainsFunc(lines, func(w router.MeasuredWAN) bool {
		return back <= len(w.Points) && w.Points[len(w.Points)-back] != nil
	})
}

// merge joins what overlaps or touches. Empty spans vanish.
func merge(spans []Span) []Span {
	spans = slices.DeleteFunc(slices.Clone(spans), func(s Span) bool { return !s.From.Before(s.To) })
	slices.SortFunc(spans, func(a, b Span) int { return a.From.Compare(b.From) })
	var all []Span
	for _, s := range spans {
		if n := len(all); n > 0 && !s.From.After(all[n-1].To) {
			if s.To.After(all[n-1].To) {
				all[n-1].To = s.To
			}
			continue
		}
		all = append(all, s)
	}
	return all
}

// minus is what of the spans none of the others covers. Both are merged.
func minus(spans, others []Span) []Span {
	var all []Span
	for _, s := range spans {
		for _, o := range others {
			if !overlaps(s, o) {
				continue
			}
			all = append(all, Span{s.From, o.From})
			s.From = o.To
		}
		all = append(all, s)
	}
	return merge(all)
}

// clip is what of the spans lies in another.
func clip(spans []Span, in Span) []Span {
	var all []Span
	for _, s := range spans {
		if s.From.Before(in.From) {
			s.From = in.From
		}
		if s.To.After(in.To) {
			s.To = in.To
		}
		all = append(all, s)
	}
	return merge(all)
}

// overlaps reports whether a lies in b, be it partly. One whose end is before its beginning, as a clock that was set makes it,
// is where it begins.
func overlaps(a, b Span) bool {
	return a.From.Before(b.To) && (a.To.After(b.From) || !a.From.Before(b.From))
}

func length(spans []Span) time.Duration {
	var sum time.Duration
	for _, s := range spans {
		sum += s.To.Sub(s.From)
	}
	return sum
}
