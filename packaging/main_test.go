// Package packaging_test holds the Debian package to what it promises, in Debian roots with systemd as their process 1.
package packaging_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// rootsVariable names the directory of the roots to the inner process; without it there are none, because nobody is root.
const rootsVariable = "TWINPATH_TEST_ROOTS"

// suites are the Debian releases that the package is made for: 12 and 13.
var suites = []string{"bookworm", "trixie"}

func TestMain(m *testing.M) {
	flag.Parse()
	if outside := sandbox.Check() != nil; outside && os.Geteuid() == 0 && !testing.Short() {
		if err := makeRoots(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(sandbox.Tests(m.Run))
}

// makeRoots makes what is missing: some 20 s each, once on a machine. The sandbox has no way to a mirror.
func makeRoots() error {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "twinpath-roots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	for _, suite := range suites {
		if err := makeRoot(suite, filepath.Join(dir, suite+".tar")); err != nil {
			return fmt.Errorf("make a root of Debian %s: %w", suite, err)
		}
	}
	return os.Setenv(rootsVariable, dir)
}

func makeRoot(suite, tar string) error {
	if _, err := os.Stat(tar); err == nil {
		return nil
	}
	mirror, err := mirror()
	if err != nil {
		return err
	}
	half := tar + ".new.tar" // the name's end says the format
	out, err := exec.Command("mmdebstrap", "--quiet", "--variant=minbase", "--include=systemd,systemd-sysv,iproute2", suite, half, mirror).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mmdebstrap: %w: %s", err, out)
	}
	return os.Rename(half, tar)
}

// mirror is the first one of the machine's own package sources.
func mirror() (string, error) {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(release), "VERSION_CODENAME=")
	name, _, _ := strings.Cut(rest, "\n")
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(SITE)", "Identifier: Packages", "Codename: "+name).Output()
	if err != nil {
		return "", fmt.Errorf("ask apt for its mirror: %w", err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	if first == "" {
		return "", errors.New("apt has no mirror of this Debian")
	}
	return first, nil
}
