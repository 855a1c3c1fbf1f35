package slot

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// medium is a place of fixed size that bytes are written to: a partition, or the boot loader's file.
type medium interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error) // bytes
	Sync() error          // what was written has reached the disk when it returns
	Forget() error        // the next read comes from the disk, not from memory
	Lock() error          // until Close; waits for others
}

// opener opens a medium that exists. A partition that is in use cannot be opened for writing.
type opener func(name string, write bool) (medium, error)

// device is a real medium.
type device struct{ *os.File }

func openDevice(name string, write bool) (medium, error) {
	flag := os.O_RDONLY
	if write {
		// O_EXCL: the kernel refuses a partition that is mounted (open(2)). It means nothing for a file.
		flag = os.O_RDWR | os.O_EXCL
	}
	f, err := os.OpenFile(name, flag, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, errors.Join(err, errors.New("it is in use: the running system may be on it"))
	}
	if err != nil {
		return nil, err
	}
	return device{f}, nil
}

func (d device) Size() (int64, error) { return d.Seek(0, io.SeekEnd) }

func (d device) Lock() error { return unix.Flock(int(d.Fd()), unix.LOCK_EX) }

func (d device) Forget() error {
	if stat, err := d.Stat(); err != nil || stat.Mode()&os.ModeDevice != 0 {
		return errors.Join(err, unix.IoctlSetInt(int(d.Fd()), unix.BLKFLSBUF, 0))
	}
	return unix.Fadvise(int(d.Fd()), 0, 0, unix.FADV_DONTNEED)
}
