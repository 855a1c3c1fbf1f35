package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/image/bundle"
)

// reserve is what an update that is being received leaves free on the data partition, in bytes: the daemon writes there.
const reserve = 16 << 20

// source opens the update file. What is not a file that can be read twice is received first: a download that breaks off
// must not cost the other slot its system.
func (u *updater) source(ctx context.Context, name string) (*os.File, error) {
	if name == "-" {
		return u.receive(ctx, u.std.in)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if stat, err := f.Stat(); err == nil && stat.Mode().IsRegular() {
		return f, nil
	}
	defer f.Close()
	return u.receive(ctx, f)
}

// receive keeps a copy of in, verified on the way, in the book's directory for it.
func (u *updater) receive(ctx context.Context, in io.Reader) (_ *os.File, err error) {
	dir := u.book.Incoming()
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir) // the next start empties it again
		}
	}()
	f, err := os.Create(filepath.Join(dir, "update"))
	if err != nil {
		return nil, err
	}
	if _, err := u.inspect(ctx, io.TeeReader(breakable(ctx, in), f), "receiving", roomIn(dir)); err != nil {
		_ = f.Close() // it is removed
		return nil, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}

// breakable is in, but it ends when ctx does: a read of a terminal or a pipe waits for its other side.
func breakable(ctx context.Context, in io.Reader) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, in)
		_ = w.CloseWithError(err) // never fails
	}()
	context.AfterFunc(ctx, func() { _ = r.CloseWithError(ctx.Err()) })
	return r
}

// roomIn refuses an update that would fill the disk of dir.
func roomIn(dir string) func(bundle.Manifest) error {
	return func(m bundle.Manifest) error {
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err != nil {
			return fmt.Errorf("look for room in %s: %w", dir, err)
		}
		free := int64(fs.Bavail) * int64(fs.Bsize)
		if m.Size+reserve > free {
			return fmt.Errorf("no room to receive the update: it has %d MiB, and %d MiB are free on the data partition\nhint: give it as a file on a USB stick", m.Size>>20, max(0, free-reserve)>>20)
		}
		return nil
	}
}

// inspect verifies a whole update file, and more than that before the first byte of its payload is read.
func (u *updater) inspect(ctx context.Context, r io.Reader, verb string, room func(bundle.Manifest) error) (bundle.Manifest, error) {
	b, err := bundle.Open(r, u.keys)
	if err != nil {
		return bundle.Manifest{}, err
	}
	if err := u.admit(b.Manifest); err != nil {
		return b.Manifest, err
	}
	if room != nil {
		if err := room(b.Manifest); err != nil {
			return b.Manifest, err
		}
	}
	p := u.progress()
	defer p.end()
	buffer := make([]byte, 1<<20)
	for done := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return b.Manifest, err
		}
		n, err := b.Read(buffer)
		done += int64(n)
		p.step(verb, done, b.Manifest.Size)
		if err == io.EOF {
			return b.Manifest, nil
		}
		if err != nil {
			return b.Manifest, err
		}
	}
}
