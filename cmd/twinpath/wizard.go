package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/durable"
	"github.com/twinpath/twinpath/image/setup"
	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/web"
	"github.com/twinpath/twinpath/wizard"
)

// runWizard is "twinpath wizard": the questions of the page in a terminal.
func runWizard(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("wizard")
	file := flags.String("config", bootFile, "")
	output := flags.String("output", "", "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	v := &visit{dialog: newDialog(std), client: web.NewClient(*socket), file: *file, output: *output, cables: cablesHere}
	return v.run(ctx)
}

// visit is one run of the wizard.
type visit struct {
	*dialog
	client *web.Client
	file   string // the configuration that it begins with, and writes without a daemon
	output string // written instead; empty: none

	cables  func() map[string]bool // the ports by name, and whether each has a carrier
	running bool                   // a daemon answers
	facts   wizard.Facts
	old     string // the text of file; empty: there is none
}

func (v *visit) run(ctx context.Context) error {
	if err := v.prepare(ctx); err != nil {
		return err
	}
	return v.converse(ctx)
}

// converse asks, and does with the answers what the owner wants.
func (v *visit) converse(ctx context.Context) error {
	d := wizard.New(v.facts)
	if v.old != "" {
		var err error
		if d, err = wizard.From([]byte(v.old), v.facts); err != nil {
			return fmt.Errorf("%w\nhint: \"twinpath check %s\" says what is wrong with it", err, v.file)
		}
	}
	v.say("Enter takes what stands in brackets, ? explains, b goes back. Nothing changes before the end.\n" +
		"At a port, w says which one a cable is in when you unplug it.\n")
	if err := v.ask(ctx, d); err != nil {
		return err
	}
	return v.finish(ctx, string(d.TOML([]byte(v.old))))
}

// prepare finds out what there is: ports, and a configuration.
func (v *visit) prepare(ctx context.Context) error {
	text, err := os.ReadFile(v.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the configuration: %w", err)
	}
	v.old = string(text)
	v.facts = wizard.Facts{Hostname: hostname(), Setup: v.old == "", Hash: hashPassword}
	if _, err := v.client.Status(ctx); err == nil {
		v.running = true
		v.facts.Ports, err = v.client.Ports(ctx)
		if err == nil {
			return nil
		}
	}
	if v.facts.Ports = portsHere(ctx); len(v.facts.Ports) == 0 && v.old == "" {
		return errors.New("find the Ethernet ports: there is none\nhint: the wizard asks about the machine that it runs on; a USB adapter has to be plugged in")
	}
	return nil
}

// portsHere looks at the ports without a daemon. Only root learns who answers on them.
func portsHere(ctx context.Context) []wizard.Port {
	s := &sockets{Kernel: kernel.New(slog.New(slog.DiscardHandler))}
	links, err := s.Links()
	if err != nil {
		return nil
	}
	var all []wizard.Port
	for _, link := range links {
		p := setup.Port{Link: link}
		if link.Carrier {
			if up, err := s.Look(ctx, link.Name); err == nil {
				p.Known, p.Upstream = true, up
			}
		}
		all = append(all, setup.Describe(p))
	}
	slices.SortFunc(all, func(a, b wizard.Port) int { return compareNames(a.Name, b.Name) })
	return all
}

// cablesHere are the machine's ports, and whether something is plugged in.
func cablesHere() map[string]bool {
	s := &sockets{Kernel: kernel.New(slog.New(slog.DiscardHandler))}
	links, _ := s.Links() // none: nothing moves
	cables := map[string]bool{}
	for _, link := range links {
		cables[link.Name] = link.Carrier
	}
	return cables
}

// errLeft is the owner's wish to stop.
var errLeft = errors.New("left")

// left ends the command when the owner has gone before anything was changed.
func (v *visit) left() error {
	v.say("\nNothing was changed.\n")
	return saidError(no)
}

// finish shows the file with its problems, and does with it what the owner wants.
func (v *visit) finish(ctx context.Context, text string) error {
	if text == v.old {
		v.say("\nNothing was changed.\n")
		return nil
	}
	v.preview(text)
	if _, problems := config.Parse("new", []byte(text)); len(problems) > 0 {
		v.say("\nThis does not go together yet:\n%v\n", problems)
		return v.left()
	}
	to := v.output
	if to == "" {
		to = v.file
	}
	if v.running && v.output == "" {
		return v.apply(ctx, text)
	}
	answer, err := v.line(ctx, fmt.Sprintf("\nWrite it to %s? [y] ", to), false)
	if err != nil || !agreed(answer) {
		return v.left()
	}
	if err := writeWhole(to, text); err != nil {
		return err
	}
	v.say("Written. \"twinpath run\" uses it.\n")
	return nil
}

// preview shows a new file as it is, and of an old one what changes.
func (v *visit) preview(text string) {
	if v.old == "" {
		v.say("\n%s", text)
		return
	}
	v.say("\nWhat changes in %s:\n", v.file)
	for _, l := range wizard.Diff(v.old, text) {
		v.say("%4d %c %s\n", l.N, l.Sign, l.Text)
	}
}

func agreed(answer string) bool {
	return slices.Contains([]string{"", "y", "yes"}, strings.ToLower(strings.TrimSpace(answer)))
}

// patience is how long a new configuration waits for its confirmation, as on the page.
const patience = 90 * time.Second

// apply lets the daemon use the new file, and keeps it only if the owner still says so afterwards.
func (v *visit) apply(ctx context.Context, text string) error {
	answer, err := v.line(ctx, fmt.Sprintf("\nUse it now? It goes back by itself after %s unless you keep it. [y] ", patience), false)
	if err != nil || !agreed(answer) {
		return v.left()
	}
	values := url.Values{"name": {v.file}, "confirm": {patience.String()}}
	if err := v.client.Post(ctx, "apply", values, []byte(text)); err != nil {
		return refused(err, v.std)
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err = v.line(wait, "In use. Keep it? [y] ", false)
	if err != nil || !agreed(answer) {
		if err := v.client.Revert(context.WithoutCancel(ctx)); err != nil && !errors.Is(wait.Err(), context.DeadlineExceeded) {
			return refused(err, v.std)
		}
		v.say("\nIt is as it was before.\n")
		return saidError(no)
	}
	if err := v.client.Post(ctx, "confirm", nil, nil); err != nil {
		return refused(err, v.std)
	}
	v.say("Kept.\n")
	return nil
}

// writeWhole replaces a file; it has passwords in it.
func writeWhole(name, text string) error {
	const mode = 0o600
	name, err := filepath.Abs(name)
	if err == nil {
		err = durable.Replace(name, []byte(text), mode)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// dialog reads lines and writes text.
type dialog struct {
	std  stdio
	in   chan typed
	next func() // asks the reader for one more line
}

type typed struct {
	line string
	err  error
}

func newDialog(std stdio) *dialog {
	t := &dialog{std: std, in: make(chan typed)}
	reader := bufio.NewReader(std.in)
	t.next = func() {
		go func() {
			line, err := reader.ReadString('\n')
			if line != "" && errors.Is(err, io.EOF) {
				err = nil
			}
			t.in <- typed{strings.TrimRight(line, "\r\n"), err}
		}()
	}
	return t
}

func (t *dialog) say(format string, args ...any) { fmt.Fprintf(t.std.out, format, args...) }

// line asks and reads a line, of a secret without showing it. Whoever interrupts, or has no more to say, has left.
func (t *dialog) line(ctx context.Context, prompt string, secret bool) (string, error) {
	t.say("%s", prompt)
	if secret {
		defer t.hush()()
	}
	t.next()
	select {
	case got := <-t.in:
		if got.err != nil {
			return "", errLeft
		}
		return got.line, nil
	case <-ctx.Done():
		return "", errLeft
	}
}

// hush stops a terminal from showing what is typed (termios(3)), and returns what lets it again.
func (t *dialog) hush() func() {
	file, ok := t.std.in.(*os.File)
	if !ok {
		return func() {}
	}
	before, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	if err != nil {
		return func() {}
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	_ = unix.IoctlSetTermios(int(file.Fd()), unix.TCSETS, &quiet)
	return func() {
		_ = unix.IoctlSetTermios(int(file.Fd()), unix.TCSETS, before)
		t.say("\n")
	}
}
