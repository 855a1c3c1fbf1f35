package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// trusting skips a test where root's files do not look like root's: in a user namespace of somebody else.
func trusting(t *testing.T) {
	t.Helper()
	stat, err := os.Stat("/bin/sh")
	if err != nil {
		t.Skip(err)
	}
	if owner, ok := stat.Sys().(*syscall.Stat_t); !ok || owner.Uid != 0 {
		t.Skip("/bin/sh does not belong to root here")
	}
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                             nil,
		"  ":                           nil,
		"/bin/a":                       {"/bin/a"},
		"/bin/a b\t c ":                {"/bin/a", "b", "c"},
		`/bin/a "b c" 'd "e"' f" "g`:   {"/bin/a", "b c", `d "e"`, "f g"},
		`/bin/a "" ''`:                 {"/bin/a", "", ""},
		`/bin/a \n $HOME ; rm "ü" | x`: {"/bin/a", `\n`, "$HOME", ";", "rm", "ü", "|", "x"},
	} {
		got, err := Split(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q (%v), want %q", line, got, err, want)
		}
	}
	if _, err := Split(`/bin/a "b`); err == nil || err.Error() != `a quote " is not closed` {
		t.Errorf("an open quote: %v", err)
	}
}

func TestRun(t *testing.T) {
	trusting(t)
	var said []string
	c := Command{Path: "/bin/sh", Arguments: []string{"-c", `echo "$1 $KEY $HOME"; printf rest >&2`, "sh", "word"},
		Environment: []string{"KEY=value"}, Output: func(line string) { said = append(said, line) }}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"word value", "rest"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
	if err := (Command{Path: "bin/sh"}).Run(t.Context()); err == nil || err.Error() != "bin/sh is not an absolute path" {
		t.Errorf("an unsafe file: %v", err)
	}
	c.Arguments = []string{"-c", "exit 3"}
	if err := c.Run(t.Context()); err == nil || err.Error() != "exit status 3" {
		t.Errorf("got %v", err)
	}
}

// A program's children end with it when its time is up, however deaf they are.
func TestTheWholeGroupEnds(t *testing.T) {
	trusting(t)
	for name, grace := range map[string]time.Duration{"at once": 0, "after a while": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			up := errors.New("its time is up")
			var child string
			c := Command{Path: "/bin/sh", Arguments: []string{"-c", `trap "" TERM; sleep 60 & echo $!; wait`}, Grace: grace,
				Output: func(line string) { child = line; cancel(up) }}
			if err := c.Run(ctx); !errors.Is(err, up) {
				t.Errorf("got %v, want why its context ended", err)
			}
			for range 2000 {
				if gone(child) {
					return
				}
				time.Sleep(time.Millisecond)
			}
			t.Errorf("process %s is still there", child)
		})
	}
}

// gone reports whether a process is dead, be it that nobody has noticed yet.
func gone(pid string) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// A daemon that a script starts is the owner's business: it may keep the output open for good.
func TestAChildInTheBackgroundGoesOn(t *testing.T) {
	trusting(t)
	var child string
	c := Command{Path: "/bin/sh", Arguments: []string{"-c", "sleep 60 & echo $!"}, Output: func(line string) { child = line }}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if gone(child) {
		t.Errorf("process %q has ended", child)
	}
	pid := 0
	if _, err := fmt.Sscan(child, &pid); err == nil && pid > 1 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func TestLongLinesAreCut(t *testing.T) {
	var said []string
	l := &lines{each: func(line string) { said = append(said, line) }}
	for range 3000 {
		_, _ = l.Write([]byte("x"))
	}
	_, _ = l.Write([]byte("\n\n  \nnext\nand the re"))
	_, _ = l.Write([]byte("st"))
	l.end()
	if len(said) != 3 || len(said[0]) != longest || said[1] != "next" || said[2] != "and the rest" {
		t.Errorf("got %q", said)
	}
}

func TestSafe(t *testing.T) {
	trusting(t)
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of root's")
	}
	root, err := os.MkdirTemp("/", "twinpath-safe-") // the usual place is open to all
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(root, name) }
	file := func(name string, mode os.FileMode) {
		t.Helper()
		do(os.MkdirAll(filepath.Dir(at(name)), 0o755))
		do(os.WriteFile(at(name), []byte("#!/bin/sh\n"), 0o755))
		do(os.Chmod(at(name), mode))
	}
	do(os.Chmod(root, 0o755))
	file("good", 0o755)
	file("plain", 0o644)
	file("open", 0o777)
	file("group", 0o775)
	file("wheel", 0o775)
	file("theirs", 0o755)
	file("wide/script", 0o755)
	do(os.Chown(at("group"), 0, 1000))
	do(os.Chown(at("theirs"), 1000, 0))
	do(os.Chmod(at("wide"), 0o777))
	do(os.Symlink(at("good"), at("link")))
	do(os.Symlink(at("good"), at("wide/link")))
	do(os.Symlink(at("open"), at("openlink")))
	do(os.Symlink(at("loop"), at("loop")))
	for name, want := range map[string]string{
		at("good"):        "",
		at("link"):        "",
		at("wheel"):       "", // root's own group
		"good":            "good is not an absolute path",
		at("none"):        "there is no file " + at("none"),
		root:              root + " is not a file",
		at("plain"):       at("plain") + " is not executable",
		at("open"):        "others than root can write to " + at("open"),
		at("openlink"):    "others than root can write to " + at("open"),
		at("group"):       "others than root can write to " + at("group"),
		at("theirs"):      at("theirs") + " belongs to user 1000, not to root",
		at("wide/script"): "others than root can write to " + at("wide"),
		at("wide/link"):   "others than root can write to " + at("wide"),
		at("loop"):        "EvalSymlinks: too many links",
	} {
		got := ""
		if err := Safe(name); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
