package vm

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
)

// entry is a file of an archive.
type entry struct {
	name    string // with a leading slash
	mode    int64  // permissions
	content []byte
}

// writeCPIO writes regular files in the "newc" format that the kernel unpacks as a root (kernel:
// Documentation/driver-api/early-userspace/buffer-format.rst). Directories must exist in an archive before this one.
func writeCPIO(w io.Writer, entries []entry) error {
	const regular = 0o100000
	for i, e := range append(slices.Clone(entries), entry{name: "/TRAILER!!!"}) {
		name := e.name[1:] + "\x00"
		mode := e.mode | regular
		if e.name == "/TRAILER!!!" {
			mode = 0
		}
		// magic, inode, mode, uid, gid, links, mtime, size, device and its device (two each), name's size, check
		header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			i+1, mode, 0, 0, 1, 0, len(e.content), 0, 0, 0, 0, len(name), 0)
		for _, part := range []string{header + name, string(e.content)} {
			if _, err := io.WriteString(w, part+string(make([]byte, -len(part)&3))); err != nil {
				return err
			}
		}
	}
	return nil
}

// layered makes an initrd of another one and of files that replace its own. The kernel looks for the next archive at
// a multiple of four bytes only, and says nothing when there is none.
func layered(initrd, to string, entries []entry) error {
	base, err := os.ReadFile(initrd)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := out.Write(append(base, make([]byte, -len(base)&3)...)); err != nil {
		return err
	}
	if err := writeCPIO(out, entries); err != nil {
		return err
	}
	return out.Close()
}

// writeTar writes files of this machine as /NAME of a tar file, executable ones as such.
func writeTar(w io.Writer, files map[string]string) error {
	t := tar.NewWriter(w)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := addFile(t, path.Clean(name), files[name]); err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
	}
	return t.Close()
}

func addFile(t *tar.Writer, name, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	stat, err := in.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(stat.Mode().Perm()), Size: stat.Size()}
	if err := t.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(t, in)
	return err
}
