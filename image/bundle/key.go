package bundle

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// PublicFile is the name of the public key's file beside the private one: update.key has update.pub.
func PublicFile(private string) string { return strings.TrimSuffix(private, ".key") + ".pub" }

// GenerateKey makes a signing key and writes it to file, for its owner's eyes only, and its public half to PublicFile.
// It never replaces a file.
func GenerateKey(file string) (ed25519.PrivateKey, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	if err := writeKey(file, private.Seed(), 0o600); err != nil {
		return nil, err
	}
	return private, writeKey(PublicFile(file), public, 0o644)
}

func writeKey(file string, key []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// ReadPrivate reads a signing key: one line, base64 of the 32 bytes of its seed.
func ReadPrivate(file string) (ed25519.PrivateKey, error) {
	keys, err := readKeys(file, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	if len(keys) != 1 {
		return nil, fmt.Errorf("%s: one signing key is expected, not %d", file, len(keys))
	}
	return ed25519.NewKeyFromSeed(keys[0]), nil
}

// ReadPublic reads the keys whose updates are taken: base64 of 32 bytes, one a line, at least one. What follows a # is
// a comment.
func ReadPublic(file string) ([]ed25519.PublicKey, error) {
	keys, err := readKeys(file, ed25519.PublicKeySize)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: it holds no key", file)
	}
	public := make([]ed25519.PublicKey, len(keys))
	for i, key := range keys {
		public[i] = key
	}
	return public, nil
}

func readKeys(file string, size int) ([][]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var keys [][]byte
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line, _, _ = bytes.Cut(line, []byte("#"))
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(string(line))
		if err != nil || len(key) != size {
			return nil, fmt.Errorf("%s:%d: not base64 of a key's %d bytes", file, number, size)
		}
		keys = append(keys, key)
	}
	return keys, nil
}
