package router

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// foldApplied remembers how the plan was taken and names what others did to it.
func (s *State) foldApplied(now time.Time, f PlanApplied) []Event {
	var events []Event
	say := func(format string, args ...any) {
		events = append(events, Event{Time: now, Kind: EventRouter, Blame: BlameOther, Sentence: fmt.Sprintf(format, args...)})
	}
	if f.Applied.Changes > 0 {
		s.kernel.Applied, s.kernel.Took = now, Milliseconds(f.Applied.Took)
	}
	if n := len(f.Applied.Restored); n > 0 {
		s.kernel.Restored += n
		say("Another program removed %s; put back.", summary(f.Applied.Restored))
	}
	for _, h := range f.Applied.Hidden {
		if !slices.Contains(s.hidden, h) {
			say("A foreign route goes before ours: %s.", h)
		}
	}
	s.hidden = f.Applied.Hidden
	text := ""
	if f.Err != nil {
		text = f.Err.Error()
	}
	if text != s.kernel.Error && text != "" {
		say("The kernel refused a part of the plan: %s.", strings.ReplaceAll(text, "\n", "; "))
	}
	s.kernel.Error = text
	return events
}

// summary names the first few of a list: a flushed table need not fill a page.
func summary(items []string) string {
	const few = 3
	if len(items) <= few {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:few], ", "), len(items)-few)
}
