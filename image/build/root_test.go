package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree makes files of a temporary root; names that end in a slash are directories.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func listing(t *testing.T, root string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			all = append(all, strings.TrimPrefix(path, root+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func TestDrop(t *testing.T) {
	root := tree(t, map[string]string{"usr/share/info/a": "", "usr/share/doc/bash/copyright": "", "usr/share/doc/bash/changelog.gz": "", "usr/bin/bash": ""})
	err := dropPaths(root, []string{"usr/share/inf*", "usr/games", "usr/src"})
	if err == nil || err.Error() != "recipe's drop: nothing fits usr/games, usr/src" {
		t.Errorf("error: %v", err)
	}
	if err := keepCopyrights(filepath.Join(root, "usr/share/doc")); err != nil {
		t.Fatal(err)
	}
	if got := listing(t, root); got != "usr/bin/bash usr/share/doc/bash/copyright" {
		t.Errorf("left: %s", got)
	}
}

// A link in the root leads into this machine when it is followed here.
func TestCopyReplacesLinks(t *testing.T) {
	root, from := tree(t, map[string]string{"outside": "mine"}), tree(t, map[string]string{"etc/resolv.conf": "theirs"})
	if err := link(filepath.Join(root, "outside"), filepath.Join(root, "etc/resolv.conf")); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(from, root); err != nil {
		t.Fatal(err)
	}
	outside, _ := os.ReadFile(filepath.Join(root, "outside"))
	inside, _ := os.ReadFile(filepath.Join(root, "etc/resolv.conf"))
	if string(outside) != "mine" || string(inside) != "theirs" {
		t.Errorf("outside %q, inside %q", outside, inside)
	}
}

func TestEnable(t *testing.T) {
	root := tree(t, map[string]string{
		unitDir + "/a.service": "[Unit]\nWantedBy=no.target\n[Install]\n# WantedBy=no.target\nWantedBy=multi-user.target x.target\nAlias=b.service\nAlso=c.socket\n",
		unitDir + "/d.service": "[Service]\n",
	})
	if err := enableUnit(root, "a.service"); err != nil {
		t.Fatal(err)
	}
	const etc = "etc/systemd/system/"
	want := etc + "b.service " + etc + "multi-user.target.wants/a.service " + etc + "x.target.wants/a.service " + unitDir + "/a.service " + unitDir + "/d.service"
	if got := listing(t, root); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if to, err := os.Readlink(filepath.Join(root, etc, "b.service")); err != nil || to != "/usr/lib/systemd/system/a.service" {
		t.Errorf("link to %s, %v", to, err)
	}
	if err := enableUnit(root, "d.service"); err == nil || err.Error() != "enable d.service: it has no [Install] section" {
		t.Errorf("error: %v", err)
	}
}

func TestInitramfsFormat(t *testing.T) {
	if _, err := find("cpio"); err != nil {
		t.Skip("cpio is not installed")
	}
	var archive bytes.Buffer
	c := &cpioWriter{w: &archive}
	c.entry("bin", cpioDir|0o755, nil, 0, 0)
	c.entry("bin/odd", cpioFile|0o755, []byte("12345"), 0, 0)
	c.entry("bin/sh", cpioLink|0o777, []byte("odd"), 0, 0)
	c.entry("dev-console", cpioDevice|0o600, nil, 5, 1)
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cpio", "-itv", "--quiet", "--numeric-uid-gid")
	cmd.Stdin = &archive
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var got []string
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		got = append(got, words[0]+" "+words[len(words)-1])
	}
	if want := []string{"drwxr-xr-x bin", "-rwxr-xr-x bin/odd", "lrwxrwxrwx odd", "crw------- dev-console"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRecipe(t *testing.T) {
	for _, a := range []arch{pc, pi} {
		r, err := readRecipe("../recipe", a)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"systemd", "nftables", "ppp", "dnsmasq-base", "linux-image-" + a.name} {
			if !slices.Contains(r.packages, name) {
				t.Errorf("%s lacks %s", a, name)
			}
		}
		if len(r.loader) == 0 || len(r.drop) == 0 || len(r.enable) == 0 || len(r.mask) == 0 {
			t.Errorf("%s: an empty list: %+v", a, r)
		}
		for _, unit := range r.enable {
			if slices.Contains(r.mask, unit) {
				t.Errorf("%s is enabled and masked", unit)
			}
		}
	}
}

func TestListOfOneArchitecture(t *testing.T) {
	got := parseList("# all\na # why\n[arm64] b\n[amd64] c-ARCH\n\n", "amd64")
	if want := []string{"a", "c-amd64"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Nobody sees the initrd's first program fail but an owner in front of a dead router.
func TestInitParses(t *testing.T) {
	if out, err := exec.Command("sh", "-n", "../recipe/init").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestGrubConfigurationParses(t *testing.T) {
	check, err := find("grub-script-check")
	if err != nil {
		t.Skip("grub-script-check (package grub-common) is not installed")
	}
	if out, err := exec.Command(check, "../recipe/grub.cfg").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestMissingProgramNamesItsPackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := find("mcopy"); err == nil || err.Error() != "mcopy is not installed\nhint: apt-get install mtools" {
		t.Errorf("error: %v", err)
	}
}
