package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// within bounds a move to the other router: its word that it is ready, and the move.
const within = prepares + leaves

// waiting is the flag --wait, which needs no value: ten minutes are more than most connections last, and less than an owner's patience.
type waiting time.Duration

func (w *waiting) String() string   { return time.Duration(*w).String() }
func (w *waiting) IsBoolFlag() bool { return true }

func (w *waiting) Set(text string) error {
	const usual = "10m"
	if text == "true" {
		text = usual
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = fmt.Errorf("%s is less than nothing", text)
	}
	*w = waiting(d)
	return err
}

// drain is "twinpath drain".
func drain(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("drain")
	var wait waiting
	flags.Var(&wait, "wait", "")
	rest, err := parse(flags, args, 0, 1)
	if err != nil {
		return err
	}
	client := web.NewClient(*socket)
	if err := client.Post(ctx, "drain", url.Values{"wan": rest}, nil); err != nil {
		return refused(err, std)
	}
	if len(rest) == 0 {
		rest = []string{""}
	}
	d := &departure{wan: rest[0], wait: time.Duration(wait), out: std.out}
	return d.follow(ctx, client)
}

// departure is how the house leaves a line or, without one, this router, as far as it was said.
type departure struct {
	wan  string
	wait time.Duration // for the last connection; 0: it is not waited for
	out  io.Writer

	told bool // that it has begun
	left int  // as last said
	now  int  // as last counted
	used bool // new connections still come, as last seen
}

// follow tells how the house leaves, until nothing is left or there is no time any more.
func (d *departure) follow(ctx context.Context, client *web.Client) error {
	if d.wan != "" && d.wait == 0 {
		return nil
	}
	patience := d.wait
	if patience == 0 {
		patience = within
	}
	bound, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	over := false
	err := client.Watch(bound, func(s *router.Snapshot) {
		if !over && d.see(s) {
			over = true
			cancel()
		}
	})
	switch {
	case over || err != nil:
		return err
	case ctx.Err() != nil: // the owner has pressed Ctrl-C
		return saidError(no)
	case d.wait == 0 && d.used:
		d.say("No other router has taken the house over yet.\n")
		return nil
	case d.wait == 0:
		return nil
	case d.used:
		return fmt.Errorf("after %s the house still uses it", d.wait)
	}
	return fmt.Errorf("after %s, %s still there", d.wait, connections(d.now, "is", "are"))
}

// see takes a snapshot in and reports whether there is nothing more to wait for.
func (d *departure) see(s *router.Snapshot) bool {
	left, since, known, used := d.look(s)
	d.now, d.used = left, used
	switch {
	case since.IsZero() && d.wan == "": // a snapshot of before
		return false
	case !known && d.wait == 0:
		return true
	case !known || used:
		return false
	case left == 0 && (d.wan != "" || s.Vacant):
		d.say("Nothing uses %s any more: it may be %s.\n", d.name(s), d.off())
		return true
	case left == 0: // as far as anybody has counted
		return false
	case !d.told:
		d.say("The house has left %s at %s. %s until %s.\n", d.name(s), since.Local().Format("15:04:05"), stays(left), ends(left))
	case left <= d.left/2:
		d.say("%s left.\n", connections(left, "is", "are"))
	default:
		return d.wait == 0
	}
	d.told, d.left = true, left
	return d.wait == 0
}

// look finds in a snapshot how many connections are left, since when, whether anybody counts them, and whether new ones still come.
func (d *departure) look(s *router.Snapshot) (left int, since time.Time, known, used bool) {
	if d.wan == "" {
		if s.DrainedSince != nil {
			since = *s.DrainedSince
		}
		if s.Pair == nil || !s.Pair.Linked {
			return 0, since, false, serving(s)
		}
		return s.Pair.Left, since, true, serving(s)
	}
	for _, w := range s.WANs {
		if w.Name == d.wan && w.Drained && w.Left != nil {
			return *w.Left, s.Time, true, w.Active
		}
	}
	return 0, s.Time, false, true
}

func (d *departure) say(format string, values ...any) { fmt.Fprintf(d.out, format, values...) }

func (d *departure) name(s *router.Snapshot) string {
	if d.wan != "" {
		return d.wan
	}
	return s.Router
}

func (d *departure) off() string {
	if d.wan != "" {
		return "unplugged"
	}
	return "switched off"
}

func connections(n int, one, more string) string {
	if n == 1 {
		return "1 connection " + one
	}
	return fmt.Sprintf("%d connections %s", n, more)
}

func stays(n int) string { return connections(n, "stays with it", "stay with it") }

func ends(n int) string {
	if n == 1 {
		return "it ends"
	}
	return "they end"
}

// depart leaves the house to the other router, where there is one that can have it, and waits for the last connection no longer than wait. It
// is for a machine that is about to restart: that it cannot be done is no reason not to.
func depart(ctx context.Context, client *web.Client, wait time.Duration, out io.Writer) (moved bool) {
	short, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	s, err := client.Status(short)
	if err != nil || !serving(s) || !able(s.Pair) {
		return false
	}
	fmt.Fprintln(out, "The house moves to the other router.")
	if err := client.Drain(short, ""); err != nil {
		fmt.Fprintln(out, err)
		return false
	}
	bound, cancel := context.WithTimeout(ctx, max(wait, within))
	defer cancel()
	d := &departure{wait: max(wait, within), out: out}
	_ = client.Watch(bound, func(s *router.Snapshot) {
		if d.see(s) {
			cancel()
		}
	})
	return true
}

// departing is depart for a restart that may yet be refused: what it returns takes the house back.
func departing(ctx context.Context, client *web.Client, wait time.Duration, out io.Writer) (back func()) {
	if !depart(ctx, client, wait, out) {
		return func() {}
	}
	return func() { _ = client.Resume(context.WithoutCancel(ctx), "") }
}

// stopped reports whether systemd is about to stop the service, alone or with the machine, and not to restart it (systemctl(1), list-jobs: number,
// unit, job, state).
func stopped(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	said, err := exec.CommandContext(ctx, "systemctl", "list-jobs", "--no-legend", "--plain", "twinpath.service").Output()
	words := strings.Fields(string(said))
	return err == nil && len(words) > 2 && words[2] == "stop"
}
