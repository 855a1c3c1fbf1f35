package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// unpack puts a package's files below dir and runs none of its scripts. Links to directories that are there already stay:
// an older package may still say /lib where /usr/lib is meant.
func unpack(ctx context.Context, deb, dir string) error {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := command{name: "dpkg-deb", args: []string{"--fsys-tarfile", deb}, stdout: w}.run(ctx)
		w.CloseWithError(err)
		done <- err
	}()
	err := command{name: "tar", stdin: r, args: []string{"--extract", "--directory", dir, "--keep-directory-symlink",
		"--preserve-permissions", "--no-same-owner", "--exclude=./usr/share/man/?*", "--exclude=./usr/share/locale/?*", "--file=-"}}.run(ctx)
	r.CloseWithError(err)
	if first := <-done; first != nil && err == nil {
		err = first
	}
	return err
}

// unpackAll unpacks base-files first: its links make /bin, /lib and /sbin parts of /usr.
func unpackAll(ctx context.Context, files map[string]string, names []string, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(x, y string) int {
		return first(y == "base-files") - first(x == "base-files")
	})
	for _, name := range names {
		if err := unpack(ctx, files[name], dir); err != nil {
			return fmt.Errorf("unpack %s: %w", name, err)
		}
	}
	return nil
}

func first(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// dropPaths removes what the recipe's patterns name; a pattern that fits nothing is a mistake or a change in Debian.
func dropPaths(root string, patterns []string) error {
	var idle []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			idle = append(idle, pattern)
		}
		for _, path := range found {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	if len(idle) > 0 {
		return fmt.Errorf("recipe's drop: nothing fits %s", strings.Join(idle, ", "))
	}
	return keepCopyrights(filepath.Join(root, "usr/share/doc"))
}

// keepCopyrights leaves of the documentation what the licences ask for.
func keepCopyrights(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == "copyright" || entry.Name() == "modules.gz" {
			return err
		}
		return os.Remove(path)
	})
}

// copyTree copies from over to: files with their permissions, links as links. Files that only Git wants stay behind.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() == ".gitignore" {
			return err
		}
		rest, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rest)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case entry.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return link(to, target)
		}
		return copyFile(path, target)
	})
}

// copyFile replaces to with a copy of from. The group's and others' right to write stays behind: a checkout has it or not by umask.
func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return writeFile(to, text, info.Mode().Perm()&^0o022)
}

// writeFile replaces path, which may be a link that leads out of the root.
func writeFile(path string, text []byte, mode fs.FileMode) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, text, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// link replaces path by a link to target.
func link(target, path string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Symlink(target, path)
}

// sizes says what fills a directory tree: bytes of regular files by the first group whose prefix fits.
func sizes(root string, groups [][2]string) (map[string]int64, error) {
	all := map[string]int64{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rest := strings.TrimPrefix(path, root+"/")
		for _, g := range groups {
			if strings.HasPrefix(rest, g[0]) {
				all[g[1]] += info.Size()
				return nil
			}
		}
		return nil
	})
	return all, err
}
