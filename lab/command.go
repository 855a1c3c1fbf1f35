package lab

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Command is "twinpath lab": it builds the Default home, runs the binary as its router and plays the story, then leaves the
// home to the user. With --play it exits by itself, with 0 if every promise was kept, else 1; 2 is wrong usage.
// The caller has entered the sandbox.
func Command(ctx context.Context, args []string, in io.Reader, out io.Writer, binary string) int {
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.SetOutput(out)
	play := flags.Bool("play", false, "play the story and exit: 0 when every promise was kept")
	quiet := flags.Bool("no-story", false, "leave the home to the user at once")
	runs := flags.Int("runs", 1, "play the story so often, each time in a new home")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0 || *runs < 1 || *quiet && *play:
		fmt.Fprintln(out, "usage: twinpath lab [--play | --no-story] [--runs N]")
		return 2
	}
	p := player{in: in, out: out, binary: binary}
	if *quiet {
		return p.only(ctx)
	}
	for run := range *runs {
		phase := time.Duration(run) * time.Second / time.Duration(*runs) // spread over the default interval of checks
		if err := p.run(ctx, phase, !*play && run == *runs-1); err != nil {
			fmt.Fprintln(out, err)
			return 1
		}
	}
	if *runs > 1 {
		printRuns(out, p.stories)
	}
	if slices.ContainsFunc(p.stories, func(s Story) bool { return !s.Kept() }) {
		return 1
	}
	return 0
}

type player struct {
	in      io.Reader
	out     io.Writer
	binary  string
	stories []Story
}

// run plays the story in a home of its own, and leaves it to the user when stay is set.
func (p *player) run(ctx context.Context, phase time.Duration, stay bool) error {
	h, err := p.open(ctx)
	if h == nil {
		return err
	}
	defer h.Close()
	var story Story
	if err == nil {
		story, err = playAt(ctx, p.out, h, h.Boxes[0], phase)
	}
	p.stories = append(p.stories, story)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case err != nil:
		err = fmt.Errorf("%w\nthe end of the daemon's log:\n%s", err, tail(h.Boxes[0].Log()))
	}
	if !stay {
		return err
	}
	if err != nil {
		fmt.Fprintln(p.out, err)
	}
	return Interactive(ctx, p.in, p.out, h)
}

// only leaves a home to the user, and returns the exit status.
func (p *player) only(ctx context.Context) int {
	h, err := p.open(ctx)
	if h == nil {
		fmt.Fprintln(p.out, err)
		return 1
	}
	defer h.Close()
	if err != nil {
		fmt.Fprintln(p.out, err)
	}
	if err := Interactive(ctx, p.in, p.out, h); err != nil {
		return 1
	}
	return 0
}

// open builds a home and starts the daemon in it. There is a home even when the daemon does not start.
func (p *player) open(ctx context.Context) (*House, error) {
	h, err := Build(ctx, Default())
	if err != nil {
		return nil, err
	}
	return h, h.Boxes[0].Start(ctx, p.binary, DefaultConfig)
}

// printRuns prints the median and the worst of several stories.
func printRuns(w io.Writer, stories []Story) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d runs, median / worst\tUDP gap\tlost\tTCP told\tidle TCP told\tcarried after\t\n", len(stories))
	for i, c := range stories[0].Chapters {
		told := []string{"-", "-"}
		if c.Broken {
			told[0] = spread(stories, i, func(c Chapter) time.Duration { return round(max(c.Told, 0)) })
			told[1] = spread(stories, i, func(c Chapter) time.Duration { return round(max(c.ToldIdle, 0)) })
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Title,
			spread(stories, i, func(c Chapter) time.Duration { return round(c.UDP.Gap) }),
			spread(stories, i, func(c Chapter) int { return c.UDP.Lost }), told[0], told[1],
			spread(stories, i, func(c Chapter) time.Duration { return round(c.Took) }))
	}
	_ = t.Flush() // w's errors are those of the terminal
}

// spread is the median and the worst of one value of one chapter.
func spread[T cmp.Ordered](stories []Story, chapter int, of func(Chapter) T) string {
	var all []T
	for _, s := range stories {
		if chapter < len(s.Chapters) {
			all = append(all, of(s.Chapters[chapter]))
		}
	}
	slices.Sort(all)
	return fmt.Sprintf("%v / %v", all[len(all)/2], all[len(all)-1])
}
