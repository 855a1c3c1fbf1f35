package slot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// machine is a directory that looks like /proc, /sys and /dev of a machine that runs from an image.
type machine struct {
	t    *testing.T
	root string
}

func (m machine) write(name, text string) {
	m.t.Helper()
	name = filepath.Join(m.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// disk adds a disk with partitions named prefix1 to prefix4, whose numbers are major:1 and so on.
func (m machine) disk(name, prefix string, major int) {
	for n, sectors := range []int{0, 131072, 393216, 393216, 524288} {
		if n == 0 {
			continue
		}
		part := fmt.Sprintf("%s%d", prefix, n)
		dir := filepath.Join("sys/devices/pci0/block", name, part)
		m.write(dir+"/partition", fmt.Sprintln(n))
		m.write(dir+"/size", fmt.Sprintln(sectors))
		m.write(dir+"/dev", fmt.Sprintf("%d:%d\n", major, n))
		m.write("dev/"+part, "")
		link := filepath.Join(m.root, "sys/dev/block", fmt.Sprintf("%d:%d", major, n))
		if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink(filepath.Join(m.root, dir), link)); err != nil {
			m.t.Fatal(err)
		}
	}
	m.write(filepath.Join("sys/devices/pci0/block", name, "queue/partition"), "") // no partition, though it has a file of that name
	m.write("dev/"+prefix+"4", ext4("twinpath-data"))
}

// ext4 is the first 2 KiB of a file system.
func ext4(label string) string {
	super := make([]byte, 2048)
	super[1024+0x38], super[1024+0x39] = 0x53, 0xef
	copy(super[1024+0x78:], label)
	return string(super)
}

func (m machine) mounts(lines ...string) {
	m.write("proc/self/mountinfo", "22 1 0:21 / / rw,relatime - overlay overlay rw\n"+strings.Join(lines, "\n")+"\n")
}

const dataMount = "30 22 8:4 / /data rw,noatime shared:5 - ext4 /dev/sda4 rw"

func TestFindDisk(t *testing.T) {
	for prefix, name := range map[string]string{"sda": "sda", "vda": "vda", "mmcblk0p": "mmcblk0", "nvme0n1p": "nvme0n1"} {
		m := machine{t, t.TempDir()}
		m.disk("other", "other", 9) // a second flashed disk
		m.disk(name, prefix, 8)
		m.mounts(dataMount)
		d, err := FindDisk(m.root)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := Partition{Path: filepath.Join(m.root, "dev", prefix+"3"), Number: 3, Size: 192 << 20, Device: "8:3"}
		if got, err := d.target(A); err != nil || got != want {
			t.Errorf("%s: while A runs: %+v, %v; want %+v", name, got, err, want)
		}
		if got, err := d.target(B); err != nil || got.Path != filepath.Join(m.root, "dev", prefix+"2") || got != d.Of(A) {
			t.Errorf("%s: while B runs: %+v, %v", name, got, err)
		}
	}
}

// TestNothingElseIsATarget holds an update off everything that is not surely the slot that does not run.
func TestNothingElseIsATarget(t *testing.T) {
	for name, c := range map[string]struct {
		change func(machine)
		want   string
	}{
		"no data partition": {func(m machine) { m.mounts("30 22 0:40 / /data rw - tmpfs tmpfs rw") }, "/data is not on a disk"},
		"no /data":          {func(m machine) { m.mounts() }, "/data is not on a disk"},
		"no such device":    {func(m machine) { m.mounts(strings.Replace(dataMount, "8:4", "7:4", 1)) }, "find the disk of /data: "},
		"other partition":   {func(m machine) { m.mounts(strings.Replace(dataMount, "8:4", "8:1", 1)) }, "/data is not on partition 4"},
		"another label":     {func(m machine) { m.write("dev/sda4", ext4("rootfs")) }, `the label of partition 4 is "rootfs", not "twinpath-data"`},
		"no ext4":           {func(m machine) { m.write("dev/sda4", strings.Repeat("\x00", 2048)) }, "holds no ext4"},
		"slots that differ": {func(m machine) { m.write("sys/devices/pci0/block/sda/sda3/size", "100\n") }, "its slots have 201326592 and 51200 bytes"},
		"one slot only":     {func(m machine) { m.write("sys/devices/pci0/block/sda/sda3/partition", "7\n") }, "find partition 3 on the disk of /data: there is none"},
		"it is mounted": {func(m machine) { m.mounts(dataMount, "31 22 8:3 / /mnt ro - squashfs /dev/sda3 ro") },
			"sda3 is mounted: an update would be written over something in use"},
	} {
		m := machine{t, t.TempDir()}
		m.disk("sda", "sda", 8)
		m.mounts(dataMount)
		c.change(m)
		d, err := FindDisk(m.root)
		if err == nil {
			_, err = d.target(A)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	m := machine{t, t.TempDir()}
	m.disk("sda", "sda", 8)
	m.mounts(dataMount)
	d, err := FindDisk(m.root)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := d.target(None); err == nil {
		t.Errorf("with no slot known to run, %+v is a target", p)
	}
	d.B.Device = d.A.Device
	if p, err := d.target(A); err == nil {
		t.Errorf("the running slot, by another name, is a target: %+v", p)
	}
}

func TestRunning(t *testing.T) {
	for line, want := range map[string]Boot{
		"BOOT_IMAGE=x twinpath.slot=a twinpath.mode=normal panic=10\n": {A, Normal, 5 * time.Minute},
		"twinpath.slot=b twinpath.mode=trial twinpath.trial=60s":       {B, Trial, time.Minute},
		"twinpath.slot=b twinpath.mode=fallback twinpath.trial=-1s":    {B, Fallback, 5 * time.Minute},
		"twinpath.slot=a": {A, Unknown, 5 * time.Minute},
	} {
		m := machine{t, t.TempDir()}
		m.write("proc/cmdline", line)
		if got, err := Running(m.root); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", line, got, err, want)
		}
	}
	for line, want := range map[string]string{"quiet": "does not run from a Twinpath image\nhint: ", "twinpath.slot=c": `twinpath.slot=c: "c" is neither slot a nor b`} {
		if got, err := parseBoot(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; want %q", line, got, err, want)
		}
	}
}

// TestDeviceIsAMedium writes to a file as to a partition.
func TestDeviceIsAMedium(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sda3")
	if err := os.WriteFile(name, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := openDevice(name, true)
	if err != nil {
		t.Fatal(err)
	}
	if size, err := m.Size(); err != nil || size != 8192 {
		t.Errorf("size %d, %v", size, err)
	}
	_, err = m.WriteAt([]byte("there"), 4096)
	got := make([]byte, 5)
	if err := errors.Join(err, m.Lock(), m.Sync(), m.Forget()); err != nil {
		t.Error(err)
	}
	if _, err := m.ReadAt(got, 4096); err != nil || string(got) != "there" {
		t.Errorf("%q, %v", got, err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := openDevice(name+"x", true); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a partition that is not there: %v", err)
	}
}
