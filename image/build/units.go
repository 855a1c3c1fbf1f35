package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const unitDir = "usr/lib/systemd/system"

// enableUnit does what systemctl enable does for the units of an image: the links its [Install] section asks for.
func enableUnit(root, unit string) error {
	text, err := os.ReadFile(filepath.Join(root, unitDir, unit))
	if err != nil {
		return fmt.Errorf("enable %s: %w", unit, err)
	}
	target := "/" + unitDir + "/" + unit
	install := installSection(string(text))
	if len(install) == 0 {
		return fmt.Errorf("enable %s: it has no [Install] section", unit)
	}
	for _, l := range install {
		path := filepath.Join(root, "etc/systemd/system", l.value)
		switch l.key {
		case "Alias":
		case "WantedBy":
			path = filepath.Join(path+".wants", unit)
		case "RequiredBy":
			path = filepath.Join(path+".requires", unit)
		default: // Also= and DefaultInstance=: the recipe names each unit itself
			continue
		}
		if err := link(target, path); err != nil {
			return fmt.Errorf("enable %s: %w", unit, err)
		}
	}
	return nil
}

type setting struct{ key, value string }

// installSection gives the settings of a unit file's [Install] section, one for each word.
func installSection(text string) []setting {
	var all []setting
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inside = line == "[Install]"
			continue
		}
		key, values, found := strings.Cut(line, "=")
		if !inside || !found || strings.HasPrefix(line, "#") {
			continue
		}
		for value := range strings.FieldsSeq(values) {
			all = append(all, setting{strings.TrimSpace(key), value})
		}
	}
	return all
}

// enableAll enables what the recipe lists and every installable unit of the recipe's own tree, and masks what must not start.
func enableAll(root string, r recipe) error {
	own, _ := filepath.Glob(filepath.Join(r.dir, "tree", unitDir, "twinpath*.*"))
	units := append([]string{}, r.enable...)
	for _, path := range own {
		text, err := os.ReadFile(path)
		if err == nil && len(installSection(string(text))) > 0 {
			units = append(units, filepath.Base(path))
		}
	}
	for _, unit := range units {
		if err := enableUnit(root, unit); err != nil {
			return err
		}
	}
	for _, unit := range r.mask {
		if err := link("/dev/null", filepath.Join(root, "etc/systemd/system", unit)); err != nil {
			return err
		}
	}
	return nil
}
