package vmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/bundle"
	"github.com/twinpath/twinpath/image/vm"
)

// stickDir is where a guest has its stick.
const stickDir = "/run/stick"

// stick makes a USB stick: a FAT file system with these files (the name there, and where it is here).
func stick(t *testing.T, files map[string]string) vm.Disk {
	t.Helper()
	const room = 8 << 20 // for directories, and the last clusters
	size := int64(room)
	for _, file := range files {
		stat, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		size += stat.Size()
	}
	disk := filepath.Join(t.TempDir(), "stick.img")
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, size); err != nil {
		t.Fatal(err)
	}
	call(t, "/sbin/mkfs.vfat", "-F", "32", "-s", "1", disk)
	for name, file := range files {
		call(t, "mcopy", "-i", disk, file, "::"+name)
	}
	return vm.Disk{File: disk, ReadOnly: true}
}

// call runs a program of this machine.
func call(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// plug mounts the stick in the guest.
func (h *house) plug(t *testing.T) {
	t.Helper()
	h.must(t, "mkdir -p "+stickDir+" && mount -t vfat -o ro /dev/vdb "+stickDir)
}

// named finds a build.
func named(t *testing.T, name string) build {
	t.Helper()
	for _, b := range builds() {
		if b.name == name {
			return b
		}
	}
	t.Fatalf("there is no build %q", name)
	return build{}
}

// bundled writes a small update file with a manifest that differs from a good one. A change of the finished file's bytes
// comes last. Key is the one that every build trusts, or none: then it is a stranger's.
func bundled(t *testing.T, change func(*bundle.Manifest), known bool, spoil func([]byte) []byte) string {
	t.Helper()
	dir := t.TempDir()
	payload := filepath.Join(dir, "payload")
	if err := os.WriteFile(payload, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(payload)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	m := bundle.Manifest{Version: "9.9.9", Arch: "amd64", Board: "pc", Created: time.Now().Add(time.Hour)}
	change(&m)
	file := filepath.Join(dir, "update")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	key, err := bundle.ReadPrivate(filepath.Join(shelf, "update.key"))
	if !known {
		key, err = bundle.GenerateKey(filepath.Join(dir, "stranger.key"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := bundle.Write(out, m, key, in); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, spoil(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
