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
	var failed error
	lines := func(name string) []string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && failed == nil {
			failed = fmt.Errorf("read recipe: %w", err)
		}
		return parseList(string(text), a.name)
	}
	for _, line := range lines("packages") {
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
			return r, fmt.Errorf("read recipe: packages: %q: want NAME, or without, loader, tool and NAME", line)
		}
	}
	for _, line := range lines("units") {
		switch verb, unit, _ := strings.Cut(line, " "); verb {
		case "enable":
			r.enable = append(r.enable, unit)
		case "mask":
			r.mask = append(r.mask, unit)
		default:
			return r, fmt.Errorf("read recipe: units: %q: want enable or mask, and a unit", line)
		}
	}
	for _, line := range lines("links") {
		from, to, found := strings.Cut(line, " -> ")
		if !found {
			return r, fmt.Errorf("read recipe: links: %q: want PATH -> TARGET", line)
		}
		r.links = append(r.links, [2]string{from, to})
	}
	r.drop = lines("drop")
	var err error
	if r.modules, err = parseRules(lines("modules")); err == nil {
		r.initrd, err = parseRules(lines("modules-initrd"))
	}
	if failed != nil {
		err = failed
	}
	return r, err
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
