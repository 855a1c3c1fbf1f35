package config

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// ErrChanged is ApplyOver's error when the running configuration is not the one that the change was made from.
var ErrChanged = errors.New("the configuration is not the one that was changed here: another owner has changed it meanwhile" +
	"\nhint: load it again and repeat the change")

// Revision names a configuration's text: the first 16 hexadecimal digits of its SHA-256.
func Revision(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Current returns the text of the running configuration, also while it waits for a confirmation, and its revision.
// fallback tells that it is Fallback's: there is no configuration of the owner's yet.
func (k *Keeper) Current() (text []byte, revision string, fallback bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.running.text, Revision(k.running.text), k.running.fallback
}

// ApplyOver is Apply for a text made from that of a revision. The error is ErrChanged when another one is running.
func (k *Keeper) ApplyOver(ctx context.Context, revision, name string, text []byte, confirm time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.free("apply " + name); err != nil { // says more than that the revision is another one now
		return err
	}
	if revision != Revision(k.running.text) {
		return fmt.Errorf("apply %s: %w", name, ErrChanged)
	}
	return k.apply(ctx, name, text, confirm)
}

// Kept returns the configurations of the archive, newest first, without their texts.
func (k *Keeper) Kept() ([]Generation, error) {
	if k.Archive == nil {
		return nil, nil
	}
	return k.Archive.List()
}

// KeptText returns one configuration of the archive. The error is fs.ErrNotExist where there is none of that number.
func (k *Keeper) KeptText(number int) ([]byte, error) {
	if k.Archive == nil {
		return nil, fmt.Errorf("configuration %d of those kept: %w", number, fs.ErrNotExist)
	}
	return k.Archive.Text(number)
}
