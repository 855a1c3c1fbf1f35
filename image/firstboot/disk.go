package firstboot

import (
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/twinpath/twinpath/durable"
)

// disk is how a box changes files. Each step is complete on the medium when it returns, or has failed.
type disk interface {
	mkdir(name string, mode fs.FileMode) error // with its parents
	write(name string, text []byte, mode fs.FileMode) error
	rename(from, to string) error
	remove(name string) error // a file that is not there is no error
}

// medium is the real disk.
type medium struct{}

func (medium) mkdir(name string, mode fs.FileMode) error { return os.MkdirAll(name, mode) }

func (medium) write(name string, text []byte, mode fs.FileMode) error {
	return durable.Write(name, text, mode)
}

func (medium) rename(from, to string) error { return durable.Rename(from, to) }
func (medium) remove(name string) error     { return durable.Remove(name) }

// replace writes name so that at any moment it has either the old text or the new one.
func replace(d disk, name string, text []byte, mode fs.FileMode) error {
	err := d.write(name+".new", text, mode)
	if err == nil {
		err = d.rename(name+".new", name)
	}
	if err != nil {
		_ = d.remove(name + ".new") // what it left behind is no news beside the error itself
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// biggest is how much of an owner's file is read, in bytes: one more than a configuration may have.
const biggest = 1<<20 + 1

// read returns what a file begins with.
func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, biggest))
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
