package firstboot

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// report tells the owner's problems where the owner looks: on the console, by way of a file in Run, and on the card. When there
// are none any more, nothing of them stays.
func (v *visit) report() error {
	if len(v.complaints) == 0 {
		return v.allWell()
	}
	text := strings.Join(v.complaints, "\n") + "\n"
	if err := v.onTheCard(text); err != nil {
		v.Log.Warn("the problems cannot be written to the card", "err", err)
		text += fmt.Sprintf("(%s could not be written to the card: %v)\n", problemsFile, err)
	}
	return replace(medium{}, v.problems(), []byte(text), 0o644)
}

func (v *visit) allWell() error {
	err := os.RemoveAll(v.problems())
	path := v.card[problemsFile]
	if path == "" {
		return err
	}
	if gone := v.onCard(func() error { return v.files().remove(path) }); gone != nil {
		return fmt.Errorf("remove %s, whose problems are solved: %w", path, gone)
	}
	v.Log.Info("the card's problems are solved", "removed", path)
	return err
}

func (v *visit) onTheCard(problems string) error {
	if v.Card == "" {
		return nil
	}
	path := v.card[problemsFile]
	if path == "" {
		path = filepath.Join(v.Card, problemsFile)
	}
	letter := []byte(strings.ReplaceAll(v.letter(problems), "\n", "\r\n")) // Windows' editor of before 2018 wants it so
	if old, err := read(path); err == nil && bytes.Equal(old, letter) {
		return nil
	}
	return v.onCard(func() error { return v.files().write(path, letter, 0o644) })
}

// letter is what the owner reads on a computer.
func (v *visit) letter(problems string) string {
	meanwhile := "Until then the router goes on with the configuration it has."
	if !exists(v.boot()) {
		meanwhile = "Until then the router is in setup mode: its screen says how to reach it."
	}
	return "Twinpath found problems on this card:\n\n" + problems + `
What to do: correct the files named above on this card, put it back and switch the router on again.
What each key of twinpath.toml means is in docs/configuration.md of Twinpath.
` + meanwhile + `
This file goes away by itself when all is well.
`
}

// name gives the machine its owner's name for it.
func (v *visit) name() error {
	name := "twinpath"
	if text, err := read(v.boot()); err == nil {
		if given, err := v.Configs.Check(v.boot(), text); err == nil && isHostName(given) {
			name = given
		}
	}
	return v.System.SetHostname(name)
}

// isHostName reports whether name fits as one label (RFC 1123 §2.1).
func isHostName(name string) bool {
	if name == "" || len(name) > 63 || name[0] == '-' || name[len(name)-1] == '-' {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}
