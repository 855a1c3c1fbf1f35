package vmtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/vm"
)

// An update from A to B, then ones that come to nothing, each unattended from "twinpath update" to the system that runs.
func TestUpdate(t *testing.T) {
	only(t, vm.AMD64)
	t.Parallel() // an emulated processor keeps one of the machine's busy
	// Not BIOS: after a restart that is no power-on, GRUB for BIOS takes QEMU minutes to put the kernel into its place.
	h := newHouse(t, named(t, "pc"), vm.UEFI)
	h.putCard(t, "twinpath.toml", []byte(h.config()))
	files := refused(t)
	files["old.update"], files["next.update"] = named(t, "pc").update(), named(t, "next").update()
	h.machine.Disks = append(h.machine.Disks, stick(t, files))
	h.machine.Limit = 40 * time.Minute
	h.on(t)
	h.plug(t)
	h.routing(t, "fibre")
	h.await(t, `twinpath status --json | grep -Eq '"verdict": ?"ok"'`)

	steps := []struct {
		name string
		do   func(*testing.T)
		long bool
	}{
		{"what is refused changes nothing", h.refusals, false},
		{"killed in the middle", h.killedInTheMiddle, false},
		{"healthy stays", h.healthyStays, false},
		{"unhealthy goes back", h.unhealthyGoesBack, false},
		{"damaged goes back", h.damagedGoesBack, false},
		{"panicking goes back", h.panickingGoesBack, true},
		{"hanging goes back", h.hangingGoesBack, true},
	}
	for _, s := range steps {
		if s.long && !thorough() {
			continue
		}
		if !t.Run(s.name, s.do) { // the rest of the story would make no sense
			return
		}
	}
}

// await runs a command in the guest until it succeeds.
func (h *house) await(t *testing.T, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := h.Guest.Await(ctx, command)
	if err != nil {
		t.Fatalf("%v\n%s", err, h.state())
	}
	return out
}

// state is what explains a failure.
func (h *house) state() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := h.Guest.Run(ctx, "cat /proc/cmdline; twinpath update; twinpath status; systemctl --failed; journalctl -b -n 60 --no-pager")
	return fmt.Sprintf("%s (%v)", out, err)
}

// slots is what "twinpath update" says.
func (h *house) slots(t *testing.T, want ...string) {
	t.Helper()
	out := strings.Join(strings.Fields(h.must(t, "twinpath update")), " ")
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("twinpath update says %q, want %q in it", out, w)
		}
	}
}

// shown waits until the console has a text from a mark on.
func (h *house) shown(t *testing.T, mark int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, _, err := h.Guest.Console.Await(ctx, mark, text); err != nil {
		t.Error(err)
	}
}

// background starts a command that outlives the agent's answer; its output and status are in /run/NAME.log.
func (h *house) background(t *testing.T, name, command string) {
	t.Helper()
	h.must(t, fmt.Sprintf("(%s; echo status $?) </dev/null >/run/%s.log 2>&1 & echo $! >/run/%s.pid", command, name, name))
}

// booted waits for the n-th start of the guest, counted from 0.
func (h *house) booted(t *testing.T, n int) vm.Boot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	b, err := h.Guest.AwaitBoot(ctx, n)
	if err != nil {
		t.Fatalf("%v\n%s", err, h.state())
	}
	return b
}

// runs checks which system runs, and why.
func (h *house) runs(t *testing.T, slot, mode, version string) {
	t.Helper()
	line := h.must(t, "cat /proc/cmdline")
	if !strings.Contains(line, "twinpath.slot="+slot+" twinpath.mode="+mode+" ") {
		t.Fatalf("kernel arguments %q, want slot %s in mode %s\n%s", line, slot, mode, h.state())
	}
	want := fmt.Sprintf("{\"version\":%q,", version)
	if got := h.must(t, "cat /usr/share/twinpath/image.json; twinpath version"); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\n"+version+"\n") {
		t.Fatalf("%q runs, want %s", got, version)
	}
}

const environment = "/boot/loader/twinpath/grubenv"

func (h *house) committed(t *testing.T, slot string) {
	t.Helper()
	h.await(t, fmt.Sprintf("grep -q '^slot=%s' %s && grep -q '^left=3' %s", slot, environment, environment))
}

// install runs an update until its restart, and returns when it began and the start that follows.
func (h *house) install(t *testing.T, file string) (began time.Time, next int) {
	t.Helper()
	h.await(t, `twinpath status --json | grep -Eq '"verdict": ?"ok"'`)
	began, next = time.Now(), len(h.Guest.Boots())
	h.background(t, "update", "twinpath update "+stickDir+"/"+file)
	return began, next
}

// forTrial gives the kernel of a system on trial more arguments: GRUB reads this file before it forgets what to try.
func (h *house) forTrial(t *testing.T, arguments string) {
	t.Helper()
	script := fmt.Sprintf("if [ \"$try\" != \"\" ]; then set extra=\"%s\"; fi\n", arguments)
	h.onLoader(t, "cat >/boot/loader/twinpath/cmdline.cfg", script)
}

func (h *house) onLoader(t *testing.T, command, input string) {
	t.Helper()
	_, err := h.Guest.Feed(t.Context(), "mount -o remount,rw /boot/loader && "+command+" && sync && mount -o remount,ro /boot/loader", []byte(input))
	if err != nil {
		t.Fatal(err)
	}
}

// arm has the boot loader try the other slot, with what it holds.
func (h *house) arm(t *testing.T, slot, try string) {
	t.Helper()
	text := fmt.Sprintf("# GRUB Environment Block\nslot=%s\ntry=%s\nleft=3\n", slot, try)
	text += strings.Repeat("#", 1024-len(text))
	h.onLoader(t, "dd conv=notrunc of="+environment, text)
}

func (h *house) healthyStays(t *testing.T) {
	began, next := h.install(t, "next.update")
	boot := h.booted(t, next)
	h.runs(t, "b", "trial", "0.2.0")
	h.committed(t, "b")
	t.Logf("A to B: written and restarted after %s, healthy and committed after %s", since(began, boot.At), since(began, time.Now()))
	h.slots(t, "A 0.1.0 ready", "B 0.2.0 running, committed", "The update to 0.2.0 is healthy and stays.")
	h.routing(t, "fibre")
}

func since(from, to time.Time) time.Duration { return to.Sub(from).Round(100 * time.Millisecond) }

// The way back is B's second start, which must be one of the committed system.
func (h *house) unhealthyGoesBack(t *testing.T) {
	h.plug(t)
	h.forTrial(t, "systemd.mask=twinpath.service twinpath.trial=20s")
	began, next := h.install(t, "old.update")
	h.booted(t, next)
	h.runs(t, "a", "trial", "0.1.0")
	boot := h.booted(t, next+1)
	t.Logf("B to an unhealthy A and back: %s", since(began, boot.At))
	h.runs(t, "b", "normal", "0.2.0")
	h.committed(t, "b")
	h.slots(t, "B 0.2.0 running, committed", "The update to 0.1.0 did not become healthy (not healthy for 10s in a row within 20s: ", "): 0.2.0 runs as before.")
	if log := h.must(t, "journalctl -b -u twinpath-trial -o cat"); !strings.Contains(log, "did not become healthy") {
		t.Errorf("the log says nothing: %s", log)
	}
	h.shown(t, 0, "The update to 0.1.0 did not become")
}

// A slot that goes bad after it was read back, as a dying disk has it.
func (h *house) damagedGoesBack(t *testing.T) {
	h.plug(t)
	h.forTrial(t, "")
	h.await(t, `twinpath status --json | grep -Eq '"verdict": ?"ok"'`)
	h.background(t, "update", "twinpath update --no-reboot "+stickDir+"/old.update")
	h.await(t, "grep -q '^status 0' /run/update.log")
	h.slots(t, "A 0.1.0 to be tried at the next restart")
	h.must(t, "dd if=/dev/zero of=/dev/vda2 bs=1M seek=30 count=30 conv=notrunc,fsync")
	began, next, mark := time.Now(), len(h.Guest.Boots()), h.Guest.Console.Lines()
	h.must(t, "systemctl --no-block reboot")
	boot := h.booted(t, next)
	if !strings.Contains(h.must(t, "cat /proc/cmdline"), "slot=b") {
		boot = h.booted(t, next+1) // it came as far as the agent
	}
	h.shown(t, mark, "Twinpath: system a, trial")
	t.Logf("B to a damaged A and back: %s", since(began, boot.At))
	h.runs(t, "b", "normal", "0.2.0")
	h.committed(t, "b")
	h.slots(t, "B 0.2.0 running, committed", "The update to 0.1.0 did not start, or the power failed before it could: 0.2.0 runs as before.")
}

func (h *house) panickingGoesBack(t *testing.T) {
	h.forTrial(t, "rdinit=/nothing")
	h.arm(t, "b", "a")
	began, next, mark := time.Now(), len(h.Guest.Boots()), h.Guest.Console.Lines()
	h.must(t, "systemctl --no-block reboot")
	boot := h.booted(t, next)
	h.shown(t, mark, "Kernel panic")
	t.Logf("B to a panicking A and back: %s", since(began, boot.At))
	h.runs(t, "b", "normal", "0.2.0")
	h.committed(t, "b")
}

func (h *house) hangingGoesBack(t *testing.T) {
	h.plug(t)
	h.forTrial(t, "")
	_, next := h.install(t, "old.update") // A was damaged
	h.booted(t, next)
	h.runs(t, "a", "trial", "0.1.0")
	h.await(t, "grep -q '^active' /sys/class/watchdog/watchdog0/state")
	began := time.Now()
	h.must(t, "sysctl -qw kernel.panic=0; (sleep 1; echo c >/proc/sysrq-trigger) </dev/null >/dev/null 2>&1 &")
	boot := h.booted(t, next+1)
	t.Logf("a hung kernel until the old system runs: %s; the watchdog says %s", since(began, boot.At),
		strings.TrimSpace(h.must(t, "cat /sys/class/watchdog/watchdog0/bootstatus")))
	h.runs(t, "b", "normal", "0.2.0")
	h.committed(t, "b")
	h.slots(t, "The update to 0.1.0 ended without a word, by a crash or a power cut, before it was known to be healthy: 0.2.0 runs as before.")
}
