package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/image/firstboot"
)

// Where things are in the image (docs/image.md).
const (
	dataDir  = "/data"
	cardDir  = "/boot/card"
	imageRun = "/run/twinpath-image"
)

// runPrepare is "twinpath prepare": only the image's unit starts it, before everything else of ours. It always ends well: what
// went wrong was said, and is no reason for a house without a router.
func runPrepare(_ context.Context, args []string, std stdio) error {
	if _, err := parse(flag.NewFlagSet("prepare", flag.ContinueOnError), args, 0, 0); err != nil {
		return err
	}
	card := cardDir
	if !mountPoint(card) {
		card = ""
	}
	newBox(dataDir, card, imageRun, machine{card: card}, slog.New(slog.NewTextHandler(std.err, nil))).Prepare()
	return nil
}

func newBox(data, card, run string, system firstboot.System, log *slog.Logger) *firstboot.Box {
	archive := &config.Archive{Dir: filepath.Join(data, "state", archiveName)}
	return &firstboot.Box{Data: data, Card: card, Run: run, Configs: configs{archive}, System: system, Log: log}
}

// configs implements firstboot.Configs.
type configs struct{ *config.Archive }

// Check implements firstboot.Configs.
func (configs) Check(name string, text []byte) (string, error) {
	cfg, problems := config.Parse(name, text)
	if len(problems) > 0 {
		return "", problems
	}
	return cfg.Name, nil
}

// machine implements firstboot.System.
type machine struct{ card string }

// CardWritable implements firstboot.System. Written data is on the card at once: people pull the plug.
func (m machine) CardWritable(on bool) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(m.card, &fs); err != nil {
		return fmt.Errorf("remount the card: %w", err)
	}
	const stay = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME // the same bits in both
	flags := uintptr(fs.Flags)&stay | unix.MS_REMOUNT
	if on {
		flags |= unix.MS_SYNCHRONOUS
	} else {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount("", m.card, "", flags, ""); err != nil {
		return fmt.Errorf("remount the card: %w", err)
	}
	return nil
}

// HostKey implements firstboot.System.
func (machine) HostKey(file string) error {
	const patience = 30 * time.Second // a box that was just switched on may have to wait for randomness
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "dropbearkey", "-t", "ed25519", "-f", file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("dropbearkey: %w: %s", err, bytes.TrimSpace(out))
	}
	_ = os.Remove(file + ".pub") // dropbearkey leaves it there, for nobody
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// SetHostname implements firstboot.System.
func (machine) SetHostname(name string) error {
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("set hostname %s: %w", name, err)
	}
	return nil
}

// mountPoint reports whether something is mounted at a directory.
func mountPoint(dir string) bool {
	var here, above unix.Stat_t
	return unix.Stat(dir, &here) == nil && unix.Stat(filepath.Dir(dir), &above) == nil && here.Dev != above.Dev
}
