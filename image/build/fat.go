package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// writeFAT makes a FAT file system of a directory tree, file by file in the order of names: a recursive copy would follow the order
// of the host's directories. The tree's files get the time epoch.
func writeFAT(ctx context.Context, image, label, kind, tree string, size int64, epoch time.Time) error {
	if err := os.RemoveAll(image); err != nil {
		return err
	}
	if err := os.WriteFile(image, nil, 0o644); err != nil {
		return err
	}
	if err := os.Truncate(image, size); err != nil {
		return err
	}
	args := []string{"--invariant", "-i", strings.ReplaceAll(uuidOf(label), "-", "")[:8], "-F", kind, "-n", label}
	if kind == "32" {
		args = append(args, "-s", "1") // 64 MiB in larger clusters would be too few for FAT32
	}
	env := []string{"MTOOLS_SKIP_CHECK=1", "MTOOLSRC=/dev/null", fmt.Sprintf("SOURCE_DATE_EPOCH=%d", epoch.Unix())}
	if err := (command{name: "mkfs.vfat", args: append(args, image), env: env}).run(ctx); err != nil {
		return fmt.Errorf("make file system %s: %w", label, err)
	}
	return filepath.WalkDir(tree, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || file == tree {
			return err
		}
		if err := os.Chtimes(file, epoch, epoch); err != nil {
			return err
		}
		target := "::" + path.Join("/", strings.TrimPrefix(file, tree))
		if entry.IsDir() {
			return command{name: "mmd", args: []string{"-i", image, target}, env: env}.run(ctx)
		}
		return command{name: "mcopy", args: []string{"-m", "-i", image, file, target}, env: env}.run(ctx)
	})
}

// writeData makes the empty data partition: the directories on it are made by the first boot.
func writeData(ctx context.Context, image string, epoch time.Time) error {
	if err := os.RemoveAll(image); err != nil {
		return err
	}
	id := strings.ToLower(uuidOf("data"))
	// Every feature is named, so that the machine's mke2fs.conf has no say. No blocks are kept back: everything here is root's.
	return command{name: "mke2fs", env: []string{"MKE2FS_CONFIG=/dev/null", fmt.Sprintf("E2FSPROGS_FAKE_TIME=%d", epoch.Unix()), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", epoch.Unix())},
		args: []string{"-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-i", "8192", "-m", "0", "-L", "twinpath-data", "-U", id,
			"-O", "none,has_journal,ext_attr,dir_index,filetype,extent,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum,64bit",
			"-E", "hash_seed=" + id + ",lazy_itable_init=0,lazy_journal_init=0,nodiscard", image, fmt.Sprintf("%dK", dataSize/1024)}}.run(ctx)
}
