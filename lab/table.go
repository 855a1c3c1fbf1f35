package lab

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print prints the story as a table, one chapter a line.
func (s Story) Print(w io.Writer) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what happened\tUDP gap\tlost\tTCP stream\tidle TCP\tfailed connects\tline\tpromise\t")
	for _, c := range s.Chapters {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%d of %d\t%s\t%s\t\n", c.Title, round(c.UDP.Gap), c.UDP.Lost,
			c.fate(c.Stream, c.Told), c.fate(c.Idle, c.ToldIdle), c.Connect.Failed, c.Connect.Tried, c.Line, c.promise())
	}
	_ = t.Flush() // w's errors are those of the terminal
	fmt.Fprintln(w)
}

func (c Chapter) promise() string {
	what := "nothing lost"
	if c.Broken {
		what = fmt.Sprintf("gap ≤ %s, told ≤ %s", c.Promise, ToldPromise)
	}
	if c.Kept() {
		return what + ": kept"
	}
	return what + ": BROKEN"
}
