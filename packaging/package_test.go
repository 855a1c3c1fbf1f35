package packaging_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build makes a package and returns its path.
func build(t *testing.T, dir, arch, version string) string {
	t.Helper()
	cmd := exec.Command("./build", arch, version)
	cmd.Env = append(os.Environ(), "DIST="+dir, "SOURCE_DATE_EPOCH=1795268237")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("build %s %s: %v: %s", arch, version, err, said.String())
	}
	return strings.TrimSpace(string(out))
}

func native(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("dpkg", "--print-architecture").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestVersionsSortAsTheyCame(t *testing.T) {
	order := []string{"760572a", "v0.9.0-rc1", "v0.9.0-rc1-3-gabcdef0", "v0.9.0", "v0.9.0-5-g0123456", "v0.9.0-14-g0123456", "v0.10.0", "v1.0.0-beta2", "v1.0.0", "v1.0.0-dirty"}
	var before string
	for _, version := range order {
		cmd := exec.Command("./build", "--debian", version)
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1795268237")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		now := strings.TrimSpace(string(out))
		if out, err := exec.Command("dpkg", "--validate-version", now).CombinedOutput(); err != nil {
			t.Errorf("%s becomes %q: %s", version, now, out)
		}
		if before != "" && exec.Command("dpkg", "--compare-versions", before, "lt", now).Run() != nil {
			t.Errorf("%s is not before %s (%s)", before, now, version)
		}
		before = now
	}
}

// TestPackage looks into a package for each architecture, and makes this machine's twice.
func TestPackage(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles everything anew for each architecture")
	}
	for _, arch := range []string{"amd64", "arm64", "armhf"} {
		deb := build(t, t.TempDir(), arch, "v1.2.3")
		if name := filepath.Base(deb); name != "twinpath_1.2.3_"+arch+".deb" {
			t.Errorf("it is called %s", name)
		}
		if arch == native(t) && !bytes.Equal(read(t, deb), read(t, build(t, t.TempDir(), arch, "v1.2.3"))) {
			t.Errorf("%s: the same source gives other bytes", arch)
		}
		inside(t, deb)
	}
}

// inside checks a package's files: all are root's, and those of the machine's owner are none of them.
func inside(t *testing.T, deb string) {
	t.Helper()
	out, err := exec.Command("dpkg-deb", "--contents", deb).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if words[1] != "root/root" {
			t.Errorf("%s: not root's: %s", deb, line)
		}
		if path := words[5]; strings.HasPrefix(path, "./etc/twinpath/") && path != "./etc/twinpath/" || strings.Contains(path, "/var/") {
			t.Errorf("%s: installing brings %s", deb, path)
		}
	}
	for _, path := range []string{
		"usr/bin/twinpath", "usr/lib/systemd/system/twinpath.service", "usr/lib/systemd/system/twinpath-cleanup.service", "usr/share/man/man8/twinpath.8.gz",
		"usr/share/man/man5/twinpath.toml.5.gz", "usr/share/doc/twinpath/copyright", "usr/share/doc/twinpath/changelog.gz",
		"usr/share/doc/twinpath/modules.gz", "usr/share/doc/twinpath/examples/twinpath.toml", "usr/share/doc/twinpath/examples/grafana.json",
		"usr/share/bash-completion/completions/twinpath",
	} {
		if !strings.Contains(string(out), " ./"+path+"\n") {
			t.Errorf("%s: there is no %s", deb, path)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
