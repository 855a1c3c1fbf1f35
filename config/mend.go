package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Mend puts the newest usable generation in the place of a boot file that cannot be used: it is gone, empty, has
// problems, or rotted on the medium. It returns why and what it did, in a sentence; empty when the boot file is good or there never was
// one. What an owner wrote is kept beside it as twinpath.toml.refused. Twice is the same as once.
func (a *Archive) Mend(boot string) (did string, err error) {
	text, modified, readErr := bootFile(boot)
	numbers, err := a.numbers()
	if err != nil {
		return "", fmt.Errorf("look for older configurations: %w", err)
	}
	why := a.wrong(boot, text, modified, readErr, numbers)
	if why == "" || len(numbers) == 0 && errors.Is(readErr, fs.ErrNotExist) {
		return "", nil // good, or a new box
	}
	good, ok := a.usable(numbers)
	if !ok {
		return "", fmt.Errorf("the configuration %s, and no older one can be used", why)
	}
	if readErr == nil && len(bytes.TrimSpace(text)) > 0 {
		if err := a.files().rename(boot, boot+".refused"); err != nil { // which a full disk allows
			return "", fmt.Errorf("keep the unusable configuration aside: %w", err)
		}
	}
	return a.putBack(boot, why, good)
}

func (a *Archive) putBack(boot, why string, good Generation) (string, error) {
	did := fmt.Sprintf("The configuration %s: an older one is in use, number %d of those kept, saved %s.",
		why, good.Number, good.Modified.UTC().Format("2006-01-02 15:04 MST"))
	if err := replace(a.files(), boot, good.text); err != nil {
		return "", err
	}
	return did, a.Keep(boot)
}

// wrong says what is the matter with a boot file, as the rest of a sentence that begins with "the configuration".
func (a *Archive) wrong(boot string, text []byte, modified time.Time, readErr error, numbers []int) string {
	switch {
	case errors.Is(readErr, fs.ErrNotExist):
		return "was gone"
	case readErr != nil:
		return fmt.Sprintf("could not be read (%v)", cause(readErr))
	case len(bytes.TrimSpace(text)) == 0:
		return "was empty"
	}
	for _, n := range numbers {
		newest, err := a.read(n)
		if err != nil {
			continue
		}
		if newest.Modified.Equal(modified) && !bytes.Equal(newest.text, text) {
			return "was damaged on the disk" // an editor changes the time
		}
		break
	}
	if _, problems := Parse(boot, text); len(problems) > 0 {
		return fmt.Sprintf("could not be used (%s)", problems[0])
	}
	return ""
}

// usable returns the newest generation that is whole and that this version understands.
func (a *Archive) usable(numbers []int) (Generation, bool) {
	for _, n := range numbers {
		g, err := a.read(n)
		if err != nil || len(bytes.TrimSpace(g.text)) == 0 {
			continue
		}
		if _, problems := Parse(a.path(n), g.text); len(problems) == 0 {
			return g, true
		}
	}
	return Generation{}, false
}
