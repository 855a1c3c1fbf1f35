package slot

import (
	"bytes"
	"errors"
	"fmt"
)

// Loader is the boot loader's environment file. It is only ever changed in place: GRUB remembers where its bytes are.
type Loader struct {
	Path     string
	Writable func(bool) error // makes the file system writable, or read-only again; nil: it always is

	open opener // nil: the real one
}

// Load reads the environment. An unreadable one is ErrEnvDamaged.
func (l *Loader) Load() (Env, error) {
	m, err := l.file(false)
	if err != nil {
		return Env{}, err
	}
	defer m.Close()
	return l.load(m)
}

// Change lets f change the environment and writes it, if it is another one then, and reads it back. A damaged one is
// replaced: f gets one that says that running is the committed slot. Nobody else changes it meanwhile.
func (l *Loader) Change(running Slot, f func(*Env)) (err error) {
	m, err := l.file(false)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := m.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", l.Path, err)
	}
	env, err := l.load(m)
	switch {
	case errors.Is(err, ErrEnvDamaged):
		env = Env{Slot: running, Left: Boots}
	case err != nil:
		return err
	}
	f(&env)
	block, err := env.block()
	if err != nil {
		return fmt.Errorf("write %s: %w", l.Path, err)
	}
	if old, err := readBlock(m); err == nil && bytes.Equal(old, block) {
		return nil
	}
	return l.write(block)
}

func (l *Loader) load(m medium) (Env, error) {
	block, err := readBlock(m)
	if err != nil {
		return Env{}, fmt.Errorf("read %s: %w", l.Path, err)
	}
	env, err := parseEnv(block)
	if err != nil {
		return Env{}, fmt.Errorf("read %s: %w", l.Path, err)
	}
	return env, nil
}

// readBlock returns one byte more than a block if there is more, so that a file of another size is not taken for one.
func readBlock(m medium) ([]byte, error) {
	size, err := m.Size()
	if err != nil {
		return nil, err
	}
	block := make([]byte, min(size, blockSize+1))
	if _, err := m.ReadAt(block, 0); err != nil {
		return nil, err
	}
	return block, nil
}

func (l *Loader) write(block []byte) error {
	if l.Writable != nil {
		if err := l.Writable(true); err != nil {
			return fmt.Errorf("write %s: make it writable: %w", l.Path, err)
		}
		// A file system that stays writable is no reason to call the write a failure: the next one tries again.
		defer func() { _ = l.Writable(false) }()
	}
	m, err := l.file(true)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := overwrite(m, block); err != nil {
		return fmt.Errorf("write %s: %w", l.Path, err)
	}
	return nil
}

// overwrite puts the block where the old one was, and believes it only when the disk gives it back.
func overwrite(m medium, block []byte) error {
	if size, err := m.Size(); err != nil || size != blockSize {
		return errors.Join(err, fmt.Errorf("it has %d bytes, not %d, and only the boot loader's installer may change that", size, blockSize))
	}
	if _, err := m.WriteAt(block, 0); err != nil {
		return err
	}
	if err := errors.Join(m.Sync(), m.Forget()); err != nil {
		return err
	}
	got, err := readBlock(m)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, block) {
		return errors.New("the disk does not give back what was written")
	}
	return nil
}

func (l *Loader) file(write bool) (medium, error) {
	if l.open != nil {
		return l.open(l.Path, write)
	}
	return openDevice(l.Path, write)
}
