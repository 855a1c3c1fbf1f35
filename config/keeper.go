package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/twinpath/twinpath/router"
)

// maxConfirm is the longest an unconfirmed configuration may run. Chosen here: nobody watches for longer.
const maxConfirm = 24 * time.Hour

// Keeper owns the boot file and changes it only as a whole: what an owner has not confirmed is gone after a crash, a
// power cut or the time to confirm. The fields are filled in before Load. It is safe for concurrent use.
type Keeper struct {
	Boot  string                    // path of the file that counts at the next start
	State string                    // directory of ours for the pending and the previous file
	Name  string                    // router.name when the file gives none: the host's
	Use   func(router.Config) error // makes a configuration the running one; called from one goroutine at a time
	Log   *slog.Logger              // nil: silent
	// Undone hears, in a sentence, of a configuration that went back with nobody there to be told. It must not block; nil: nobody does.
	Undone func(sentence string)

	Fallback string   // path of the file that counts while Boot does not exist; empty: none
	Archive  *Archive // keeps what became the boot file, or was good when it was read; nil: nothing is kept

	mu      sync.Mutex
	disk    disk // nil: the real one
	running inUse
	pending *pending
}

// inUse is a configuration that the router works by, with the text it was made from.
type inUse struct {
	cfg      router.Config
	text     []byte
	fallback bool // it is Keeper.Fallback's
}

// pending is a configuration in use that waits for its confirmation.
type pending struct {
	until time.Time
	timer *time.Timer // monotonic: a clock that jumps neither shortens nor lengthens the wait
	back  inUse
}

// Pending says what waits for a confirmation.
type Pending struct {
	Waiting bool
	Until   time.Time     // when it goes back
	Left    time.Duration // until then, whatever the clock says
}

// Load reads the boot file, or the fallback, at start. It does not call Use. A pending file means that the daemon ended before the
// confirmation: it is discarded with a notice.
func (k *Keeper) Load() (router.Config, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.discard()
	next, err := k.boot()
	if err == nil {
		k.running = next
		k.archive()
	}
	return next.cfg, err
}

func (k *Keeper) discard() {
	left, err := k.files().read(k.pendingFile())
	if err != nil {
		return
	}
	boot, err := k.files().read(k.Boot)
	if err != nil || !bytes.Equal(left, boot) {
		k.log().Warn("discarded a configuration that nobody had confirmed", "file", k.pendingFile())
		k.undone("The router ended before anybody had confirmed the new configuration: it works by the one before.")
	}
	k.forget()
}

// boot reads the file that counts now.
func (k *Keeper) boot() (inUse, error) {
	name, fallback := k.Boot, false
	text, err := k.files().read(name)
	if errors.Is(err, fs.ErrNotExist) && k.Fallback != "" {
		name, fallback = k.Fallback, true
		text, err = k.files().read(name)
	}
	if err != nil {
		return inUse{}, err
	}
	next, err := k.parse(name, text)
	next.fallback = fallback
	return next, err
}

// archive is best effort: what has become the boot file counts, kept or not. The fallback is no configuration to keep.
func (k *Keeper) archive() {
	if k.Archive == nil {
		return
	}
	if err := k.Archive.Keep(k.Boot); err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.log().Warn("the configuration counts, but no copy of it was kept", "reason", err)
	}
}

func (k *Keeper) parse(name string, text []byte) (inUse, error) {
	cfg, problems := Parse(name, text)
	if len(problems) > 0 {
		return inUse{}, problems
	}
	if cfg.Name == "" {
		cfg.Name = k.Name
	}
	return inUse{cfg: cfg, text: bytes.Clone(text)}, nil
}

// Apply makes text, called name in problems, the running configuration. With confirm 0 it becomes the boot file at
// once; else only with Confirm, and without that in time the old one is used again. An error means that the old
// configuration is still the running and the boot one.
func (k *Keeper) Apply(ctx context.Context, name string, text []byte, confirm time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.apply(ctx, name, text, confirm)
}

func (k *Keeper) apply(ctx context.Context, name string, text []byte, confirm time.Duration) error {
	if confirm < 0 || confirm > maxConfirm {
		return fmt.Errorf("apply %s: the time to confirm must be 0 to %s, not %s", name, short(maxConfirm), short(confirm))
	}
	if err := k.free("apply " + name); err != nil {
		return err
	}
	next, err := k.parse(name, text)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("apply %s: %w", name, err)
	}
	if confirm == 0 {
		return k.applyNow(name, next)
	}
	return k.applyPending(name, next, confirm)
}

// free refuses to change anything while a configuration waits.
func (k *Keeper) free(wish string) error {
	if k.pending == nil {
		return nil
	}
	left := time.Until(k.pending.until).Round(time.Second)
	return fmt.Errorf("%s: %w, %s left\nhint: confirm it, or wait until it is gone", wish, ErrPending, short(left))
}

func (k *Keeper) applyNow(name string, next inUse) error {
	old, had, err := k.save(next.text)
	if err != nil {
		return fmt.Errorf("apply %s: %w%s", name, err, unchanged)
	}
	if err := k.use(next, k.running); err != nil {
		return errors.Join(fmt.Errorf("apply %s: %w", name, err), k.putBack(old, had))
	}
	k.archive()
	k.log().Info("configuration applied", "file", name)
	return nil
}

// unchanged is for the owner of a disk that is full or cannot be written to.
const unchanged = "\nhint: nothing was changed: the configuration before is still in use"

// save makes text the boot file and keeps the one before as the previous.
func (k *Keeper) save(text []byte) (old []byte, had bool, err error) {
	old, err = k.files().read(k.Boot)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	had = err == nil
	if had {
		if err := replace(k.files(), filepath.Join(k.State, "twinpath.toml.previous"), old); err != nil {
			return nil, false, err
		}
	}
	return old, had, replace(k.files(), k.Boot, text)
}

func (k *Keeper) putBack(old []byte, had bool) error {
	if !had {
		return k.files().remove(k.Boot)
	}
	return replace(k.files(), k.Boot, old)
}

// use makes next the running configuration, or leaves back running.
func (k *Keeper) use(next, back inUse) error {
	if err := k.Use(next.cfg); err != nil {
		if again := k.Use(back.cfg); again != nil {
			return errors.Join(err, fmt.Errorf("go back to the old configuration: %w", again))
		}
		return err
	}
	k.running = next
	return nil
}

// Reload uses the boot file, or the fallback, as it is now (SIGHUP). An error means that the running configuration is still the old one.
func (k *Keeper) Reload() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.free("reload"); err != nil {
		return err
	}
	next, err := k.boot()
	if err != nil {
		return err
	}
	if err := k.use(next, k.running); err != nil {
		return fmt.Errorf("reload %s: %w", k.Boot, err)
	}
	k.archive()
	k.log().Info("configuration reloaded", "file", k.Boot)
	return nil
}

func (k *Keeper) undone(sentence string) {
	if k.Undone != nil {
		k.Undone(sentence)
	}
}

func (k *Keeper) files() disk {
	if k.disk != nil {
		return k.disk
	}
	return medium{}
}

func (k *Keeper) log() *slog.Logger {
	if k.Log != nil {
		return k.Log
	}
	return slog.New(slog.DiscardHandler)
}
