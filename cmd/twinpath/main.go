// Command twinpath keeps a house online over two ways to the Internet (README.md).
//
// Exit status: 0 done, 1 the answer is no, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// version is set by the linker (Makefile).
var version = "unknown"

// Where things are unless flags say otherwise (docs/architecture.md).
const (
	bootFile   = "/etc/twinpath/twinpath.toml"
	stateDir   = "/var/lib/twinpath"
	socketPath = "/run/twinpath/twinpath.sock"

	archiveName = "configs" // in the state directory
)

// Exit statuses (design §4).
const (
	done    = 0
	no      = 1
	misused = 2
)

// usageError is a command line that makes no sense.
type usageError string

func (e usageError) Error() string { return string(e) }

// saidError ends a command with a status and no more words than were printed already.
type saidError int

func (e saidError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// stdio is what a command talks through.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

type command struct {
	name, args, does string
	run              func(ctx context.Context, args []string, std stdio) error
}

func commands() []command {
	return []command{
		{"run", "[--config F] [--state DIR] [--socket S]", "the daemon", runDaemon},
		{"check", "[F]", "every problem of a config", checkFile},
		{"plan", "[F]", "what would be asked of the kernel", plan},
		{"status", "[--json] [--watch]", "how the house is served", status},
		{"events", "[--since T] [--json]", "what happened", events},
		{"alert", "test [URL]", "a message to everybody who is told when a line breaks", alertCommand},
		{"report", "[--from D] [--to D] [--wan W] [--format text|csv|html] [--output F]", "the outages of a period, for the ISP", askReport},
		{"apply", "F [--confirm 90s]", "new config; back to the old one unless confirmed in time", apply},
		{"confirm", "", "keep the config just applied", confirm},
		{"drain", "[WAN] [--wait[=10m]]", "planned move: new connections leave this WAN, or the house this router", drain},
		{"resume", "[WAN]", "use it again", resume},
		{"drill", "WAN [--full] [--json]", "rehearse its failure: would the other line carry the house?", drillCommand},
		{"wizard", "[--config F] [--socket S] [--output F]", "questions, then a config; the page asks the same", runWizard},
		{"lab", "[--play | --no-story] [--runs N]", "a whole home in network namespaces, to pull its cables", labCommand},
		{"import", "F [--host H]", "keepalived.conf or freevrrpd.conf, as a config of ours", importConfig},
		{"cleanup", "", "remove every kernel object of ours", cleanup},
		{"update", "[FILE | -] [--force] [--no-reboot] [--wait 30s]", "a new system, which stays only if it is healthy (on the image)", updateCommand},
		{"reset", "[--yes]", "back to factory settings, and restart (on the image)", reset},
		{"password", "", "a password for the page, as its line in the config", makePassword},
		{"version", "", "print the version", printVersion},
		{"trial", "", "", runTrial},
		{"prepare", "", "", runPrepare}, // the image's units start these
		{"console", "", "", runConsole},
		{"sentinel", "", "", runSentinel}, // only the daemon starts these
		{"web", "", "", runWeb},
		{"verify", "", "", runVerify},
		{"shout", "", "", runShout},
		{"setup", "", "", runSetup}, // only the image's unit does
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// execute runs one command line and returns the exit status.
func execute(ctx context.Context, args []string, std stdio) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(std.out)
		return done
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return exitStatus(c, c.run(ctx, args[1:], std), std)
		}
	}
	fmt.Fprintf(std.err, "twinpath: there is no command %q\nhint: \"twinpath help\" lists them\n", args[0])
	return misused
}

// exitStatus is that of a command, with the words that belong to it.
func exitStatus(c command, err error, std stdio) int {
	var wrong usageError
	var said saidError
	switch {
	case err == nil:
		return done
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(std.out, "usage: twinpath %s %s\n", c.name, c.args)
		return done
	case errors.As(err, &said):
		return int(said)
	case errors.As(err, &wrong):
		fmt.Fprintf(std.err, "twinpath %s: %v\nusage: twinpath %s %s\n", c.name, err, c.name, c.args)
		return misused
	}
	fmt.Fprintf(std.err, "twinpath %s: %v\n", c.name, err)
	return no
}

func usage(w io.Writer) {
	fmt.Fprint(w, "twinpath keeps a house online over two ways to the Internet.\n\n")
	for _, c := range commands() {
		if c.does == "" {
			continue // nobody's business
		}
		fmt.Fprintf(w, "  twinpath %-48s %s\n", strings.TrimSpace(c.name+" "+c.args), c.does)
	}
}

// parse reads flags that may stand before or after the other arguments, and checks how many of those there are.
func parse(flags *flag.FlagSet, args []string, least, most int) ([]string, error) {
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	var rest []string
	for {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, usageError(err.Error())
		}
		if flags.NArg() == 0 {
			break
		}
		rest = append(rest, flags.Arg(0))
		args = flags.Args()[1:]
	}
	switch {
	case len(rest) < least:
		return nil, usageError("something is missing")
	case len(rest) > most:
		return nil, usageError(fmt.Sprintf("%q is too much", rest[most]))
	}
	return rest, nil
}

func printVersion(_ context.Context, args []string, std stdio) error {
	if _, err := parse(flag.NewFlagSet("version", flag.ContinueOnError), args, 0, 0); err != nil {
		return err
	}
	fmt.Fprintln(std.out, version)
	return nil
}
