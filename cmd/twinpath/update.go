package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/twinpath/twinpath/image/bundle"
	"github.com/twinpath/twinpath/image/slot"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// updateCommand is "twinpath update": fills the slot that does not run and restarts, or shows the slots.
func updateCommand(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("update")
	force := flags.Bool("force", false, "")
	stay := flags.Bool("no-reboot", false, "")
	wait := flags.Duration("wait", 30*time.Second, "") // most connections of a house are over by then
	rest, err := parse(flags, args, 0, 1)
	if err != nil {
		return err
	}
	m, err := findImage("/")
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return m.show(std.out)
	}
	// An ssh connection that breaks, maybe by the very switch of a line, is no reason to stop half-way.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	client := web.NewClient(*socket)
	u := &updater{installed: m, force: *force, stay: *stay, status: client.Status, restart: reboot, std: std}
	u.leave = func(ctx context.Context) func() { return departing(ctx, client, *wait, std.out) }
	return u.run(ctx, rest[0])
}

// installed is the image that runs, and where it keeps things.
type installed struct {
	about  about
	boot   slot.Boot
	disk   slot.Disk
	loader *slot.Loader
	book   *slot.Book
	keys   []ed25519.PublicKey // whose updates are taken
	lost   bool                // the data partition could not be mounted when the system started
}

// about is image.json: what the running image is.
type about struct {
	Version string    `json:"version"`
	Arch    string    `json:"arch"`
	Board   string    `json:"board"`
	Created time.Time `json:"created"`
}

// findImage finds the running image below root, which is "/" but for tests.
func findImage(root string) (m installed, err error) {
	if m.boot, err = slot.Running(root); err != nil {
		return m, err
	}
	text, err := os.ReadFile(filepath.Join(root, "usr/share/twinpath/image.json"))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m.about); err != nil {
		return m, fmt.Errorf("read image.json: %w", err)
	}
	if m.keys, err = bundle.ReadPublic(filepath.Join(root, "usr/share/twinpath/update.pub")); err != nil {
		return m, err
	}
	m.loader = &slot.Loader{Path: filepath.Join(root, loaderDir, "twinpath/grubenv"), Writable: writableLoader}
	m.book = &slot.Book{Dir: filepath.Join(root, dataDir, "system")}
	if _, err := os.Stat(filepath.Join(root, imageRun, "data-lost")); err == nil {
		m.lost = true
		return m, nil
	}
	m.disk, err = slot.FindDisk(root)
	return m, err
}

// updater does one update.
type updater struct {
	installed
	force   bool // do it even while the house is not well served, or to go back to an older system
	stay    bool // do not restart
	status  func(context.Context) (*router.Snapshot, error)
	restart func(context.Context) error
	leave   func(context.Context) (stay func()) // the house, before; stay takes it back
	std     stdio
}

func (u *updater) run(ctx context.Context, name string) error {
	if err := u.idle(); err != nil {
		return err
	}
	claim, err := u.book.Claim()
	if err != nil {
		return err
	}
	defer claim.Close()
	wait, err := u.permit(ctx)
	if err != nil {
		return err
	}
	file, err := u.source(ctx, name)
	if err != nil {
		return u.interrupted(ctx, err)
	}
	defer os.RemoveAll(u.book.Incoming()) // while the claim is held
	defer file.Close()
	manifest, err := u.inspect(ctx, file, "checking", nil)
	if err != nil {
		return u.interrupted(ctx, err)
	}
	if err := u.install(ctx, file, manifest, wait); err != nil {
		return u.interrupted(ctx, err)
	}
	return u.finish(ctx, manifest)
}

// install reads the file a second time: what is written was verified on this very way.
func (u *updater) install(ctx context.Context, file *os.File, m bundle.Manifest, wait slot.Pending) error {
	if err := u.book.Note(u.boot.Slot, u.disk, slot.System{Version: u.about.Version, Created: u.about.Created}); err != nil {
		return err
	}
	if _, err := file.Seek(0, 0); err != nil {
		return err
	}
	payload, err := bundle.Open(file, u.keys)
	if err != nil {
		return err
	}
	if payload.Manifest != m {
		return errors.New("the update file has changed since it was checked")
	}
	p := u.progress()
	defer p.end()
	i := &slot.Installer{Boot: u.boot, Disk: u.disk, Loader: u.loader, Book: u.book, Step: p.step}
	return i.Install(ctx, slot.System{Version: m.Version, Created: m.Created, Size: m.Size, SHA256: m.SHA256}, payload, wait)
}

// interrupted says what a failed update leaves behind: nothing that matters.
func (u *updater) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	return fmt.Errorf("%w\nhint: nothing is lost: %s in slot %s stays the system that starts", err, u.about.Version, u.boot.Slot)
}

func (u *updater) finish(ctx context.Context, m bundle.Manifest) error {
	fmt.Fprintf(u.std.out, "Slot %s has %s. It stays if it is healthy within %s of its start; else %s comes back by itself.\n",
		u.boot.Slot.Other(), m.Version, u.boot.Trial, u.about.Version)
	if u.stay {
		fmt.Fprintln(u.std.out, "It starts with the next restart.")
		return nil
	}
	back := u.leave(ctx)
	fmt.Fprintln(u.std.out, "Restarting.")
	err := u.restart(ctx)
	if err != nil {
		back()
	}
	return err
}
