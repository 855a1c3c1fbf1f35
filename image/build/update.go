package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/twinpath/twinpath/image/bundle"
)

// signingKey names the file of the key that signs updates and gives the public half the image carries. A key that nobody named is
// made once: images of one machine can update each other, and nobody else's can.
func signingKey(name, out string) (file string, public []byte, err error) {
	if name == "" {
		name = filepath.Join(out, "update.key")
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
			if _, err := bundle.GenerateKey(name); err != nil {
				return "", nil, fmt.Errorf("make a signing key: %w", err)
			}
		}
	}
	public, err = os.ReadFile(bundle.PublicFile(name))
	if err != nil {
		return "", nil, fmt.Errorf("public half of %s: %w", name, err)
	}
	return name, public, nil
}

// update writes the update file of this slot.
func (m *maker) update(context.Context) (err error) {
	key, err := bundle.ReadPrivate(m.key)
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	slot, err := os.Open(m.plain("slot", ".squashfs"))
	if err != nil {
		return err
	}
	defer slot.Close()
	to, err := os.Create(m.name(".update"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	manifest := bundle.Manifest{Version: m.version, Arch: m.arch.name, Board: m.arch.board, Created: m.epoch}
	return bundle.Write(to, manifest, key, slot)
}
