package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// recipe is what image/recipe says about one architecture's image.
type recipe struct {
	dir      string
	packages []string // of the root, with what they need
	without  []string // needed only by maintainer scripts, which are not run
	loader   []string // unpacked for single files on the boot partition
	tools    []string // unpacked to run them here
	drop     []string // paths of the root, as patterns
	links    [][2]string
	enable   []string
	mask     []string
	modules  rules // kernel modules of the root
	initrd   rules // of those, the ones in the initrd
}

// readRecipe reads the lists below dir as they are for a.
func readRecipe(dir string, a arch) (recipe, error) {
	r := recipe{dir: dir}
	for _, list := range []struct {
		name string
		read func(lines []string) error
	}{
		{"packages", r.readPackages},
		{"units", r.readUnits},
		{"links", r.readLinks},
		{"drop", func(lines []string) error { r.drop = lines; return nil }},
		{"modules", func(lines []string) (err error) { r.modules, err = parseRules(lines); return err }},
		{"modules-initrd", func(lines []string) (err error) { r.initrd, err = parseRules(lines); return err }},
	} {
		text, err := os.ReadFile(filepath.Join(dir, list.name))
		if err == nil {
			err = list.read(parseList(string(text), a.name))
		}
		if err != nil {
			return r, fmt.Errorf("read recipe: %s: %w", list.name, err)
		}
	}
	return r, nil
}

func (r *recipe) readPackages(lines []string) error {
	for _, line := range lines {
		kind, name, found := strings.Cut(line, " ")
		switch {
		case !found:
			r.packages = append(r.packages, line)
		case kind == "without":
			r.without = append(r.without, name)
		case kind == "loader":
			r.loader = append(r.loader, name)
		case kind == "tool":
			r.tools = append(r.tools, name)
		default:
			return fmt.Errorf("%q: want NAME, or without, loader or tool and NAME", line)
		}
	}
	return nil
}

func (r *recipe) readUnits(lines []string) error {
	for _, line := range lines {
		switch verb, unit, _ := strings.Cut(line, " "); verb {
		case "enable":
			r.enable = append(r.enable, unit)
		case "mask":
			r.mask = append(r.mask, unit)
		default:
			return fmt.Errorf("%q: want enable or mask, and a unit", line)
		}
	}
	return nil
}

func (r *recipe) readLinks(lines []string) error {
	for _, line := range lines {
		from, to, found := strings.Cut(line, " -> ")
		if !found {
			return fmt.Errorf("%q: want PATH -> TARGET", line)
		}
		r.links = append(r.links, [2]string{from, to})
	}
	return nil
}

// parseList gives the lines of a list that are for arch: comments end at the line's end, "[arm64] x" is for one architecture.
func parseList(text, arch string) []string {
	var all []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if only, rest, found := strings.Cut(line, "] "); found && strings.HasPrefix(only, "[") {
			if only[1:] != arch {
				continue
			}
			line = strings.TrimSpace(rest)
		}
		if line != "" {
			all = append(all, strings.ReplaceAll(line, "ARCH", arch))
		}
	}
	return all
}
