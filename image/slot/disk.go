package slot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The image's partitions (docs/image.md, "Disk").
const (
	partitionA    = 2
	partitionB    = 3
	partitionData = 4
	dataLabel     = "twinpath-data"
)

// Partition is one partition of the disk that the running system came from.
type Partition struct {
	Path   string // /dev/sda3
	Number int
	Size   int64  // bytes
	Device string // major:minor
}

// Disk is the disk that the running system came from, found by the mounted /data and not by a name: two flashed disks
// in one machine have the same names.
type Disk struct {
	A, B, Data Partition

	mounted []string // major:minor of all that is mounted
	open    opener
}

// FindDisk finds the disk below root, which is "/" but for tests, and checks that it is laid out as an image's.
func FindDisk(root string) (Disk, error) {
	mounts, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return Disk{}, err
	}
	device, mounted := parseMounts(string(mounts))
	if device == "" || strings.HasPrefix(device, "0:") {
		return Disk{}, errors.New("/data is not on a disk: the data partition was not found when the system started")
	}
	data, err := filepath.EvalSymlinks(filepath.Join(root, "sys/dev/block", device))
	if err != nil {
		return Disk{}, fmt.Errorf("find the disk of /data: %w", err)
	}
	d := Disk{mounted: mounted, open: openDevice}
	for number, p := range map[int]*Partition{partitionA: &d.A, partitionB: &d.B, partitionData: &d.Data} {
		if *p, err = findPartition(root, filepath.Dir(data), number); err != nil {
			return Disk{}, fmt.Errorf("find partition %d on the disk of /data: %w", number, err)
		}
	}
	return d, d.check(device)
}

// parseMounts returns the device of /data and those of everything mounted (proc(5), mountinfo).
func parseMounts(text string) (data string, mounted []string) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		mounted = append(mounted, fields[2])
		if fields[4] == "/data" {
			data = fields[2]
		}
	}
	return data, mounted
}

// findPartition looks through a disk's directory in sysfs.
func findPartition(root, disk string, number int) (Partition, error) {
	entries, err := os.ReadDir(disk)
	if err != nil {
		return Partition{}, err
	}
	for _, e := range entries {
		dir := filepath.Join(disk, e.Name())
		if text, err := os.ReadFile(filepath.Join(dir, "partition")); err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(number) {
			continue
		}
		device, err := os.ReadFile(filepath.Join(dir, "dev"))
		if err != nil {
			return Partition{}, err
		}
		size, err := os.ReadFile(filepath.Join(dir, "size"))
		if err != nil {
			return Partition{}, err
		}
		sectors, err := strconv.ParseInt(strings.TrimSpace(string(size)), 10, 64)
		return Partition{filepath.Join(root, "dev", e.Name()), number, sectors * 512, strings.TrimSpace(string(device))}, err
	}
	return Partition{}, errors.New("there is none")
}

// check makes sure that these are an image's partitions, and not some other disk's of which one happens to be /data.
func (d Disk) check(data string) error {
	switch {
	case d.Data.Device != data:
		return fmt.Errorf("the disk is not laid out as an image: /data is not on partition %d", partitionData)
	case d.A.Size != d.B.Size || d.A.Size == 0:
		return fmt.Errorf("the disk is not laid out as an image: its slots have %d and %d bytes", d.A.Size, d.B.Size)
	}
	label, err := d.label()
	if err != nil {
		return err
	}
	if label != dataLabel {
		return fmt.Errorf("the disk is not laid out as an image: the label of partition %d is %q, not %q", partitionData, label, dataLabel)
	}
	return nil
}

// label reads the data partition's label from its ext4 superblock: it begins at byte 1024, has its magic at 0x38 and the
// label of 16 bytes at 0x78 (kernel, Documentation/filesystems/ext4/super.rst).
func (d Disk) label() (string, error) {
	m, err := d.open(d.Data.Path, false)
	if err != nil {
		return "", err
	}
	defer m.Close()
	super := make([]byte, 0x88)
	if _, err := m.ReadAt(super, 1024); err != nil {
		return "", fmt.Errorf("read %s: %w", d.Data.Path, err)
	}
	if super[0x38] != 0x53 || super[0x39] != 0xef {
		return "", fmt.Errorf("%s holds no ext4", d.Data.Path)
	}
	return string(bytes.TrimRight(super[0x78:], "\x00")), nil
}

// Of returns the partition of a slot.
func (d Disk) Of(s Slot) Partition {
	switch s {
	case A:
		return d.A
	case B:
		return d.B
	}
	return Partition{}
}

// target returns the partition that an update is written to, unless there is any doubt about it.
func (d Disk) target(running Slot) (Partition, error) {
	p := d.Of(running.Other())
	if p.Path == "" || p.Device == d.Of(running).Device || p.Device == d.Data.Device {
		return Partition{}, errors.New("the slot to write to is not known")
	}
	if slices.Contains(d.mounted, p.Device) {
		return Partition{}, fmt.Errorf("%s is mounted: an update would be written over something in use", p.Path)
	}
	return p, nil
}

// Content says what a slot holds: what the book says, if its first bytes are still the ones that were written.
type Content uint8

// What a slot can hold.
const (
	Foreign Content = iota // something that no update of ours brought
	Empty
	Partial // an update that was interrupted
	Whole
)

// Look returns a slot's content, and the system if the book knows it.
func (d Disk) Look(s Slot, book *Book) (Content, System, error) {
	m, err := d.open(d.Of(s).Path, false)
	if err != nil {
		return Foreign, System{}, err
	}
	defer m.Close()
	head := make([]byte, headSize)
	if _, err := m.ReadAt(head, 0); err != nil {
		return Foreign, System{}, fmt.Errorf("read %s: %w", d.Of(s).Path, err)
	}
	system, known := book.Systems()[s]
	switch {
	case known && system.Head == sumOf(head):
		return Whole, system, nil
	case known && system.Head == "":
		return Partial, system, nil
	case bytes.Count(head, []byte{0}) == len(head):
		return Empty, System{}, nil
	}
	return Foreign, System{}, nil
}
