package config

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

func file(name string) []byte { return []byte("[router]\nname = \"" + name + "\"\n") }

var errRouter = errors.New("no room in the kernel")

// bench is a Keeper with its boot file and a router that remembers what it was told.
type bench struct {
	*Keeper
	t      *testing.T
	used   []string
	refuse string // the name of a configuration that Use fails on
	undone string // the last that was said of one that went back
	log    bytes.Buffer
}

func newBench(t *testing.T, boot string) *bench {
	t.Helper()
	b := &bench{t: t}
	etc, state := filepath.Join(t.TempDir(), "etc"), filepath.Join(t.TempDir(), "state")
	for _, dir := range []string{etc, state} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b.on(filepath.Join(etc, "twinpath.toml"), state)
	if boot != "" {
		if err := os.WriteFile(b.Boot, file(boot), 0o640); err != nil {
			t.Fatal(err)
		}
		b.load(boot)
	}
	return b
}

// on starts a new Keeper, as a restart of the daemon does.
func (b *bench) on(boot, state string) {
	b.Keeper = &Keeper{Boot: boot, State: state, Name: "host", Use: b.use, Log: slog.New(slog.NewTextHandler(&b.log, nil)),
		Undone: func(sentence string) { b.undone = sentence }}
}

func (b *bench) use(cfg router.Config) error {
	if cfg.Name == b.refuse {
		return errRouter
	}
	b.used = append(b.used, cfg.Name)
	return nil
}

func (b *bench) load(want string) {
	b.t.Helper()
	cfg, err := b.Load()
	if err != nil || cfg.Name != want {
		b.t.Fatalf("load: %q (%v), want %q", cfg.Name, err, want)
	}
}

func (b *bench) apply(name string, confirm time.Duration) {
	b.t.Helper()
	if err := b.Apply(b.t.Context(), "new.toml", file(name), confirm); err != nil {
		b.t.Fatal(err)
	}
}

// expect compares what is used, by the names of the configurations, and what the boot file holds.
func (b *bench) expect(used, boot string) {
	b.t.Helper()
	if got := strings.Join(b.used, " "); got != used {
		b.t.Errorf("used %q, want %q", got, used)
	}
	text, err := os.ReadFile(b.Boot)
	if boot == "" && errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil || !bytes.Equal(text, file(boot)) {
		b.t.Errorf("boot file %q (%v), want %q", text, err, boot)
	}
}

func (b *bench) exists(name string) bool {
	_, err := os.Stat(filepath.Join(b.State, name))
	return err == nil
}

func (b *bench) fails(err error, want string) {
	b.t.Helper()
	if err == nil || err.Error() != want {
		b.t.Errorf("got %v, want %s", err, want)
	}
}

func TestApplyAtOnce(t *testing.T) {
	b := newBench(t, "one")
	b.apply("two", 0)
	b.expect("two", "two")
	previous, err := os.ReadFile(filepath.Join(b.State, "twinpath.toml.previous"))
	if err != nil || !bytes.Equal(previous, file("one")) {
		t.Errorf("previous file %q (%v)", previous, err)
	}
	stat, err := os.Stat(b.Boot)
	if err != nil || stat.Mode().Perm() != 0o640 {
		t.Errorf("mode %v (%v), want that of before", stat.Mode(), err)
	}
}

func TestApplyWithoutABootFileMakesAPrivateOne(t *testing.T) {
	b := newBench(t, "")
	b.apply("one", 0)
	b.expect("one", "one")
	if stat, err := os.Stat(b.Boot); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", stat.Mode(), err)
	}
}

func TestApplyWritesThroughASymlink(t *testing.T) {
	b := newBench(t, "one")
	real := filepath.Join(t.TempDir(), "real.toml")
	if err := errors.Join(os.Rename(b.Boot, real), os.Symlink(real, b.Boot)); err != nil {
		t.Fatal(err)
	}
	b.apply("two", 0)
	b.expect("two", "two")
	if stat, err := os.Lstat(b.Boot); err != nil || stat.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v (%v)", stat.Mode(), err)
	}
}

func TestABadFileChangesNothing(t *testing.T) {
	b := newBench(t, "one")
	for _, confirm := range []time.Duration{0, time.Minute} {
		err := b.Apply(t.Context(), "new.toml", []byte("[router]\nnmae = \"two\"\n"), confirm)
		b.fails(err, "new.toml:2: router.nmae: is not a known key\nhint: did you mean \"name\"?")
		var problems Problems
		if !errors.As(err, &problems) {
			t.Errorf("%v holds no Problems", err)
		}
	}
	b.expect("", "one")
	if b.Status().Waiting || b.exists("twinpath.toml.pending") {
		t.Error("a bad file waits for its confirmation")
	}
}

func TestARefusingRouterGetsTheOldConfigurationBack(t *testing.T) {
	b := newBench(t, "one")
	b.refuse = "two"
	for _, confirm := range []time.Duration{0, time.Minute} {
		b.fails(b.Apply(t.Context(), "new.toml", file("two"), confirm), "apply new.toml: no room in the kernel")
	}
	b.expect("one one", "one")
	if b.Status().Waiting || b.exists("twinpath.toml.pending") {
		t.Error("a refused configuration waits for its confirmation")
	}
}

func TestARefusedFirstConfigurationLeavesNoBootFile(t *testing.T) {
	b := newBench(t, "")
	b.refuse = "one"
	b.fails(b.Apply(t.Context(), "new.toml", file("one"), 0), "apply new.toml: no room in the kernel")
	b.expect("", "")
}

func TestUnconfirmedGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "one")
		b.apply("two", 90*time.Second)
		b.expect("two", "one")
		time.Sleep(90*time.Second - time.Nanosecond)
		synctest.Wait()
		if s := b.Status(); !s.Waiting || s.Left != 1 {
			t.Errorf("just before the end: %+v", s)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		b.expect("two one", "one")
		if b.Status().Waiting || b.exists("twinpath.toml.pending") {
			t.Error("still waits")
		}
		if !strings.Contains(b.log.String(), "nobody confirmed the configuration: the old one is back") {
			t.Errorf("log: %s", b.log.String())
		}
		if b.undone != "Nobody confirmed the new configuration in time: the router works by the one before again." {
			t.Errorf("said %q", b.undone)
		}
		b.fails(b.Confirm(), "no configuration waits for a confirmation")
	})
}

func TestConfirmedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "one")
		b.apply("two", 90*time.Second)
		if err := b.Confirm(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		b.expect("two", "two")
		if b.exists("twinpath.toml.pending") {
			t.Error("the pending file is left over")
		}
		b.on(b.Boot, b.State)
		b.load("two")
	})
}

func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "one")
		b.apply("two", 90*time.Second)
		time.Sleep(30 * time.Second)
		const rest = ": another configuration waits for its confirmation, 1m left\nhint: confirm it, or wait until it is gone"
		b.fails(b.Apply(t.Context(), "third.toml", file("three"), 0), "apply third.toml"+rest)
		b.fails(b.Reload(), "reload"+rest)
		b.expect("two", "one")
		b.Close()
	})
}

func TestCloseLeavesTheBootFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "one")
		b.apply("two", time.Minute)
		b.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
		b.expect("two", "one")
		b.log.Reset()
		b.on(b.Boot, b.State)
		b.load("one")
		if b.log.Len() > 0 {
			t.Errorf("log after a clean stop: %s", b.log.String())
		}
	})
}

func TestACrashWhileWaitingGoesBackWithANotice(t *testing.T) {
	b := newBench(t, "one")
	b.apply("two", time.Hour)
	b.pending.timer.Stop() // the process is gone
	b.on(b.Boot, b.State)
	b.load("one")
	if b.exists("twinpath.toml.pending") || !strings.Contains(b.log.String(), "discarded a configuration that nobody had confirmed") {
		t.Errorf("log: %s", b.log.String())
	}
}

func TestConfirmTimesAreLimited(t *testing.T) {
	b := newBench(t, "one")
	b.fails(b.Apply(t.Context(), "n", file("two"), -1), "apply n: the time to confirm must be 0 to 24h, not -1ns")
	b.fails(b.Apply(t.Context(), "n", file("two"), 25*time.Hour), "apply n: the time to confirm must be 0 to 24h, not 25h")
	ended, end := context.WithCancel(t.Context())
	end()
	b.fails(b.Apply(ended, "n", file("two"), 0), "apply n: context canceled")
	b.expect("", "one")
}

func TestReload(t *testing.T) {
	b := newBench(t, "one")
	write := func(text string) {
		if err := os.WriteFile(b.Boot, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(string(file("two")))
	if err := b.Reload(); err != nil {
		t.Fatal(err)
	}
	write("[router]\nname = 3\n")
	b.fails(b.Reload(), b.Boot+":2: router.name: must be text, not the number 3\nhint: write it in quotes")
	b.refuse = "four"
	write(string(file("four")))
	b.fails(b.Reload(), "reload "+b.Boot+": no room in the kernel")
	b.expect("two two", "four")
	if err := os.Remove(b.Boot); err != nil {
		t.Fatal(err)
	}
	if err := b.Reload(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reload without a file: %v", err)
	}
}

func TestANamelessFileGetsTheHostsName(t *testing.T) {
	b := newBench(t, "one")
	if err := b.Apply(t.Context(), "new.toml", nil, 0); err != nil {
		t.Fatal(err)
	}
	if b.used[0] != "host" {
		t.Errorf("named %q", b.used[0])
	}
}

// TestAFullDisk fills a real one of one page's size.
func TestAFullDisk(t *testing.T) {
	b := newBench(t, "one")
	mount := func(dir string) {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4k,mode=700"); err != nil {
			t.Fatalf("mount a tiny tmpfs: %v", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
	etc := filepath.Dir(b.Boot)
	mount(etc)
	if err := os.WriteFile(b.Boot, file("one"), 0o600); err != nil { // the only page
		t.Fatal(err)
	}
	b.load("one")
	b.fails(b.Apply(t.Context(), "new.toml", file("two"), 0), "apply new.toml: write "+b.Boot+": no space left on device"+unchanged)
	b.apply("two", time.Hour)
	b.fails(b.Confirm(), "confirm: write "+b.Boot+": no space left on device")
	if !b.Status().Waiting {
		t.Error("after a failed confirmation nothing waits any more")
	}
	b.Close()
	b.expect("two", "one")
	if left, _ := filepath.Glob(etc + "/*"); len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
}

func TestAReadOnlyDisk(t *testing.T) {
	b := newBench(t, "one")
	etc := filepath.Dir(b.Boot)
	if err := errors.Join(syscall.Mount(etc, etc, "", syscall.MS_BIND, ""),
		syscall.Mount("", etc, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(etc, syscall.MNT_DETACH) })
	b.fails(b.Apply(t.Context(), "new.toml", file("two"), 0), "apply new.toml: write "+b.Boot+": read-only file system"+unchanged)
	b.expect("", "one")
}
