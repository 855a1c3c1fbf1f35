package lab

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// PairStory is what PlayPair saw, chapter by chapter.
type PairStory []PairChapter

// Kept reports whether every promise holds.
func (s PairStory) Kept() bool {
	return len(s) > 0 && !slices.ContainsFunc(s, func(c PairChapter) bool { return !c.Kept() })
}

// tell prints what the house felt.
func (s *pairStage) tell(c PairChapter) {
	serves := "still " + c.Serves
	if c.moves() {
		serves = fmt.Sprintf("%s, by %s, %s after the event", c.Serves, c.Line, round(c.Took))
	}
	for _, line := range [][2]string{
		{"UDP each 2 ms", fmt.Sprintf("longest gap %s, %d of %d lost", round(c.UDP.Gap), c.UDP.Lost, c.UDP.Sent)},
		{"gateway's ping", fmt.Sprintf("longest gap %s, %d of %d lost", round(c.Ping.Gap), c.Ping.Lost, c.Ping.Sent)},
		{"TCP stream", c.fate()},
		{"running flows", c.way()},
		{"new connections", fmt.Sprintf("%d of %d failed", c.Connect.Failed, c.Connect.Tried)},
		{"gateway's holder", fmt.Sprintf("nobody for %s, both for %s", round(c.Holders.None), round(c.Holders.Several))},
		{"served by", serves},
	} {
		fmt.Fprintf(s.w, "%10s  %-16s %s\n", "", line[0], line[1])
	}
	s.say("%s: %s", c.Serves, c.Sentence)
}

// fate is what became of the TCP streams of both families.
func (c PairChapter) fate() string {
	of := Chapter{Broken: c.Breaks}
	fate := of.fate(c.Stream, c.Told)
	if c.Stream6 != nil {
		fate += ", IPv6 " + of.fate(*c.Stream6, c.Told6)
	}
	return fate
}

// way is what became of the flow of datagrams.
func (c PairChapter) way() string {
	switch {
	case len(c.UDP.Via) > 1:
		return fmt.Sprintf("seen from %s at first, from %s in the end", c.UDP.Via[0], c.UDP.Via[len(c.UDP.Via)-1])
	case c.moves():
		return fmt.Sprintf("stay with %s until they end; new ones take %s", c.From, c.Line)
	}
	return "stay where they are"
}

// pairCounterFigures are those of docs/benchmarks.md for the same house.
const pairCounterFigures = `The same with keepalived 2.2.7 (docs/benchmarks.md): a dead provider is felt for 8.1 s, a power cut for 3.3 s; when the house moves back, or is
moved by its owner, every TCP connection ends and every UDP flow changes its address.
`

// Print prints the story as a table, one chapter a line.
func (s PairStory) Print(w io.Writer) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what happened\tUDP gap\tlost\tgateway silent\tnobody / both\tTCP stream\tfailed connects\tserved by\tpromise\t")
	for _, c := range s {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s / %s\t%s\t%d of %d\t%s\t%s\t\n", c.Title, round(c.UDP.Gap), c.UDP.Lost, round(c.Ping.Gap),
			round(c.Holders.None), round(c.Holders.Several), c.fate(), c.Connect.Failed, c.Connect.Tried, c.Serves, c.promise())
	}
	_ = t.Flush() // w's errors are those of the terminal
	fmt.Fprint(w, pairCounterFigures)
	fmt.Fprintln(w)
}

func (c PairChapter) promise() string {
	what := "nothing lost"
	if c.Gap > 0 {
		what = fmt.Sprintf("gap ≤ %s", round(c.Gap))
	}
	if c.Gap != c.Silence {
		what += fmt.Sprintf(", silent ≤ %s", round(c.Silence))
	}
	if c.Breaks {
		what += fmt.Sprintf(", told ≤ %s", ToldPromise)
	} else {
		what += ", TCP lives"
	}
	if c.Kept() {
		return what + ": kept"
	}
	return what + ": BROKEN"
}

// printPairRuns prints the median and the worst of several stories.
func printPairRuns(w io.Writer, stories []PairStory) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d runs, median / worst\tUDP gap\tlost\tgateway silent\tboth\tcarried after\t\n", len(stories))
	for i, c := range stories[0] {
		gap := func(of func(PairChapter) time.Duration) string {
			return spread(stories, i, func(c PairChapter) time.Duration { return round(of(c)) })
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Title,
			gap(func(c PairChapter) time.Duration { return c.UDP.Gap }),
			spread(stories, i, func(c PairChapter) int { return c.UDP.Lost }),
			gap(func(c PairChapter) time.Duration { return c.Ping.Gap }),
			gap(func(c PairChapter) time.Duration { return c.Holders.Several }),
			gap(func(c PairChapter) time.Duration { return c.Took }))
	}
	_ = t.Flush() // w's errors are those of the terminal
}
