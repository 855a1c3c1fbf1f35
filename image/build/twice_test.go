package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestTwice builds each image twice, the second time from the first one's list of packages, and wants the same bytes. It takes
// minutes and the mirror, so it runs only when TWINPATH_IMAGE names the architectures (amd64, arm64 or all).
func TestTwice(t *testing.T) {
	arches, err := parseArches(os.Getenv("TWINPATH_IMAGE"))
	if err != nil {
		t.Skip("TWINPATH_IMAGE is not set")
	}
	t.Chdir("../..")
	for _, a := range arches {
		dirs := [2]string{t.TempDir(), t.TempDir()}
		o := options{arches: []arch{a}, version: "0.0.1", recipe: "image/recipe", only: "image", epoch: time.Unix(1790000000, 0).UTC()}
		for i, dir := range dirs {
			shareCache(t, a, dir)
			if o.out = dir; i == 0 {
				o.key = ""
			} else {
				o.key = filepath.Join(dirs[0], "update.key")
				o.packages = filepath.Join(dirs[0], "twinpath-0.0.1-"+a.String()+".packages")
			}
			if err := build(t.Context(), o, t.Output()); err != nil {
				t.Fatal(err)
			}
		}
		for _, suffix := range []string{".img", ".update", ".packages"} {
			var sums [2]string
			for i, dir := range dirs {
				if sums[i], err = sumFile(filepath.Join(dir, "twinpath-0.0.1-"+a.String()+suffix)); err != nil {
					t.Fatal(err)
				}
			}
			if sums[0] != sums[1] {
				t.Errorf("%s%s: %s and %s", a, suffix, sums[0][:12], sums[1][:12])
			}
		}
	}
}

// shareCache lets a build in dir use the packages that earlier builds have fetched.
func shareCache(t *testing.T, a arch, dir string) {
	t.Helper()
	cache, err := filepath.Abs(filepath.Join("image/out/cache", "apt-"+a.name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := link(cache, filepath.Join(dir, "cache", "apt-"+a.name)); err != nil {
		t.Fatal(err)
	}
}
