package packaging_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLife installs, upgrades, stops, removes and purges the package as an owner does, in each Debian.
func TestLife(t *testing.T) {
	if os.Getenv(rootsVariable) == "" {
		t.Skip("needs root, to boot a Debian root")
	}
	first, second := build(t, t.TempDir(), native(t), "1.0.0"), build(t, t.TempDir(), native(t), "1.0.1")
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			h := buildHome(t, suite)
			for name, deb := range map[string]string{"old.deb": first, "new.deb": second} {
				must(t, os.WriteFile(filepath.Join(h.shared, name), read(t, deb), 0o644))
			}
			h.install(t)
			h.start(t)
			h.sandboxed(t)
			h.keepsGoing(t)
			h.stop(t, first)
			h.stopBetweenAttempts(t)
			h.disabled(t)
			h.remove(t)
			h.reinstall(t)
			h.purge(t)
		})
	}
}

// install changes nothing but files.
func (h *home) install(t *testing.T) {
	before := h.kernel(t)
	h.run(t, "dpkg -i /mnt/old.deb")
	if got := h.say(t, "systemctl is-enabled twinpath"); got != "enabled" {
		t.Errorf("after the installation the service is %s", got)
	}
	if got := h.state(t, "twinpath"); got != "inactive" {
		t.Errorf("after the installation the service is %s", got)
	}
	if got := h.say(t, "ls -A /etc/twinpath"); got != "" {
		t.Errorf("/etc/twinpath has %s", got)
	}
	if after := h.kernel(t); after != before {
		t.Errorf("the installation changed the network:\n%s\nbefore:\n%s", after, before)
	}
	if h.say(t, "systemctl --failed --no-legend") != "" {
		t.Error("something failed")
	}
}

// start makes a router of it.
func (h *home) start(t *testing.T) {
	h.write(t, "/etc/twinpath/twinpath.toml", mainConfig)
	h.write(t, "/usr/local/sbin/changed", changedScript)
	h.write(t, "/etc/systemd/system/changed.service", changedUnit)
	h.run(t, "chmod 755 /usr/local/sbin/changed; systemctl daemon-reload; systemctl start twinpath")
	h.takes(t, "main")
	h.await(t, 5*time.Second, "the owner's script has run", func() bool {
		out, err := h.try("test -e /run/changed && grep -x active /var/lib/twinpath/changed")
		return err == nil && out != ""
	})
	h.await(t, 10*time.Second, "the house is online", func() bool { _, err := h.laptop.Seen(t.Context()); return err == nil })
	h.await(t, 10*time.Second, "the page is there for the house", func() bool {
		out, err := h.laptop.Run("curl -s -m 2 http://192.168.1.1/")
		return err == nil && strings.Contains(out, "Internet works, on fibre.")
	})
	const owner = `set -e; pid=$(grep -lsx twinpath-web /proc/[0-9]*/comm | cut -d/ -f3); set -- $(grep ^Uid: /proc/$pid/status); [ $2 = $(id -u twinpath-web) ]`
	if out, err := h.try(owner); err != nil {
		t.Errorf("the page's process is not of twinpath-web: %s", out)
	}
	// Real-time priority in the sandbox: the kernel's word for SCHED_RR is 2.
	if policy := h.say(t, `cut -d" " -f41 /proc/`+h.sentinel(t)+`/stat`); policy != "2" {
		t.Errorf("the sentinel has scheduling policy %s, want 2 (SCHED_RR)", policy)
	}
	if log := h.run(t, "journalctl -u twinpath --no-pager"); strings.Contains(log, "permitted") || strings.Contains(log, "read-only") || strings.Contains(log, "Unknown") {
		t.Errorf("the sandbox is in the way:\n%s", log)
	}
}

// sandboxed holds systemd's figure for how exposed a service is to what the documentation says.
func (h *home) sandboxed(t *testing.T) {
	page := string(read(t, "../docs/package.md"))
	for _, unit := range []string{"twinpath.service", "twinpath-cleanup.service"} {
		out := h.run(t, "systemd-analyze security --no-pager "+unit)
		_, rest, _ := strings.Cut(out, "Overall exposure level for "+unit+": ")
		figure, _, _ := strings.Cut(rest, " ")
		if line := "| `" + unit + "` | " + figure + " |"; !strings.Contains(page, line) {
			t.Errorf("docs/package.md lacks %q", line)
		}
	}
}

// sentinel is the process that speaks VRRP. There is one.
func (h *home) sentinel(t *testing.T) string {
	t.Helper()
	all := strings.Fields(h.run(t, "grep -lsx twinpath-vrrp /proc/[0-9]*/comm | cut -d/ -f3"))
	if len(all) != 1 {
		t.Fatalf("%d sentinels run", len(all))
	}
	return all[0]
}

// keepsGoing holds an upgrade, a restart, a reload and a crash to not being noticed.
func (h *home) keepsGoing(t *testing.T) {
	for _, c := range []struct{ what, line string }{
		{"systemctl restart", "systemctl restart twinpath"},
		{"systemctl reload", "systemctl reload twinpath"},
		{"kill -9 of the daemon", "kill -9 $(systemctl show -P MainPID twinpath)"},
		{"upgrade", "dpkg -i /mnt/new.deb"},
	} {
		old := h.sentinel(t)
		quiet := h.calm(t)
		h.run(t, c.line)
		h.await(t, 10*time.Second, "the daemon runs after "+c.what, func() bool {
			out, err := h.try("twinpath status --json")
			return err == nil && strings.Contains(out, `"state":"active"`) && strings.Contains(out, `"verdict":"ok"`)
		})
		time.Sleep(3 * time.Second) // longer than the sentinel waits for a daemon, and than the other routers would for an advert
		h.unnoticed(t, quiet, c.what)
		if now := h.sentinel(t); (now != old) != (c.what == "upgrade") {
			t.Errorf("%s: the sentinel was %s and is %s", c.what, old, now)
		}
	}
	if got := h.say(t, "twinpath version"); got != "1.0.1" {
		t.Errorf("after the upgrade it is version %s", got)
	}
	if got := h.say(t, "readlink /proc/"+h.sentinel(t)+"/exe"); got != "/usr/bin/twinpath" {
		t.Errorf("the sentinel is %s", got)
	}
}

// gone waits until a stop has cleaned up, and checks that.
func (h *home) gone(t *testing.T, what string) {
	t.Helper()
	h.await(t, 5*time.Second, what+": the clean-up has ended", func() bool { return h.state(t, "twinpath-cleanup") == "inactive" })
	if got := h.state(t, "twinpath"); got != "inactive" {
		t.Errorf("%s: the service is %s", what, got)
	}
	if left, _ := h.try("grep -lx -e twinpath -e twinpath-vrrp -e twinpath-web /proc/[0-9]*/comm"); left != "" {
		t.Errorf("%s: there are processes left: %s", what, left)
	}
	kernel := h.kernel(t)
	for _, ours := range []string{"192.168.1.", "198.51.100.", "proto 201", "lookup 201", "vr"} {
		for line := range strings.Lines(kernel) {
			if strings.Contains(line, ours) && !strings.Contains(line, "link-netns") {
				t.Errorf("%s: the kernel still has %s", what, line)
			}
		}
	}
}

// stop hands the gateway over at once, and leaves nothing.
func (h *home) stop(t *testing.T, deb string) {
	b := h.second(t, deb)
	time.Sleep(2 * time.Second) // it hears main
	mark := time.Now()
	h.run(t, "systemctl stop twinpath")
	h.takes(t, "backup")
	t.Logf("stop: the other router has the gateway after %s; %s", h.holders.Taken(mark, "backup").Sub(mark).Round(time.Millisecond), h.holders.Since(mark))
	// A good-bye and the skew time of priority 50 are 0.4 s; without the good-bye it would be 1.9 s, and with the linger of a restart 2.4 s.
	if took := h.holders.Taken(mark, "backup").Sub(mark); took > 1500*time.Millisecond {
		t.Errorf("it took the other router %s to become the gateway", took)
	}
	h.gone(t, "stop")
	must(t, b.Stop())
}

// stopBetweenAttempts stops a service that cannot start, while systemd waits before it tries again.
func (h *home) stopBetweenAttempts(t *testing.T) {
	h.run(t, "systemctl start twinpath")
	h.takes(t, "main")
	h.write(t, "/etc/twinpath/twinpath.toml", "nonsense\n")
	h.run(t, "kill -9 $(systemctl show -P MainPID twinpath)")
	h.await(t, 5*time.Second, "systemd waits", func() bool { return h.say(t, "systemctl show -P SubState twinpath") == "auto-restart" })
	h.run(t, "systemctl stop twinpath")
	h.gone(t, "stop between two attempts")
	h.write(t, "/etc/twinpath/twinpath.toml", mainConfig)
}

// disabled is an owner's word that an upgrade respects, and so is a stop.
func (h *home) disabled(t *testing.T) {
	h.run(t, "systemctl disable twinpath")
	h.run(t, "dpkg -i /mnt/new.deb")
	if enabled, state := h.say(t, "systemctl is-enabled twinpath || true"), h.state(t, "twinpath"); enabled != "disabled" || state != "inactive" {
		t.Errorf("an upgrade made a disabled and stopped service %s and %s", enabled, state)
	}
	h.run(t, "systemctl enable --now twinpath")
	h.takes(t, "main")
}

// remove ends it and keeps what is the owner's.
func (h *home) remove(t *testing.T) {
	h.run(t, "dpkg -r twinpath")
	if h.say(t, "ls /usr/bin/twinpath /usr/lib/systemd/system/twinpath.service 2>/dev/null || true") != "" {
		t.Error("files are left")
	}
	if h.run(t, "cat /etc/twinpath/twinpath.toml") != mainConfig {
		t.Error("the configuration has changed")
	}
	h.run(t, "test -e /var/lib/twinpath/twinpath.db")
	if left, _ := h.try("grep -lx -e twinpath -e twinpath-vrrp -e twinpath-web /proc/[0-9]*/comm"); left != "" {
		t.Errorf("there are processes left: %s", left)
	}
	if kernel := h.kernel(t); strings.Contains(kernel, "192.168.1.") || strings.Contains(kernel, "proto 201") {
		t.Errorf("the kernel still has something of ours:\n%s", kernel)
	}
}

// reinstall finds the configuration and starts by itself.
func (h *home) reinstall(t *testing.T) {
	h.run(t, "dpkg -i /mnt/new.deb")
	h.takes(t, "main")
}

// purge leaves nothing of ours, and a script of the owner's.
func (h *home) purge(t *testing.T) {
	h.run(t, "echo mine >/etc/twinpath/script")
	h.run(t, "dpkg -P twinpath")
	if left := h.say(t, "find / -xdev -iname '*twinpath*' -not -path '/proc/*' -not -path '/var/log/journal/*' -not -path '/mnt/*'"); left != "/etc/twinpath" {
		t.Errorf("after a purge there is %s", left)
	}
	if got := h.say(t, "ls /etc/twinpath"); got != "script" {
		t.Errorf("/etc/twinpath has %s", got)
	}
}
