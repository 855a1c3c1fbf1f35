package packaging_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// machine is a Debian root that systemd has booted, in a network namespace of the test's.
type machine struct {
	pid    int    // of its process 1
	shared string // seen inside as /mnt
}

const bootTime = 30 * time.Second // it takes one; the rest is for a busy machine

// boot starts a machine; it ends with the test.
func boot(t *testing.T, suite, space string) *machine {
	t.Helper()
	roots := os.Getenv(rootsVariable)
	if roots == "" {
		t.Skip("needs root, to boot a Debian root")
	}
	group := controlGroup(t)
	m := &machine{shared: t.TempDir()}
	// Without the network's namespace, which is there already.
	cmd := exec.Command("unshare", "-m", "-p", "-C", "-i", "-u", "--fork", "--kill-child",
		"sh", "testdata/boot.sh", filepath.Join(roots, suite+".tar"), m.shared, t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
	cmd.Stderr = os.Stderr
	if err := (&sandbox.Namespace{Name: space}).Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if m.pid > 0 {
			_ = syscall.Kill(m.pid, syscall.SIGKILL) // everything in it dies with its process 1
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	m.await(t, bootTime, "it has booted", func() bool {
		if m.pid = child(cmd.Process.Pid); m.pid == 0 {
			return false
		}
		out, _ := m.try("systemctl is-system-running")
		return strings.HasPrefix(out, "running") || strings.HasPrefix(out, "degraded")
	})
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := m.try("journalctl -b --no-pager -o short-precise | tail -60")
			t.Logf("journal of %s:\n%s", suite, out)
		}
	})
	return m
}

// controlGroup makes a group for a machine's systemd to be the root of.
func controlGroup(t *testing.T) *os.File {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		words := strings.Fields(line)
		if words[2] != "cgroup2" {
			continue
		}
		dir, err := os.MkdirTemp(words[1], "twinpath-test-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { removeGroup(dir) })
		file, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = file.Close() })
		return file
	}
	t.Fatal("no cgroup2 is mounted here: systemd needs it")
	return nil
}

// removeGroup removes a group with those below it. The last processes may still be on their way out.
func removeGroup(dir string) {
	var all []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	for end := time.Now().Add(2 * time.Second); len(all) > 0 && time.Now().Before(end); {
		if err := unix.Rmdir(all[len(all)-1]); errors.Is(err, unix.EBUSY) {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		all = all[:len(all)-1]
	}
}

// child is the first one of a process, or 0.
func child(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	first, _, _ := strings.Cut(string(text), " ")
	n, _ := strconv.Atoi(first)
	return n
}

// try runs a line of shell in the machine and returns everything that it printed.
func (m *machine) try(line string) (string, error) {
	cmd := exec.Command("nsenter", "-t", strconv.Itoa(m.pid), "-m", "-p", "-n", "-C", "-i", "-u", "-r", "-w",
		"env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", line)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run is try for a line that must succeed.
func (m *machine) run(t *testing.T, line string) string {
	t.Helper()
	out, err := m.try(line)
	if err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	return out
}

// say is run for one word.
func (m *machine) say(t *testing.T, line string) string {
	t.Helper()
	return strings.TrimSpace(m.run(t, line))
}

// await waits for an event for which nobody sends word.
func (m *machine) await(t *testing.T, limit time.Duration, what string, so func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !so() {
		if time.Since(began) > limit {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began)
}

// state is a unit's ActiveState.
func (m *machine) state(t *testing.T, unit string) string {
	t.Helper()
	return m.say(t, "systemctl show -P ActiveState "+unit)
}

// kernel is everything of the network in the kernel of which a part could be ours.
func (m *machine) kernel(t *testing.T) string {
	t.Helper()
	// Lifetimes and counters change by themselves.
	return m.run(t, `ip -o link | sed 's/state [A-Z]*//'; ip -o addr | sed 's/valid_lft.*//'; ip rule; ip route show table all`)
}
