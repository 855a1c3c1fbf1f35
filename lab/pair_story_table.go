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
		{"new connections", fmt.Sprintf("%d of %d failed", c.Connect.Failed, c.Connect.Tried)},
		{"gateway's holder", fmt.Sprintf("nobody for %s, both for %s", round(c.Holders.None), round(c.Holders.Several))},
		{"served by", serves},
	} {
		fmt.Fprintf(s.w, "%10s  %-16s %s\n", "", line[0], line[1])
	}
	s.say("%s: %s", c.Serves, c.Sentence)
}

// fate is what became of the TCP stream.
func (c PairChapter) fate() string {
	return Chapter{Broken: c.moves()}.fate(c.Stream, c.Told)
}

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
	fmt.Fprintln(w, "TCP connections are made anew after each move: handing them over comes with a later version.")
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
	if !c.moves() {
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
