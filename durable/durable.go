// Package durable changes files so that a power cut does not undo it: what a function says is done is on the disk.
//
// Together, Write to a new name and Rename over the old one replace a file as a whole, as Replace does: at any moment it has the old
// text or the new one.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write writes a file and waits for the disk. Its name is durable only after a Rename or a Remove beside it; a file that
// was there before keeps its mode.
func Write(name string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// Rename gives a file another name in the same file system, in place of whatever had it.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncNames(to)
}

// Replace gives a file a new text as a whole, by way of NAME.new. With an error the file is as it was.
func Replace(name string, text []byte, mode fs.FileMode) error {
	next := name + ".new"
	if err := Write(next, text, mode); err != nil {
		_ = os.Remove(next) // half a text on a full disk is of no use
		return err
	}
	return Rename(next, name)
}

// Remove removes a file. One that is not there is no error.
func Remove(name string) error {
	err := os.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncNames(name))
}

// syncNames makes the names in a file's directory survive (fsync(2): the file's own sync does not).
func syncNames(name string) error {
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
