package slot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

const (
	// headSize is what is written last: without its first 4 KiB a slot is no file system, and the boot loader passes it by.
	headSize = 4096
	// chunk is what is written at once, and synced: large enough for flash, small enough that an interrupt is heard, the
	// progress is true, and the memory of a small board does not fill with what waits for its card.
	chunk = 4 << 20
)

// ErrOnTrial says that the running system has not yet proven itself, so that there is no other one to go back to.
var ErrOnTrial = errors.New("the running system is itself on trial\nhint: wait until it is committed, some minutes after its first start")

// TooLargeError says that an image does not fit.
type TooLargeError struct{ Size, Room int64 }

func (e TooLargeError) Error() string {
	return fmt.Sprintf("the update has %d bytes, the slot %d", e.Size, e.Room)
}

// Installer writes a system to the slot that does not run. All fields are filled in.
type Installer struct {
	Boot   Boot
	Disk   Disk
	Loader *Loader
	Book   *Book
	Step   func(verb string, done, all int64) // progress, in bytes

	chunk int // 0: the real one
}

// Install writes image, which must end with io.EOF only if it is what want says, and tells the boot loader to try it
// once. With an error the running system stays the committed one. p's slots and version are filled in here.
func (i *Installer) Install(ctx context.Context, want System, image io.Reader, p Pending) error {
	target, err := i.Disk.target(i.Boot.Slot)
	if err != nil {
		return err
	}
	if want.Size < headSize {
		return fmt.Errorf("the update has %d bytes: that is no system", want.Size)
	}
	if want.Size > target.Size {
		return TooLargeError{want.Size, target.Size}
	}
	if err := i.clear(); err != nil {
		return err
	}
	want.Head = ""
	if err := i.Book.note(i.Boot.Slot.Other(), &want); err != nil {
		return err
	}
	head, err := i.fill(ctx, target, want, image)
	if err != nil {
		return fmt.Errorf("write slot %s: %w", i.Boot.Slot.Other(), err)
	}
	want.Head = sumOf(head)
	if err := i.Book.note(i.Boot.Slot.Other(), &want); err != nil {
		return err
	}
	p.From, p.To, p.Version = i.Boot.Slot, i.Boot.Slot.Other(), want.Version
	return i.arm(p)
}

// clear makes the running system the committed one and nothing else to be tried: from here on the other slot may be
// anything.
func (i *Installer) clear() error {
	refused := false
	err := i.Loader.Change(i.Boot.Slot, func(e *Env) {
		switch {
		case e.Slot == i.Boot.Slot:
		case i.Boot.Mode == Trial:
			refused = true
			return
		default: // the committed one did not start: it is the one to be replaced
			e.Slot, e.Left = i.Boot.Slot, Boots
		}
		e.Try = None
	})
	if refused {
		return ErrOnTrial
	}
	return errors.Join(err, i.Book.forget())
}

// fill writes everything but the head, the head, and reads it all back.
func (i *Installer) fill(ctx context.Context, target Partition, want System, image io.Reader) (head []byte, err error) {
	m, err := i.Disk.open(target.Path, true)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if size, err := m.Size(); err != nil || size != target.Size {
		return nil, errors.Join(err, fmt.Errorf("%s has %d bytes, not %d", target.Path, size, target.Size))
	}
	if err := behead(m); err != nil {
		return nil, err
	}
	head = make([]byte, headSize)
	if _, err := io.ReadFull(image, head); err != nil {
		return nil, err
	}
	if err := i.pour(ctx, m, image, want.Size); err != nil {
		return nil, err
	}
	_, err = m.WriteAt(head, 0)
	if err == nil {
		err = errors.Join(m.Sync(), m.Forget())
	}
	if err == nil {
		err = i.readBack(ctx, m, want)
	}
	if err != nil {
		return nil, errors.Join(err, behead(m))
	}
	return head, nil
}

// behead empties a slot.
func behead(m medium) error {
	if _, err := m.WriteAt(make([]byte, headSize), 0); err != nil {
		return err
	}
	return m.Sync()
}

// pour writes what follows the head.
func (i *Installer) pour(ctx context.Context, m medium, image io.Reader, size int64) error {
	buffer := make([]byte, i.chunkSize())
	for at := int64(headSize); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(image, buffer)
		if n > 0 {
			if at+int64(n) > size {
				return fmt.Errorf("the update has more than its %d bytes", size)
			}
			if _, err := m.WriteAt(buffer[:n], at); err != nil {
				return err
			}
			if err := m.Sync(); err != nil {
				return err
			}
			at += int64(n)
			i.step("writing", at, size)
		}
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF), err == io.EOF:
			if at != size {
				return fmt.Errorf("the update has %d of its %d bytes", at, size)
			}
			return nil
		case err != nil:
			return err
		}
	}
}

// readBack compares what the disk has now with what was signed.
func (i *Installer) readBack(ctx context.Context, m medium, want System) error {
	sum := sha256.New()
	buffer := make([]byte, i.chunkSize())
	for at := int64(0); at < want.Size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := buffer[:min(int64(len(buffer)), want.Size-at)]
		if _, err := m.ReadAt(part, at); err != nil {
			return fmt.Errorf("read back: %w", err)
		}
		sum.Write(part)
		at += int64(len(part))
		i.step("reading back", at, want.Size)
	}
	expected, err := hex.DecodeString(want.SHA256)
	if err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), expected) {
		return errors.New("the disk does not give back what was written\nhint: it may be worn out")
	}
	return nil
}

// arm lets the boot loader try the new system. When that is not sure to have worked, nothing is to be tried.
func (i *Installer) arm(p Pending) error {
	if err := i.Book.expect(p); err != nil {
		return err
	}
	err := i.Loader.Change(i.Boot.Slot, func(e *Env) { e.Try = p.To })
	if err == nil {
		return nil
	}
	if undo := i.Loader.Change(i.Boot.Slot, func(e *Env) { e.Try = None }); undo != nil {
		return errors.Join(err, undo)
	}
	return errors.Join(err, i.Book.forget())
}

func (i *Installer) step(verb string, done, all int64) {
	if i.Step != nil {
		i.Step(verb, done, all)
	}
}

func (i *Installer) chunkSize() int {
	if i.chunk > 0 {
		return i.chunk
	}
	return chunk
}
