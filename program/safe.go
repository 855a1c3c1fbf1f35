package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Safe returns why a file must not be run with our rights, nil when it may: it has to be an executable that belongs to
// root, and nobody else may be able to write to it or to replace it, links on the way included.
func Safe(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s is not an absolute path", path)
	}
	file, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s", path)
	}
	if err != nil {
		return err
	}
	stat, err := os.Lstat(file)
	switch {
	case err != nil:
		return err
	case !stat.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", path)
	case stat.Mode()&0o111 == 0:
		return fmt.Errorf("%s is not executable", path)
	}
	if err := guarded(file); err != nil {
		return err
	}
	for _, way := range [...]string{file, filepath.Clean(path)} {
		for dir := filepath.Dir(way); ; dir = filepath.Dir(dir) {
			if err := guarded(dir); err != nil {
				return err
			}
			if dir == "/" {
				break
			}
		}
	}
	return nil
}

// guarded returns who else than root could change the file or directory.
func guarded(path string) error {
	stat, err := os.Stat(path)
	if err != nil {
		return err
	}
	owner, ok := stat.Sys().(*syscall.Stat_t)
	switch mode := stat.Mode(); {
	case !ok:
		return fmt.Errorf("nobody can tell who owns %s", path)
	case owner.Uid != 0:
		return fmt.Errorf("%s belongs to user %d, not to root", path, owner.Uid)
	case mode&0o002 != 0, mode&0o020 != 0 && owner.Gid != 0:
		return fmt.Errorf("others than root can write to %s", path)
	}
	return nil
}
