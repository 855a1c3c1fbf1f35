package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Updates and the initrd know the partitions by these numbers and sizes.
func TestLayout(t *testing.T) {
	for _, c := range []struct {
		arch  arch
		names string
		table string
	}{{pc, "loader a b data bios card", "gpt"}, {pi, "loader a b data", "dos"}} {
		l := layoutOf(c.arch, nil)
		var names []string
		for i, p := range l.partitions {
			names = append(names, p.name)
			if p.number != i+1 || p.size <= 0 || p.start+p.size > l.size {
				t.Errorf("%s: %+v of %d bytes", c.arch, p, l.size)
			}
			for _, q := range l.partitions[:i] {
				if p.start < q.start+q.size && q.start < p.start+p.size {
					t.Errorf("%s: %s and %s overlap", c.arch, q.name, p.name)
				}
			}
		}
		if got := strings.Join(names, " "); got != c.names || l.table != c.table {
			t.Errorf("%s: %s %s", c.arch, l.table, got)
		}
		if slots := l.partitions[1:3]; slots[0].size != slotSize || slots[1].size != slotSize || slots[0].start != 65*mib || slots[1].start != 257*mib {
			t.Errorf("%s: slots at %d and %d", c.arch, slots[0].start, slots[1].start)
		}
	}
}

func TestPartitionTable(t *testing.T) {
	got := layoutOf(pi, nil).script("pi")
	if !strings.Contains(got, "1 : start=2048, size=131072, type=c, bootable\n") || !strings.Contains(got, "4 : start=919552, size=524288, type=83\n") {
		t.Errorf("Pi:\n%s", got)
	}
	got = layoutOf(pc, nil).script("pc")
	if !strings.Contains(got, "5 : start=34, size=2014, type=21686148-") || got != layoutOf(pc, nil).script("pc") {
		t.Errorf("PC:\n%s", got)
	}
}

func TestContentThatDoesNotFit(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, mib+1), 0o644); err != nil {
		t.Fatal(err)
	}
	disk, err := os.Create(filepath.Join(dir, "disk"))
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	err = copyInto(disk, partition{name: "a", size: mib, file: large})
	if err == nil || !strings.HasSuffix(err.Error(), "large does not fit in 1 MiB") {
		t.Errorf("error: %v", err)
	}
}

func TestCopyLeavesZerosOut(t *testing.T) {
	dir := t.TempDir()
	content := append(make([]byte, 128<<10), "end"...)
	if err := os.WriteFile(filepath.Join(dir, "from"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	disk, err := os.Create(filepath.Join(dir, "disk"))
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	if err := copyInto(disk, partition{start: sector, size: mib, file: filepath.Join(dir, "from")}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(disk.Name())
	if err != nil || !bytes.Equal(got[sector:], content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestBootSectorLoadsTheCore(t *testing.T) {
	boot, err := patchBoot(bytes.Repeat([]byte{0xaa}, sector), 34)
	if err != nil || len(boot) != 440 || binary.LittleEndian.Uint64(boot[0x5c:]) != 34 || boot[0x64] != 0xff || boot[0x66] != 0x90 || boot[0x67] != 0x90 {
		t.Errorf("%d bytes, %v: % x", len(boot), err, boot[0x5c:0x68])
	}
	if _, err := patchBoot(nil, 34); err == nil {
		t.Error("an empty boot.img was taken")
	}
}

func TestCoreFindsItsRest(t *testing.T) {
	core, err := patchCore(make([]byte, 3*sector+1), 34)
	if err != nil || len(core) != 4*sector {
		t.Fatalf("%d bytes, %v", len(core), err)
	}
	if at, n := binary.LittleEndian.Uint64(core[0x1f4:]), binary.LittleEndian.Uint16(core[0x1fc:]); at != 35 || n != 3 {
		t.Errorf("rest at %d, %d sectors", at, n)
	}
	// Past the first MiB lies the first partition.
	if _, err := patchCore(make([]byte, mib), 34); err == nil || err.Error() != "core.img has 2048 sectors, want 2 to 2014" {
		t.Errorf("error: %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	if env := environment(); len(env) != 1024 || !bytes.HasPrefix(env, []byte("# GRUB Environment Block\nslot=a\ntry=\nleft=3\n#")) {
		t.Errorf("%d bytes: %q", len(env), env[:60])
	}
}
