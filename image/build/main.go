// Command build makes the flashable images and the update files from Debian packages and Twinpath's own package.
//
// Nothing is installed and nothing foreign is run: packages are only unpacked, so it needs no root, no loop device and no emulator,
// and the same packages, version and key give the same bytes. image/recipe says what goes in; this program says how.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	syscall.Umask(0o022) // the modes of what is made here are part of the image
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err == nil {
		err = build(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// options are what one call makes.
type options struct {
	arches   []arch
	version  string
	recipe   string // directory with the lists and the tree
	out      string
	key      string // signing key; made once in out when empty
	debs     string // Twinpath's package for each architecture, % standing for it
	overlay  string // tree copied over the root
	packages string // lock: only these versions
	epoch    time.Time
	only     string // slot: no disk image; image: nothing compressed; empty: all
}

func parse(args []string, out io.Writer) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flags.SetOutput(out)
	arches := flags.String("arch", "all", "amd64, arm64 or all")
	flags.StringVar(&o.version, "version", "unknown", "version that the image carries")
	flags.StringVar(&o.recipe, "recipe", "image/recipe", "directory of the recipe")
	flags.StringVar(&o.out, "out", "image/out", "directory of the results")
	flags.StringVar(&o.key, "key", "", "file with the ed25519 key that signs updates (default: OUT/update.key, made once)")
	flags.StringVar(&o.debs, "deb", "", "Twinpath's package, % standing for the architecture (default: made by packaging/build)")
	flags.StringVar(&o.overlay, "overlay", "", "directory copied over the root")
	flags.StringVar(&o.packages, "packages", "", "list of an earlier build: take exactly its packages, % standing for the architecture")
	epoch := flags.Int64("epoch", 0, "time that nothing in the image is younger than, Unix seconds (default: SOURCE_DATE_EPOCH, else the last commit)")
	flags.StringVar(&o.only, "only", "", "slot: no disk image and no update file; image: no compressed one")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if !slices.Contains([]string{"", "slot", "image"}, o.only) {
		return o, fmt.Errorf("-only %q: want slot or image", o.only)
	}
	var err error
	if o.arches, err = parseArches(*arches); err != nil {
		return o, err
	}
	o.epoch, err = chooseEpoch(*epoch, os.Getenv("SOURCE_DATE_EPOCH"))
	return o, err
}
