package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	sector = 512
	mib    = 1 << 20
)

// Sizes of the contract (docs/image.md): a slot has twice the room of today's system.
const (
	loaderSize = 64 * mib
	slotSize   = 192 * mib
	dataSize   = 256 * mib
	cardSize   = 16 * mib
)

// partition is one part of the disk image.
type partition struct {
	number      int
	name        string
	start, size int64  // bytes
	kind        string // as sfdisk names it: a GUID on the PC, a byte on the Pi
	file        string // content, from its start; none is zeros
}

// layout is a disk: its table's kind and its partitions.
type layout struct {
	table      string // gpt, dos
	partitions []partition
	size       int64 // bytes
}

// layoutOf says where everything is. files gives the content by the partition's name.
func layoutOf(a arch, files map[string]string) layout {
	const linux = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
	l := layout{table: "gpt"}
	kinds := map[string]string{"loader": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "a": linux, "b": linux, "data": linux}
	if a == pi { // a Pi 3's boot ROM reads nothing but an MBR whose FAT says so
		l.table = "dos"
		kinds = map[string]string{"loader": "c", "a": "83", "b": "83", "data": "83"}
	}
	next := int64(mib)
	add := func(name string, size int64) {
		l.partitions = append(l.partitions, partition{number: len(l.partitions) + 1, name: name, start: next, size: size, kind: kinds[name], file: files[name]})
		next += size
	}
	add("loader", loaderSize)
	add("a", slotSize)
	add("b", slotSize)
	add("data", dataSize)
	if a == pc {
		// GRUB's core lies between the table and the first partition, where BIOS PCs have always had it.
		l.partitions = append(l.partitions, partition{number: 5, name: "bios", start: coreSector * sector, size: mib - coreSector*sector, kind: "21686148-6449-6E6F-744E-656564454649"})
		// Windows shows the owner no EFI partition, so the card has one of its own kind.
		kinds["card"] = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
		add("card", cardSize)
		l.partitions[5].number = 6
		next += mib // the table's copy
	}
	l.size = next
	return l
}

// script is what sfdisk reads. Identifiers come from names, not from chance: two builds are alike.
func (l layout) script(seed string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "label: %s\nunit: sectors\n", l.table)
	if l.table == "gpt" {
		fmt.Fprintf(&b, "label-id: %s\nfirst-lba: %d\n", uuidOf(seed), coreSector)
	} else {
		sum := sha256.Sum256([]byte(seed))
		fmt.Fprintf(&b, "label-id: 0x%x\n", sum[:4])
	}
	for _, p := range l.partitions {
		fmt.Fprintf(&b, "%d : start=%d, size=%d, type=%s", p.number, p.start/sector, p.size/sector, p.kind)
		if l.table == "gpt" {
			fmt.Fprintf(&b, ", uuid=%s, name=twinpath-%s", uuidOf(seed+p.name), p.name)
		} else if p.name == "loader" {
			b.WriteString(", bootable")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// uuidOf is a UUID made of a name (RFC 9562 §5.8, version 8).
func uuidOf(name string) string {
	s := sha256.Sum256([]byte("twinpath " + name))
	s[6], s[8] = s[6]&0x0f|0x80, s[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", s[:4], s[4:6], s[6:8], s[8:10], s[10:16])
}

// writeDisk makes the image file: the table, then each partition's content.
func writeDisk(ctx context.Context, name string, l layout, seed string) (err error) {
	disk, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	if err := disk.Truncate(l.size); err != nil {
		return err
	}
	table := command{name: "sfdisk", args: []string{"--quiet", "--no-reread", "--no-tell-kernel", name}, stdin: strings.NewReader(l.script(seed))}
	if err := table.run(ctx); err != nil {
		return fmt.Errorf("write partition table: %w", err)
	}
	for _, p := range l.partitions {
		if p.file == "" {
			continue
		}
		if err := copyInto(disk, p); err != nil {
			return fmt.Errorf("write partition %s: %w", p.name, err)
		}
	}
	return nil
}

// copyInto writes a partition's content and leaves zeros out: most of an image is a hole.
func copyInto(disk *os.File, p partition) error {
	from, err := os.Open(p.file)
	if err != nil {
		return err
	}
	defer from.Close()
	block, zeros := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); ; {
		n, err := io.ReadFull(from, block)
		if at+int64(n) > p.size {
			return fmt.Errorf("%s does not fit in %d MiB", p.file, p.size/mib)
		}
		if n > 0 && string(block[:n]) != string(zeros[:n]) {
			if _, err := disk.WriteAt(block[:n], p.start+at); err != nil {
				return err
			}
		}
		at += int64(n)
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
