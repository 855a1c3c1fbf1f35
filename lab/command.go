package lab

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"text/tabwriter"
	"time"
)

// Setting is what a lab finds on the machine.
type Setting struct {
	Binary string       // the program for its routers
	Page   net.Listener // leads to the home's page; nil without --page
}

// options are the flags of "twinpath lab".
type options struct {
	pair, play, quiet bool
	runs, page        int
}

const usage = "usage: twinpath lab [--pair] [--play | --no-story] [--runs N] [--page PORT]"

// noPort is that of a lab whose page nobody sees from outside.
const noPort = -1

func readOptions(args []string, out io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.BoolVar(&o.pair, "pair", false, "two routers that share the gateway's address")
	flags.BoolVar(&o.play, "play", false, "play the story and exit: 0 when every promise was kept")
	flags.BoolVar(&o.quiet, "no-story", false, "leave the home to the user at once")
	flags.IntVar(&o.runs, "runs", 1, "play the story so often, each time in a new home")
	flags.IntVar(&o.page, "page", noPort, "lead this port of the machine's loopback to the home's page; 0: any free one")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.runs < 1 || o.quiet && o.play || o.page < noPort || o.page > 0xffff {
		fmt.Fprintln(out, usage)
		return o, errors.New(usage)
	}
	return o, nil
}

// Command is "twinpath lab": it builds the Default home, or with --pair the Pair, runs the binary on its routers and plays the
// story, then leaves the home to the user. With --play it exits by itself, with 0 if every promise was kept, else 1; 2 is wrong usage.
// The caller has entered the sandbox.
func Command(ctx context.Context, args []string, in io.Reader, out io.Writer, set Setting) int {
	o, err := readOptions(args, out)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	p := player{in: in, out: out, setting: set, tale: new(single)}
	if o.pair {
		p.tale = new(double)
	}
	if o.quiet {
		return p.only(ctx)
	}
	for run := range o.runs {
		phase := time.Duration(run) * time.Second / time.Duration(o.runs) // spread over the default interval of checks and adverts
		if err := p.run(ctx, phase, !o.play && run == o.runs-1); err != nil {
			fmt.Fprintln(out, err)
			return 1
		}
	}
	if o.runs > 1 {
		p.tale.sum(out)
	}
	if !p.tale.kept() {
		return 1
	}
	return 0
}

// tale is a home and what happens in it; it remembers what was seen each time.
type tale interface {
	home() Home
	start(ctx context.Context, h *House, binary string) error
	play(ctx context.Context, w io.Writer, h *House, phase time.Duration) error
	sum(w io.Writer)
	kept() bool
}

// single is the tale of one router with two lines.
type single struct{ stories []Story }

func (*single) home() Home { return Default() }

func (*single) start(ctx context.Context, h *House, binary string) error {
	return h.Boxes[0].Start(ctx, binary, DefaultConfig+PageConfig)
}

func (t *single) play(ctx context.Context, w io.Writer, h *House, phase time.Duration) error {
	story, err := playAt(ctx, w, h, h.Boxes[0], phase)
	t.stories = append(t.stories, story)
	return err
}

func (t *single) sum(w io.Writer) { printRuns(w, t.stories) }

func (t *single) kept() bool {
	return !slices.ContainsFunc(t.stories, func(s Story) bool { return !s.Kept() })
}

// double is the tale of a pair of routers.
type double struct{ stories []PairStory }

func (*double) home() Home { return pairAtPlay() }

func (*double) start(ctx context.Context, h *House, binary string) error {
	return startPair(ctx, h, binary, func(router string) string { return dualRouter(PairConfig(router)) + PairPageConfig(router) })
}

func (t *double) play(ctx context.Context, w io.Writer, h *House, phase time.Duration) error {
	story, err := playPairAt(ctx, w, h, phase)
	t.stories = append(t.stories, story)
	return err
}

func (t *double) sum(w io.Writer) { printPairRuns(w, t.stories) }

func (t *double) kept() bool {
	return !slices.ContainsFunc(t.stories, func(s PairStory) bool { return !s.Kept() })
}

// player plays a tale.
type player struct {
	in      io.Reader
	out     io.Writer
	setting Setting
	tale    tale
}

// run plays the story in a home of its own, and leaves it to the user when stay is set.
func (p *player) run(ctx context.Context, phase time.Duration, stay bool) error {
	h, err := p.open(ctx)
	if h == nil {
		return err
	}
	defer h.Close()
	if err == nil {
		err = p.tale.play(ctx, p.out, h, phase)
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case err != nil:
		for _, b := range h.Boxes {
			if b.Log() == "" {
				continue
			}
			err = fmt.Errorf("%w\nthe end of the log of %s's daemon:\n%s", err, b.Name, tail(b.Log()))
		}
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

// open builds a home and starts its daemons. There is a home even when one does not start.
func (p *player) open(ctx context.Context) (*House, error) {
	h, err := Build(ctx, p.tale.home())
	if err != nil {
		return nil, err
	}
	if p.setting.Page != nil {
		h.ServePage(p.setting.Page)
		fmt.Fprintln(p.out, h.page)
	}
	return h, p.tale.start(ctx, h, p.setting.Binary)
}

// printRuns prints the median and the worst of several stories.
func printRuns(w io.Writer, stories []Story) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d runs, median / worst\tUDP gap\tlost\tTCP told\tidle TCP told\tcarried after\t\n", len(stories))
	all := make([][]Chapter, len(stories))
	for i, s := range stories {
		all[i] = s.Chapters
	}
	for i, c := range all[0] {
		told := []string{"-", "-"}
		if c.Broken {
			told[0] = spread(all, i, func(c Chapter) time.Duration { return round(max(c.Told, 0)) })
			told[1] = spread(all, i, func(c Chapter) time.Duration { return round(max(c.ToldIdle, 0)) })
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Title,
			spread(all, i, func(c Chapter) time.Duration { return round(c.UDP.Gap) }),
			spread(all, i, func(c Chapter) int { return c.UDP.Lost }), told[0], told[1],
			spread(all, i, func(c Chapter) time.Duration { return round(c.Took) }))
	}
	_ = t.Flush() // w's errors are those of the terminal
}

// spread is the median and the worst of one value of one chapter.
func spread[S ~[]C, C any, T cmp.Ordered](stories []S, chapter int, of func(C) T) string {
	var all []T
	for _, s := range stories {
		if chapter < len(s) {
			all = append(all, of(s[chapter]))
		}
	}
	slices.Sort(all)
	return fmt.Sprintf("%v / %v", all[len(all)/2], all[len(all)-1])
}
