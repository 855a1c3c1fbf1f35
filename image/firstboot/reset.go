package firstboot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// AskReset marks the box to be reset at its next boot. It returns when the mark survives a power cut.
func AskReset(data string) error {
	b := Box{Data: data}
	if err := replace(medium{}, b.marker(), []byte("reset to factory settings at the next boot\n"), 0o600); err != nil {
		return fmt.Errorf("mark the box to be reset: %w", err)
	}
	return nil
}

// reset empties the box if a marker says so. Configurations, history, leases, SSH keys and the machine's identity go: who gets the box next
// shall not find the owner of before. The slots and what is known about their updates stay. The markers go last, so that a power
// cut in the middle is made good.
func (v *visit) reset() error {
	card := v.card[resetFile]
	mark := ""
	if card != "" {
		mark = stampOf(card)
	}
	if !exists(v.marker()) && (card == "" || mark == v.remembered.Reset) {
		return nil
	}
	if exists(filepath.Join(v.Run, "data-lost")) {
		v.complain("The reset to factory settings waits: the disk that holds the settings cannot be read.")
		return nil
	}
	err := v.wipe()
	v.remembered = memory{}
	if card != "" {
		err = errors.Join(err, v.unmarkCard(card, mark))
	}
	err = errors.Join(err, v.files().remove(v.marker()))
	if err == nil {
		v.Log.Info("reset to factory settings")
	}
	return err
}

// unmarkCard removes the card's marker. One that cannot be removed is remembered: else each boot would reset again.
func (v *visit) unmarkCard(path, mark string) error {
	err := v.onCard(func() error { return v.files().remove(path) })
	if err == nil {
		return nil
	}
	v.complain(fmt.Sprintf("The box was reset to factory settings, but %s cannot be removed from the card (%v).\nhint: remove it, and look whether the card is write-protected", filepath.Base(path), err))
	v.remembered.Reset = mark
	return v.remember()
}

// stampOf tells one marker from the next one of the same name.
func stampOf(path string) string {
	stat, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %d", stat.ModTime().UnixNano(), stat.Size())
}

func (v *visit) wipe() error {
	err := errors.Join(v.empty(filepath.Join(v.Data, "config")), v.empty(filepath.Join(v.Data, "state")), v.empty(filepath.Dir(v.keyring())))
	for _, name := range []string{v.memory(), v.keptClaim(), filepath.Join(v.Data, "system", "machine-id")} {
		err = errors.Join(err, v.files().remove(name))
	}
	return err
}

// empty removes everything in a directory. What cannot be removed is said, and is no reason to leave the rest.
func (v *visit) empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var failed []error
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			failed = append(failed, v.empty(path))
		}
		failed = append(failed, v.files().remove(path))
	}
	return errors.Join(failed...)
}
