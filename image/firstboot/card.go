package firstboot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// What the owner may put on the card, and what we put there.
const (
	configFile   = "twinpath.toml"
	keysFile     = "authorized_keys"
	resetFile    = "factory-reset"
	problemsFile = "twinpath-problems.txt"
)

// memory is what a box knows of its card: card.json.
type memory struct {
	Config string `json:"config,omitempty"` // sha256 of the file that was taken over
	Reset  string `json:"reset,omitempty"`  // the marker that was obeyed and could not be removed
}

// look finds the owner's files on the card, and what is remembered of them. Names may be written in any case, as DOS had
// it, and end in ".txt", which Windows' editor adds and Windows' explorer hides. "._NAME" of a Mac is no file of the owner's.
func (v *visit) look() error {
	v.card = map[string]string{}
	if text, err := os.ReadFile(v.memory()); err == nil {
		_ = json.Unmarshal(text, &v.remembered) // what cannot be read was never written whole: nothing is remembered
	}
	if v.Card == "" {
		return fmt.Errorf("no card is mounted")
	}
	entries, err := os.ReadDir(v.Card)
	if err != nil {
		v.Card = ""
		return fmt.Errorf("read the card: %w", err)
	}
	for _, ending := range []string{".txt", ""} { // the right name counts most
		for _, e := range entries {
			v.found(e.Name(), ending)
		}
	}
	return nil
}

func (v *visit) found(name, ending string) {
	for _, known := range []string{configFile, keysFile, resetFile, problemsFile, claimFile} {
		if !strings.EqualFold(name, known+ending) {
			continue
		}
		if old, twice := v.card[known]; twice {
			v.complain(fmt.Sprintf("%s on the card is not used, because there is %s, too.\nhint: remove one of them", filepath.Base(old), name))
		}
		v.card[known] = filepath.Join(v.Card, name)
	}
}

// remember writes card.json.
func (v *visit) remember() error {
	text, err := json.Marshal(v.remembered)
	if err != nil {
		return err
	}
	return replace(v.files(), v.memory(), append(text, '\n'), 0o600)
}

// takeOver makes a configuration on the card that was not seen before the boot file.
func (v *visit) takeOver() error { return v.take(false) }

// take may take a file that was seen before, when there is nothing else.
func (v *visit) take(again bool) error {
	path := v.card[configFile]
	if path == "" {
		return nil
	}
	text, err := read(path)
	if err != nil {
		v.complain(fmt.Sprintf("%s: cannot be read: %v", configFile, err))
		return nil
	}
	if blank(text) {
		v.complain(configFile + ": is empty")
		return nil
	}
	sum := fingerprint(text)
	if sum == v.remembered.Config && !again {
		return nil
	}
	if _, err := v.Configs.Check(configFile, text); err != nil {
		v.complain(err.Error())
		return nil
	}
	if err := replace(v.files(), v.boot(), text, 0o600); err != nil {
		return err
	}
	v.Log.Info("took over the card's configuration", "file", path)
	if err := v.Configs.Keep(v.boot()); err != nil {
		v.Log.Warn("the card's configuration counts, but no copy of it was kept", "err", err)
	}
	v.remembered.Config = sum
	return v.remember()
}

func fingerprint(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// mend sees to a boot file that can be used, or to none: then the box is in setup mode, where its owner can reach it. The
// card's, though it was taken over before, is better than none.
func (v *visit) mend() error {
	did, err := v.Configs.Mend(v.boot())
	if did != "" {
		v.Log.Warn("mended the configuration", "did", did)
		if wrote := replace(medium{}, v.restored(), []byte(did+"\n"), 0o644); wrote != nil {
			v.Log.Error("report what was mended", "err", wrote)
		}
	}
	if err == nil && exists(v.boot()) {
		return nil
	}
	if taken := v.take(true); taken != nil {
		v.Log.Error("take over the card's configuration again", "err", taken)
	}
	if err == nil || v.usable() {
		return err
	}
	v.complain(sentence(err))
	return v.files().rename(v.boot(), v.boot()+".refused")
}

// usable reports whether the boot file is missing or good.
func (v *visit) usable() bool {
	text, err := read(v.boot())
	if err != nil {
		return !exists(v.boot())
	}
	if blank(text) {
		return false
	}
	_, err = v.Configs.Check(v.boot(), text)
	return err == nil
}

func blank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }

func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// onCard does what changes the card, which is writable meanwhile only.
func (v *visit) onCard(do func() error) error {
	if err := v.System.CardWritable(true); err != nil {
		return err
	}
	err := do()
	if back := v.System.CardWritable(false); back != nil {
		v.Log.Warn("the card stays writable", "err", back)
	}
	return err
}
