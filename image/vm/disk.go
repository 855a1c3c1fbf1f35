package vm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
)

// Flash copies an image to a new disk, holes as holes.
func Flash(image, disk string) error {
	out, err := exec.Command("cp", "--sparse=always", "--reflink=auto", image, disk).CombinedOutput()
	if err != nil {
		return fmt.Errorf("flash %s: %w: %s", image, err, bytes.TrimSpace(out))
	}
	return nil
}

// Partition is a partition of a disk image; most of its verbs are for FAT, as the owner's computer shows it. It must not be in use by a machine.
type Partition struct {
	Disk   string
	Number int // counts from 1
}

// Put writes a file, its directories, too.
func (p Partition) Put(name string, content []byte) error {
	for at := range name {
		if name[at] == '/' {
			_, _ = p.mtools(nil, "mmd", "-D", "s", "::"+name[:at]) // it may be there
		}
	}
	_, err := p.mtools(content, "mcopy", "-o", "-", "::"+name)
	return err
}

// Get reads a file.
func (p Partition) Get(name string) ([]byte, error) { return p.mtools(nil, "mcopy", "::"+name, "-") }

// Remove removes a file.
func (p Partition) Remove(name string) error {
	_, err := p.mtools(nil, "mdel", "::"+name)
	return err
}

// List is the names in a directory.
func (p Partition) List(directory string) ([]string, error) {
	out, err := p.mtools(nil, "mdir", "-b", "::"+directory)
	var names []string
	for line := range strings.Lines(string(out)) {
		names = append(names, path.Base(strings.TrimSpace(line)))
	}
	return names, err
}

// Read reads the partition's first bytes, whatever is on it.
func (p Partition) Read(to []byte) error {
	start, err := p.start()
	if err != nil {
		return err
	}
	disk, err := os.Open(p.Disk)
	if err != nil {
		return err
	}
	defer disk.Close()
	_, err = disk.ReadAt(to, start)
	return err
}

func (p Partition) mtools(input []byte, command string, args ...string) ([]byte, error) {
	start, err := p.start()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(command, append([]string{"-i", fmt.Sprintf("%s@@%d", p.Disk, start)}, args...)...)
	cmd.Stdin = bytes.NewReader(input)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s on partition %d of %s: %w: %s", command, strings.Join(args, " "), p.Number, p.Disk, err,
			bytes.TrimSpace(complaint.Bytes()))
	}
	return out.Bytes(), nil
}

const sector = 512

// start is where the partition begins, in bytes from the disk's begin.
func (p Partition) start() (int64, error) {
	disk, err := os.Open(p.Disk)
	if err != nil {
		return 0, err
	}
	defer disk.Close()
	first, err := p.first(disk)
	if err == nil && first == 0 {
		err = errors.New("there is none")
	}
	if err != nil {
		return 0, fmt.Errorf("find partition %d of %s: %w", p.Number, p.Disk, err)
	}
	return first * sector, nil
}

// first is the partition's first sector in an MBR's table of four or a GPT's (UEFI specification, chapter 5).
func (p Partition) first(disk io.ReaderAt) (int64, error) {
	const table, entry, protective = 446, 16, 0xee
	mbr := make([]byte, sector)
	if _, err := disk.ReadAt(mbr, 0); err != nil {
		return 0, err
	}
	if mbr[510] != 0x55 || mbr[511] != 0xaa {
		return 0, errors.New("no partition table")
	}
	if mbr[table+4] != protective {
		if p.Number > 4 {
			return 0, nil
		}
		return int64(binary.LittleEndian.Uint32(mbr[table+(p.Number-1)*entry+8:])), nil
	}
	header := make([]byte, sector)
	if _, err := disk.ReadAt(header, sector); err != nil {
		return 0, err
	}
	entries, size := binary.LittleEndian.Uint64(header[72:]), binary.LittleEndian.Uint32(header[84:])
	field := make([]byte, 8)
	_, err := disk.ReadAt(field, int64(entries)*sector+int64(p.Number-1)*int64(size)+32)
	return int64(binary.LittleEndian.Uint64(field)), err
}
