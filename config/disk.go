package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/twinpath/twinpath/durable"
)

// disk is what the Keeper does with files. Each step is complete on the medium when it returns, or has failed.
type disk interface {
	read(name string) ([]byte, error) // at most MaxSize+1 bytes
	write(name string, text []byte, mode fs.FileMode) error
	rename(from, to string) error
	remove(name string) error // a file that is not there is no error
}

// medium is the real disk.
type medium struct{}

func (medium) read(name string) ([]byte, error) { return readFile(name) }

func (medium) write(name string, text []byte, mode fs.FileMode) error {
	if err := durable.Write(name, text, mode); err != nil {
		return err
	}
	return os.Chmod(name, mode) // an older file of that name, left by a crash, had its own
}

func (medium) rename(from, to string) error { return durable.Rename(from, to) }
func (medium) remove(name string) error     { return durable.Remove(name) }

// replace writes name so that at any moment it has either the old text or the new one.
func replace(d disk, name string, text []byte) error {
	mode := fs.FileMode(0o600) // it may hold passwords
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	if stat, err := os.Stat(name); err == nil {
		mode = stat.Mode().Perm()
	}
	next := name + ".new"
	if err := d.write(next, text, mode); err != nil {
		_ = d.remove(next) // what it left behind is no news beside the error itself
		return fmt.Errorf("write %s: %w", name, cause(err))
	}
	if err := d.rename(next, name); err != nil {
		_ = d.remove(next) // what it left behind is no news beside the error itself
		return fmt.Errorf("write %s: %w", name, cause(err))
	}
	return nil
}

// cause takes the operation and path off an error of the os package: the caller names them better.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
