package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// archived gives a bench an archive, and loads the boot file again if there is one.
func archived(t *testing.T, boot string) *bench {
	t.Helper()
	b := newBench(t, boot)
	b.Archive = &Archive{Dir: filepath.Join(b.State, "configs")}
	if boot != "" {
		b.load(boot)
	}
	return b
}

// kept lists the generations as "number:name", newest first.
func (b *bench) kept() string {
	b.t.Helper()
	numbers, err := b.Archive.numbers()
	if err != nil {
		b.t.Fatal(err)
	}
	var all []string
	for _, n := range numbers {
		g, err := b.Archive.read(n)
		if err != nil {
			all = append(all, fmt.Sprintf("%d:(%v)", n, err))
			continue
		}
		all = append(all, fmt.Sprintf("%d:%s", n, strings.Split(string(g.text), `"`)[1]))
	}
	return strings.Join(all, " ")
}

func (b *bench) keeps(want string) {
	b.t.Helper()
	if got := b.kept(); got != want {
		b.t.Errorf("kept %q, want %q", got, want)
	}
}

func TestWhatBecomesTheBootFileIsKept(t *testing.T) {
	b := archived(t, "one")
	b.keeps("1:one")
	b.load("one") // a restart is no news
	b.keeps("1:one")
	b.apply("two", 0)
	b.keeps("2:two 1:one")
	b.apply("three", time.Hour)
	b.keeps("2:two 1:one")
	if err := b.Confirm(); err != nil {
		t.Fatal(err)
	}
	b.keeps("3:three 2:two 1:one")
	b.write("four")
	if err := b.Reload(); err != nil {
		t.Fatal(err)
	}
	b.keeps("4:four 3:three 2:two 1:one")
	b.refuse = "five"
	b.fails(b.Apply(t.Context(), "n", file("five"), 0), "apply n: no room in the kernel")
	b.keeps("4:four 3:three 2:two 1:one")
	stat, err := os.Stat(b.Archive.path(4))
	if err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600: it may hold passwords", stat.Mode(), err)
	}
}

// write is an owner with an editor.
func (b *bench) write(name string) {
	b.t.Helper()
	if err := os.WriteFile(b.Boot, file(name), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func TestTenGenerationsAreKept(t *testing.T) {
	b := archived(t, "0")
	for n := range 14 {
		b.apply(fmt.Sprint(n+1), 0)
	}
	b.keeps("15:14 14:13 13:12 12:11 11:10 10:9 9:8 8:7 7:6 6:5")
}

func TestATouchedFileIsNoNewGenerationButKnownByItsNewTime(t *testing.T) {
	b := archived(t, "one")
	b.write("one")
	b.load("one")
	b.keeps("1:one")
	b.rot()
	b.mends("was damaged on the disk")
}

// rot changes the boot file's bytes and not its time, as a worn card does.
func (b *bench) rot() {
	b.t.Helper()
	stat, err := os.Stat(b.Boot)
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("Xne")
	if err := os.Chtimes(b.Boot, time.Time{}, stat.ModTime()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) mends(why string) {
	b.t.Helper()
	did, err := b.Archive.Mend(b.Boot)
	if err != nil || !strings.Contains(did, why) || (why == "") != (did == "") {
		b.t.Errorf("mend: %q (%v), want %q", did, err, why)
	}
}

func TestMend(t *testing.T) {
	for name, c := range map[string]struct {
		harm    func(*bench)
		why     string
		boot    string
		refused string
	}{
		"nothing": {func(*bench) {}, "", "two", ""},
		"gone":    {func(b *bench) { _ = os.Remove(b.Boot) }, "The configuration was gone: an older one is in use, number 2 of those kept, saved ", "two", ""},
		"empty":   {func(b *bench) { b.text("") }, "was empty", "two", ""},
		"blank":   {func(b *bench) { b.text("\n\n") }, "was empty", "two", ""},
		"bad": {func(b *bench) { b.text("[rooter]\n") },
			"could not be used (", "two", "[rooter]\n"},
		"rotten": {(*bench).rot, "was damaged on the disk", "two", string(file("Xne"))},
		"edited": {func(b *bench) { b.write("three") }, "", "three", ""},
		"gone, and the newest generation too": {func(b *bench) {
			_ = os.Remove(b.Boot)
			b.harm(2, []byte("rubbish"))
		}, "number 1 of those kept", "one", ""},
		"gone, and the newest generation is cut short": {func(b *bench) {
			_ = os.Remove(b.Boot)
			b.cut(2)
		}, "number 1 of those kept", "one", ""},
		"gone, and the newest one is of a later version": {func(b *bench) {
			_ = os.Remove(b.Boot)
			b.harm(2, stamp([]byte("[new]\nkey = 1\n"), time.Now()))
		}, "number 1 of those kept", "one", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := archived(t, "one")
			b.apply("two", 0)
			c.harm(b)
			b.mends(c.why)
			b.expect("two", c.boot)
			if got, _ := os.ReadFile(b.Boot + ".refused"); string(got) != c.refused {
				t.Errorf("beside it %q, want %q", got, c.refused)
			}
			b.mends("") // twice is the same as once
			b.expect("two", c.boot)
			b.load(c.boot)
		})
	}
}

func (b *bench) text(text string) {
	b.t.Helper()
	if err := os.WriteFile(b.Boot, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) harm(number int, text []byte) {
	b.t.Helper()
	if err := os.WriteFile(b.Archive.path(number), text, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) cut(number int) {
	b.t.Helper()
	text, err := os.ReadFile(b.Archive.path(number))
	if err != nil {
		b.t.Fatal(err)
	}
	b.harm(number, text[:len(text)-3])
}

func TestANewBoxIsNotMended(t *testing.T) {
	b := archived(t, "")
	b.mends("")
	b.expect("", "")
}

func TestWithoutAnyUsableGenerationMendSaysSo(t *testing.T) {
	b := archived(t, "one")
	b.harm(1, nil)
	b.text("")
	_, err := b.Archive.Mend(b.Boot)
	b.fails(err, "the configuration was empty, and no older one can be used")
}

// crowded is a disk with room for the boot file but none for the archive.
type crowded struct{ medium }

func (crowded) write(name string, text []byte, mode fs.FileMode) error {
	return &fs.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
}

func TestAFullDiskForTheArchiveIsNoReasonToRefuse(t *testing.T) {
	b := archived(t, "one")
	b.Archive.disk = crowded{}
	b.apply("two", 0)
	b.expect("two", "two")
	b.keeps("1:one")
	if want := "no copy of it was kept"; !strings.Contains(b.log.String(), want) || !strings.Contains(b.log.String(), "no space left on device") {
		t.Errorf("log: %s", b.log.String())
	}
}

func TestTheFallbackCountsWhileThereIsNoBootFile(t *testing.T) {
	b := archived(t, "")
	b.Fallback = filepath.Join(t.TempDir(), "setup.toml")
	if err := os.WriteFile(b.Fallback, file("setup"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.load("setup")
	if err := b.Reload(); err != nil {
		t.Fatal(err)
	}
	b.keeps("")
	b.apply("trial", time.Hour)
	b.Close()
	b.load("setup")
	b.apply("one", 0)
	b.expect("setup trial one", "one")
	b.keeps("1:one")
	b.load("one")
	b.text("[rooter]\n") // a bad boot file is no reason for the fallback: the owner should hear of it
	if _, err := b.Load(); err == nil {
		t.Error("a bad boot file was passed over in silence")
	}
}

func TestWithoutBootFileAndFallbackTheBootFileIsMissed(t *testing.T) {
	b := newBench(t, "")
	b.Fallback = filepath.Join(t.TempDir(), "setup.toml")
	if _, err := b.Load(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestAPowerCutAtAnyStepOfTheArchive cuts the power before each step of an apply, with a full archive, and of mending.
// After the restart the boot file is whole, old or new, and every generation too.
func TestAPowerCutAtAnyStepOfTheArchive(t *testing.T) {
	for name, way := range map[string]struct {
		change func(*bench) error
		steps  int
	}{
		"apply": {func(b *bench) error { return b.Apply(b.t.Context(), "n", file("new"), 0) }, 7},
		"mend": {func(b *bench) error {
			b.text("[rooter]\n")
			_, err := b.Archive.Mend(b.Boot)
			return err
		}, 5},
	} {
		for step := range way.steps + 1 {
			t.Run(fmt.Sprintf("%s, step %d", name, step), func(t *testing.T) {
				b := archived(t, "0")
				for n := range generations - 1 {
					b.apply(fmt.Sprint(n+1), 0)
				}
				disk := &mortal{left: step}
				b.disk, b.Archive.disk = disk, disk
				err := way.change(b)
				if done := disk.left >= 0; done != (step == way.steps) {
					t.Fatalf("after %d steps the disk has %d left (%v): it takes another number of steps", step, disk.left, err)
				}
				b.Archive.disk = nil
				if strings.Contains(b.kept(), "checksum") {
					t.Errorf("kept %s", b.kept())
				}
				if _, err := b.Archive.Mend(b.Boot); err != nil {
					t.Fatal(err)
				}
				archive := b.Archive
				b.on(b.Boot, b.State)
				b.Archive = archive
				cfg, err := b.Load()
				if err != nil || cfg.Name != "new" && cfg.Name != "9" {
					t.Errorf("boot file %q (%v), neither the old one nor the new one", cfg.Name, err)
				}
				b.apply("after", 0)
				if got := strings.Fields(b.kept()); len(got) != generations || !strings.HasSuffix(got[0], ":after") {
					t.Errorf("kept %s", got)
				}
			})
		}
	}
}

func TestAGenerationWithAnotherTimeIsDamaged(t *testing.T) {
	b := archived(t, "one")
	text, err := os.ReadFile(b.Archive.path(1))
	if err != nil {
		t.Fatal(err)
	}
	b.harm(1, []byte(strings.Replace(string(text), " modified 2", " modified 1", 1)))
	b.keeps("1:(its checksum is wrong)")
}

func TestABootFileThatCannotBeReadIsNotPassedOver(t *testing.T) {
	b := newBench(t, "")
	b.Fallback = filepath.Join(t.TempDir(), "setup.toml")
	if err := errors.Join(os.WriteFile(b.Fallback, file("setup"), 0o600), os.Mkdir(b.Boot, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Load(); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("got %v", err)
	}
}
