package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// withDisk starts the daemon again with a small disk of its own as its state directory.
func withDisk(t *testing.T, b *Box) {
	t.Helper()
	must(t, b.Stop())
	must(t, unix.Mount("tmpfs", b.State(), "tmpfs", 0, "size=2m"))
	t.Cleanup(func() { _ = b.Stop(); _ = unix.Unmount(b.State(), unix.MNT_DETACH) })
	must(t, b.Restart(t.Context()))
	await(t, b, "both lines are up", on("fibre"))
}

// fill leaves no byte free on the daemon's disk.
func fill(t *testing.T, b *Box) (name string) {
	t.Helper()
	name = filepath.Join(b.State(), "somebody-elses")
	f, err := os.Create(name)
	must(t, err)
	defer f.Close()
	page := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(page)
	}
	return name
}

// wantFailover pulls fibre's cable and puts it back: the house moves there and back.
func wantFailover(t *testing.T, h *House, b *Box, d *Device) {
	t.Helper()
	must(t, h.Cut("main", "fibre"))
	await(t, b, "the house is on lte", carriedBy("lte"))
	online(t, d)
	must(t, h.Plug("main", "fibre"))
	await(t, b, "the house is back on fibre", on("fibre"))
	online(t, d)
}

const unkept = "nothing is kept any more; routing goes on"

func TestFullDisk(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	withDisk(t, b)
	before := footprint(t, b)
	filler := fill(t, b)
	// What the history has of the disk already has room left; events use it up.
	for end := time.Now().Add(10 * time.Second); !strings.Contains(b.Log(), unkept) && time.Now().Before(end); {
		call(t, b, "drain", "lte")
		call(t, b, "resume")
	}
	for _, wish := range [][]string{{"apply"}, {"apply", "--confirm", "1m"}} {
		out, done := call(t, b, append(wish, file(t, swapped()))...)
		if done || !strings.Contains(out, "no space left on device") {
			t.Errorf("%v on a full disk: done %t: %s", wish, done, out)
		}
	}
	await(t, b, "the running config stays", on("fibre"))
	settle(t, b, "after the refused configs", before)
	if text, err := os.ReadFile(b.Config()); err != nil || string(text) != quick() {
		t.Errorf("the boot file has changed: %v", err)
	}
	wantFailover(t, h, b, d)
	if n := strings.Count(b.Log(), unkept); n != 1 {
		t.Errorf("the log says %d times that nothing is kept, want once", n)
	}
	must(t, os.Remove(filler))
	start := time.Now()
	call(t, b, "drain", "lte")
	awaitEvent(t, b, start, "lte is being drained")
	eventually(t, "the log says that everything is kept again", func() bool { return strings.Contains(b.Log(), "everything is kept again") })
}

func TestReadOnlyState(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	withDisk(t, b)
	must(t, b.Stop())
	must(t, unix.Mount("", b.State(), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	must(t, b.Restart(t.Context()))
	await(t, b, "both lines are up without a writable disk", on("fibre"))
	out, done := call(t, b, "apply", "--confirm", "1m", file(t, swapped()))
	if done || !strings.Contains(out, "read-only file system") {
		t.Errorf("apply: done %t: %s", done, out)
	}
	wantFailover(t, h, b, d)
	if n := strings.Count(b.Log(), unkept); n != 1 {
		t.Errorf("the log says %d times that nothing is kept, want once", n)
	}
}
