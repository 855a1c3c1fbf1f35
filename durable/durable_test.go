package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/twinpath/twinpath/durable"
)

func TestReplacing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	for _, text := range []string{"the first, which is longer", "the second"} {
		if err := durable.Replace(name, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != text {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if stat, err := os.Stat(name); err != nil || stat.Mode() != 0o640 {
		t.Errorf("mode %v, %v", stat.Mode(), err)
	}
	for range 2 { // the second time it is gone already
		if err := durable.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

// A full disk costs the new text, not the old one.
func TestReplacingOnAFullDisk(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := errors.Join(durable.Write(name, []byte("old"), 0o600), os.Symlink("/dev/full", name+".new")); err != nil {
		t.Fatal(err)
	}
	if err := durable.Replace(name, []byte("new"), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want that no space is left", err)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "old" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := os.Lstat(name + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what could not be written is left: %v", err)
	}
}

func TestWhatCannotBeDone(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "no", "such")
	for what, err := range map[string]error{
		"write":  durable.Write(nowhere, nil, 0o600),
		"rename": durable.Rename(nowhere, nowhere+".new"),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", what, err)
		}
	}
	full := filepath.Join(t.TempDir(), "directory", "file")
	if err := errors.Join(os.Mkdir(filepath.Dir(full), 0o700), durable.Write(full, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := durable.Remove(filepath.Dir(full)); err == nil {
		t.Error("a directory that is not empty was removed")
	}
}
