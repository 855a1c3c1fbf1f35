package lab

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pageProcesses are the ids of the box's processes that serve its page.
func pageProcesses(t *testing.T, b *Box) []int {
	t.Helper()
	all, err := b.processes()
	must(t, err)
	return slices.DeleteFunc(all, func(pid int) bool {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		words := strings.Split(string(line), "\x00")
		return len(words) < 2 || words[1] != "web"
	})
}

// onePage waits until one process other than that serves the page.
func onePage(t *testing.T, b *Box, other int) int {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(look) {
		if all := pageProcesses(t, b); len(all) == 1 && all[0] != other {
			return all[0]
		}
	}
	t.Fatalf("there are the page's processes %v, want one that is not %d", pageProcesses(t, b), other)
	return 0
}

// noPageLeft waits until no process serves it.
func noPageLeft(t *testing.T, b *Box) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(look) {
		if len(pageProcesses(t, b)) == 0 {
			return
		}
	}
	t.Fatalf("the page's processes %v are still there", pageProcesses(t, b))
}

// shows waits until a line of shell on the device prints something that fits the pattern.
func shows(t *testing.T, d *Device, line, pattern string) {
	t.Helper()
	out, err := "", error(nil)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(look) {
		if out, err = d.Run(line); err == nil && regexp.MustCompile(pattern).MatchString(out) {
			return
		}
	}
	t.Fatalf("%s: %v, no %s in:\n%s", line, err, pattern, out)
}

const readPage = "curl -s -m 2 -w [%{http_code}] http://192.168.1.1/"

func TestPageProcess(t *testing.T) {
	_, b, d := home(t, Default(), quick()+PageConfig)
	shows(t, d, readPage, `(?s)<html.*\[200\]`)
	shows(t, d, "curl -s -m 2 http://192.168.1.1/whoami", `^main\n`)
	pid := onePage(t, b, 0)

	t.Run("owns nothing", func(t *testing.T) { shutIn(t, pid) })
	t.Run("nobody else has its sockets", func(t *testing.T) { keepsToItself(t, b, pid) })
	t.Run("nothing listens on a line", func(t *testing.T) {
		out, err := b.Run("ss -Hlnt")
		must(t, err)
		for line := range strings.Lines(out) {
			if !strings.Contains(line, "%lan0:80 ") {
				t.Errorf("listening elsewhere: %s", line)
			}
		}
		if out, err := b.house.Lines[0].space.Run("curl -s -m 1 http://198.51.100.100/"); err == nil {
			t.Errorf("the page is there for the Internet: %s", out)
		}
	})
	t.Run("a browser does not notice that it was killed", func(t *testing.T) {
		must(t, syscall.Kill(pid, syscall.SIGKILL))
		if out, err := d.Run("curl -s -m 5 -o /dev/null -w %{http_code} http://192.168.1.1/"); err != nil || out != "200" {
			t.Errorf("%s, %v: want 200 from the next one", out, err)
		}
		pid = onePage(t, b, pid)
	})
	t.Run("one that hangs is replaced with the configuration", func(t *testing.T) {
		must(t, syscall.Kill(pid, syscall.SIGSTOP))
		must(t, os.WriteFile(b.Config(), []byte(quick()+strings.ReplaceAll(PageConfig, `"localhost"`, `"localhost", "other.example"`)), 0o600))
		must(t, syscall.Kill(b.PID(), syscall.SIGHUP))
		pid = onePage(t, b, pid)
		shows(t, d, "curl -s -m 2 -o /dev/null -w %{http_code} -H Host:other.example http://192.168.1.1/", "^200$")
	})
	t.Run("it ends with the section", func(t *testing.T) {
		must(t, os.WriteFile(b.Config(), []byte(quick()), 0o600))
		must(t, syscall.Kill(b.PID(), syscall.SIGHUP))
		noPageLeft(t, b)
		if out, err := d.Run("curl -s -m 1 http://192.168.1.1/"); err == nil {
			t.Errorf("there is still a page: %s", out)
		}
	})
	t.Run("it comes with the section", func(t *testing.T) {
		must(t, os.WriteFile(b.Config(), []byte(quick()+PageConfig), 0o600))
		must(t, syscall.Kill(b.PID(), syscall.SIGHUP))
		shows(t, d, readPage, `\[200\]`)
		pid = onePage(t, b, 0)
	})
	t.Run("it dies with the daemon", func(t *testing.T) {
		must(t, syscall.Kill(pid, syscall.SIGSTOP)) // so that it cannot see the end of its connection
		must(t, b.Kill())
		noPageLeft(t, b)
	})
	t.Run("the next daemon opens the page again", func(t *testing.T) {
		must(t, b.Restart(t.Context()))
		shows(t, d, readPage, `\[200\]`)
	})
}

// keepsToItself compares the sockets of the page's process with those of every other one but the daemon, which gave them to it.
func keepsToItself(t *testing.T, b *Box, pid int) {
	t.Helper()
	all, err := b.processes()
	must(t, err)
	own := socketsOf(pid)
	const connection, door = 1, 1
	if len(own) != connection+door {
		t.Errorf("it has %d sockets, want its connection and one for the LAN: %v", len(own), own)
	}
	for _, other := range all {
		for _, socket := range socketsOf(other) {
			if other != pid && other != b.PID() && slices.Contains(own, socket) {
				line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", other))
				t.Errorf("%q has %s, too", line, socket)
			}
		}
	}
}

// socketsOf names the sockets that a process has open.
func socketsOf(pid int) []string {
	files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)) // it may have ended
	var all []string
	for _, f := range files {
		if to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, f.Name())); strings.HasPrefix(to, "socket:") {
			all = append(all, to)
		}
	}
	return all
}

// shutIn reads in /proc what the kernel leaves to the process.
func shutIn(t *testing.T, pid int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	says := func(pattern string) {
		t.Helper()
		if !regexp.MustCompile("(?m)^" + pattern + "$").Match(text) {
			t.Errorf("no %s in\n%s", pattern, text)
		}
	}
	// The bounding set is left: nothing comes out of it without new privileges.
	for _, set := range []string{"Inh", "Prm", "Eff", "Amb"} {
		says("Cap" + set + ":\t0+")
	}
	says("NoNewPrivs:\t1")
	says("Seccomp:\t2")
	if mapped, _ := os.ReadFile("/proc/self/uid_map"); strings.Contains(string(mapped), "4294967295") { // not in a user namespace
		says("Uid:\t[1-9]\\d*\t[1-9]\\d*\t[1-9]\\d*\t[1-9]\\d*")
		says("Groups:\t ?")
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	must(t, err)
	for _, f := range files {
		to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, f.Name()))
		// The Go runtime keeps an eye on its share of the processor, for reading.
		if strings.HasPrefix(to, "/") && to != "/dev/null" && !strings.HasPrefix(to, "/sys/fs/cgroup/") {
			t.Errorf("it has %s open", to)
		}
	}
}
