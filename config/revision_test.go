package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// runs checks what Current says, and that the page would say the same.
func (b *bench) runs(name string, fallback bool) (revision string) {
	b.t.Helper()
	text, revision, setup := b.Current()
	if !bytes.Equal(text, file(name)) || revision != Revision(file(name)) || setup != fallback {
		b.t.Errorf("running is %q, revision %s, fallback %t; want %s, %t", text, revision, setup, name, fallback)
	}
	return revision
}

func (b *bench) over(revision, name string, confirm time.Duration) error {
	return b.ApplyOver(b.t.Context(), revision, "page", file(name), confirm)
}

func TestRevisionIsTheBeginningOfTheChecksum(t *testing.T) {
	if got := Revision(nil); got != "e3b0c44298fc1c14" { // of SHA-256 over nothing
		t.Errorf("got %s", got)
	}
}

func TestOfTwoOwnersTheSecondIsTold(t *testing.T) {
	b := newBench(t, "one")
	both := b.runs("one", false)
	if err := b.over(both, "two", 0); err != nil {
		t.Fatal(err)
	}
	err := b.over(both, "three", 0)
	if !errors.Is(err, ErrChanged) {
		t.Errorf("got %v", err)
	}
	b.fails(err, "apply page: the configuration is not the one that was changed here: another owner has changed it meanwhile\nhint: load it again and repeat the change")
	b.expect("two", "two")
	b.runs("two", false)
}

func TestWhoComesWhileAChangeWaitsIsToldThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "one")
		before := b.runs("one", false)
		if err := b.over(before, "two", 90*time.Second); err != nil {
			t.Fatal(err)
		}
		now := b.runs("two", false)
		for _, revision := range []string{before, now} {
			err := b.over(revision, "three", 0)
			if !errors.Is(err, ErrPending) {
				t.Errorf("got %v", err)
			}
			b.fails(err, "apply page: another configuration waits for its confirmation, 1m30s left\nhint: confirm it, or wait until it is gone")
		}
		time.Sleep(91 * time.Second)
		synctest.Wait()
		b.runs("one", false)
		b.expect("two one", "one")
	})
}

func TestRevert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "one")
		b.fails(b.Revert(), "no configuration waits for a confirmation")
		b.apply("two", 90*time.Second)
		if err := b.Revert(); err != nil {
			t.Fatal(err)
		}
		b.expect("two one", "one")
		b.runs("one", false)
		if b.Status().Waiting || b.exists("twinpath.toml.pending") {
			t.Error("still waits")
		}
		b.fails(b.Confirm(), "no configuration waits for a confirmation")
		b.apply("three", time.Hour)
		time.Sleep(2 * time.Minute) // the first one's timer must not take the second one back
		synctest.Wait()
		b.expect("two one three", "one")
		b.Close()
	})
}

func TestARevertThatTheRouterRefusesIsTold(t *testing.T) {
	b := newBench(t, "one")
	b.apply("two", time.Hour)
	b.refuse = "one"
	b.fails(b.Revert(), "go back to the old configuration: no room in the kernel")
	b.runs("two", false) // what really runs
	b.expect("two", "one")
}

func TestTheFallbackIsNoConfigurationOfTheOwners(t *testing.T) {
	b := archived(t, "")
	b.Fallback = filepath.Join(t.TempDir(), "setup.toml")
	if err := os.WriteFile(b.Fallback, file("setup"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.load("setup")
	if err := b.over(b.runs("setup", true), "one", time.Hour); err != nil {
		t.Fatal(err)
	}
	b.runs("one", false)
	if err := b.Revert(); err != nil {
		t.Fatal(err)
	}
	if err := b.over(b.runs("setup", true), "two", time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := b.Confirm(); err != nil {
		t.Fatal(err)
	}
	b.runs("two", false)
	b.expect("one setup two", "two")
}

func TestReloadedAndRefusedTextsAreToldApart(t *testing.T) {
	b := newBench(t, "one")
	b.write("two")
	b.runs("one", false) // an editor changes nothing by itself
	if err := b.Reload(); err != nil {
		t.Fatal(err)
	}
	revision := b.runs("two", false)
	b.refuse = "three"
	if err := b.over(revision, "three", 0); err == nil {
		t.Error("accepted")
	}
	b.runs("two", false)
}

func TestTheConfigurationsKeptAreListed(t *testing.T) {
	b := archived(t, "one")
	b.apply("two", 0)
	b.apply("three", 0)
	b.cut(2)
	stat, err := os.Stat(b.Boot)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := b.Kept()
	if err != nil || len(kept) != 2 || kept[0].Number != 3 || kept[1].Number != 1 || !kept[0].Modified.Equal(stat.ModTime()) || kept[0].text != nil {
		t.Errorf("kept %v (%v), want 3 and 1: 2 is damaged", kept, err)
	}
	if text, err := b.KeptText(1); err != nil || !bytes.Equal(text, file("one")) {
		t.Errorf("number 1: %q (%v)", text, err)
	}
	_, err = b.KeptText(2)
	b.fails(err, "configuration 2 of those kept: its checksum is wrong")
	_, err = b.KeptText(7)
	b.fails(err, "configuration 7 of those kept: no such file or directory")
	for _, number := range []int{7, 0, -1} {
		if _, err := b.KeptText(number); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("number %d: %v", number, err)
		}
	}
	b.Archive = nil
	if kept, err := b.Kept(); kept != nil || err != nil {
		t.Errorf("without an archive %v (%v)", kept, err)
	}
	if _, err := b.KeptText(1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without an archive %v", err)
	}
}

// TestManyOwnersAtOnce has pages that read while others change: each change is over what its owner saw.
func TestManyOwnersAtOnce(t *testing.T) {
	b := archived(t, "0")
	var wg sync.WaitGroup
	for owner := range 4 {
		wg.Go(func() {
			for n := range 8 {
				_, revision, _ := b.Current()
				name := fmt.Sprintf("%d-%d", owner, n)
				if err := b.over(revision, name, 0); err != nil && !errors.Is(err, ErrChanged) {
					t.Error(err)
				}
				kept, err := b.Kept()
				if err != nil || len(kept) == 0 {
					t.Errorf("kept %v (%v)", kept, err)
				}
				for _, g := range kept {
					if _, err := b.KeptText(g.Number); err != nil && !errors.Is(err, fs.ErrNotExist) {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	text, _, _ := b.Current()
	if boot, err := os.ReadFile(b.Boot); err != nil || !bytes.Equal(boot, text) {
		t.Errorf("boot file %q (%v), running %q", boot, err, text)
	}
}
