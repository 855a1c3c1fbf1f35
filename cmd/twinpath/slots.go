package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/image/slot"
)

// loaderDir is where the image mounts the boot loader's partition.
const loaderDir = "/boot/loader"

// writableLoader makes the boot loader's partition writable for the one block that changes there, or read-only again.
func writableLoader(yes bool) error {
	flags := uintptr(unix.MS_REMOUNT | unix.MS_SYNCHRONOUS | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME)
	if !yes {
		flags |= unix.MS_RDONLY
	}
	return unix.Mount("", loaderDir, "", flags, "")
}

// show prints what the slots hold and what became of the last update.
func (m installed) show(w io.Writer) error {
	if m.lost {
		return errDataLost
	}
	env, damaged := m.loader.Load()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SLOT\tVERSION\tSTATE")
	for _, s := range []slot.Slot{slot.A, slot.B} {
		version, state := m.other(s)
		if s == m.boot.Slot {
			version, state = m.about.Version, m.own(env)
		} else if env.Try == s {
			state = "to be tried at the next restart"
		} else if env.Slot == s && damaged == nil {
			state = "committed, but it did not start or did not become healthy"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", s, version, state)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if damaged != nil {
		fmt.Fprintf(w, "\n%v\nIt is written anew by the next update, and when this system has been healthy for a while.\n", damaged)
	}
	if last, there, err := m.book.Last(); err == nil && there {
		fmt.Fprintf(w, "\n%s  %s\n", last.Time.Local().Format("2006-01-02 15:04"), last.Sentence)
	}
	return nil
}

// own is the state of the running slot.
func (m installed) own(env slot.Env) string {
	switch {
	case env.Slot == m.boot.Slot:
		return "running, committed"
	case m.boot.Mode == slot.Trial:
		return "running on trial"
	case m.boot.Mode == slot.Fallback:
		return "running instead of the other one"
	}
	return "running"
}

// other is what a slot holds that does not run.
func (m installed) other(s slot.Slot) (version, state string) {
	content, system, err := m.disk.Look(s, m.book)
	switch {
	case err != nil:
		return "unknown", err.Error()
	case content == slot.Whole:
		return system.Version, "ready"
	case content == slot.Partial:
		return "none", "an update to " + system.Version + " was interrupted"
	case content == slot.Empty:
		return "none", "empty"
	}
	return "unknown", "no update of this router wrote it"
}

// progress says on a terminal how far it is, and elsewhere what has begun.
type progress struct {
	w    io.Writer
	live bool
	verb string
}

func (u *updater) progress() *progress { return &progress{w: u.std.out, live: terminal(u.std.out)} }

func (p *progress) step(verb string, done, all int64) {
	if p.live {
		fmt.Fprintf(p.w, "\r%-14s %3d %%", verb, 100*done/max(all, 1))
	} else if p.verb != verb {
		fmt.Fprintln(p.w, verb)
	}
	p.verb = verb
}

func (p *progress) end() {
	if p.live && p.verb != "" {
		fmt.Fprintln(p.w)
	}
}
