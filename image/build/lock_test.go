package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var sums = [2]string{strings.Repeat("a", 64), strings.Repeat("b", 64)}

func TestLockRoundTrip(t *testing.T) {
	want := []pinned{{"bash", "5.2.37-2+b10", sums[0]}, {"mount", "1:2.41-5", sums[1]}}
	got, err := parseLock(renderLock("the pc-amd64 image", want))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestBadLock(t *testing.T) {
	if _, err := parseLock("bash 5.2\n"); err == nil || err.Error() != `list of packages: "bash 5.2": want name, version and sha256` {
		t.Errorf("error: %v", err)
	}
}

func TestLockLacksWhatTheRecipeAsksFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.packages")
	if err := os.WriteFile(file, []byte(renderLock("x", []pinned{{"bash", "1", sums[0]}})), 0o644); err != nil {
		t.Fatal(err)
	}
	// linux-image-amd64 only depends on the kernel, whose own name changes with every version.
	_, err := readLock(file, []string{"bash", "ppp", "linux-image-amd64", "udev"})
	if err == nil || !strings.HasSuffix(err.Error(), "lacks ppp, udev, which the recipe asks for") {
		t.Errorf("error: %v", err)
	}
}

func TestCachedNeedsTheVeryBytes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mount_1%3a2.41-5_all.deb")
	if err := os.WriteFile(file, []byte("deb"), 0o644); err != nil {
		t.Fatal(err)
	}
	sum, err := sumFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if path, found := (pinned{"mount", "1:2.41-5", sum}).cached(dir, "amd64"); !found || path != file {
		t.Errorf("found %q, %v", path, found)
	}
	if path, found := (pinned{"mount", "1:2.41-5", sums[0]}).cached(dir, "amd64"); found {
		t.Errorf("other bytes were taken: %s", path)
	}
}

func TestSimulation(t *testing.T) {
	got := parseSimulation(`Reading package lists...
Inst zlib1g (1:1.3 Debian:13.7/stable [amd64])
Inst bash (5.2 Debian:13.7/stable [amd64]) []
Inst initramfs-tools (0.148 Debian:13.7/stable [all])
Conf bash (5.2 Debian:13.7/stable [amd64])
`, []string{"initramfs-tools"})
	if want := []string{"bash", "zlib1g"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestShow(t *testing.T) {
	got := parseShow("Package: mount\nVersion: 1:2.41-5\nDescription: x\n Version: 9\nSHA256: " + sums[0] + "\n\nPackage: bash\nVersion: 5.2\nSHA256: " + sums[1] + "\n\n")
	if want := []pinned{{"bash", "5.2", sums[1]}, {"mount", "1:2.41-5", sums[0]}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOptions(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1790000000")
	o, err := parse([]string{"-arch", "arm64", "-version", "1.2", "-only", "image"}, os.Stderr)
	if err != nil || len(o.arches) != 1 || o.arches[0] != pi || o.epoch.Unix() != 1790000000 || o.debs != "" {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{{"-arch", "mips"}, {"-only", "kernel"}} {
		if _, err := parse(args, os.Stderr); err == nil || !strings.Contains(err.Error(), "want ") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
