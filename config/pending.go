package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// ErrNothingPending is Confirm's error when no configuration waits: there never was one, or it has gone back.
var ErrNothingPending = errors.New("no configuration waits for a confirmation")

// ErrPending is the error of every change while a configuration waits for its confirmation.
var ErrPending = errors.New("another configuration waits for its confirmation")

func (k *Keeper) pendingFile() string { return filepath.Join(k.State, "twinpath.toml.pending") }

// forget removes the pending file. A file that stays is discarded at the next start, so that is no error.
func (k *Keeper) forget() {
	if err := k.files().remove(k.pendingFile()); err != nil {
		k.log().Warn("pending configuration stays on disk", "reason", err)
	}
}

// applyPending uses next without making it the boot file.
func (k *Keeper) applyPending(name string, next inUse, confirm time.Duration) error {
	if err := replace(k.files(), k.pendingFile(), next.text); err != nil {
		return fmt.Errorf("apply %s: %w%s", name, err, unchanged)
	}
	back := k.running
	if err := k.use(next, back); err != nil {
		k.forget()
		return fmt.Errorf("apply %s: %w", name, err)
	}
	p := &pending{until: time.Now().Add(confirm), back: back}
	p.timer = time.AfterFunc(confirm, func() { k.expire(p) })
	k.pending = p
	k.log().Info("configuration applied until confirmed", "file", name, "confirm", confirm)
	return nil
}

// expire goes back from p, unless it was confirmed while the timer was on its way.
func (k *Keeper) expire(p *pending) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending != p {
		return
	}
	if err := k.goBack(); err != nil {
		k.log().Error("the old configuration could not be put back", "reason", err)
		return
	}
	k.log().Warn("nobody confirmed the configuration: the old one is back")
	k.undone("Nobody confirmed the new configuration in time: the router works by the one before again.")
}

// goBack ends the wait for a confirmation and uses the configuration of before.
func (k *Keeper) goBack() error {
	back := k.pending.back
	k.pending.timer.Stop()
	k.pending = nil
	k.forget()
	if err := k.Use(back.cfg); err != nil {
		return err
	}
	k.running = back
	return nil
}

// Revert uses the configuration of before at once, instead of the one that waits for its confirmation.
func (k *Keeper) Revert() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending == nil {
		return ErrNothingPending
	}
	if err := k.goBack(); err != nil {
		return fmt.Errorf("go back to the old configuration: %w", err)
	}
	k.log().Info("configuration taken back: the old one is in use")
	return nil
}

// Confirm makes the pending configuration the boot file. With an error it still waits, and still goes back in time.
func (k *Keeper) Confirm() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending == nil {
		return ErrNothingPending
	}
	if _, _, err := k.save(k.running.text); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	k.pending.timer.Stop()
	k.pending = nil
	k.forget()
	k.archive()
	k.log().Info("configuration confirmed")
	return nil
}

// Status says whether a configuration waits for its confirmation.
func (k *Keeper) Status() Pending {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending == nil {
		return Pending{}
	}
	return Pending{Waiting: true, Until: k.pending.until, Left: time.Until(k.pending.until)}
}

// Close ends the wait for a confirmation without going back: the daemon is about to end, and the boot file is the old one.
func (k *Keeper) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending != nil {
		k.pending.timer.Stop()
		k.pending = nil
		k.forget()
	}
}
