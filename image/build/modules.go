package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// rules choose kernel modules by path: "+ drivers/scsi/sd_mod" takes, "- drivers/scsi/" leaves out, the last that fits decides.
type rules []rule

type rule struct {
	take   bool
	prefix string
}

func parseRules(lines []string) (rules, error) {
	var all rules
	for _, line := range lines {
		sign, prefix, found := strings.Cut(line, " ")
		if !found || sign != "+" && sign != "-" {
			return nil, fmt.Errorf("%q: want + or - and the start of a path", line)
		}
		all = append(all, rule{sign == "+", strings.TrimSpace(prefix)})
	}
	return all, nil
}

// takes says whether module, a path below kernel/, is wanted for itself.
func (r rules) takes(module string) bool {
	for _, rule := range slices.Backward(r) {
		if strings.HasPrefix(module, rule.prefix) {
			return rule.take
		}
	}
	return false
}

// needs maps each module file to those it cannot be loaded without: modules.dep(5), whose lists are complete already.
type needs map[string][]string

func parseDep(text string) needs {
	all := needs{}
	for line := range strings.Lines(text) {
		if module, rest, found := strings.Cut(line, ":"); found {
			all[module] = strings.Fields(rest)
		}
	}
	return all
}

// soften adds the soft dependencies of modules.softdep: without crc32c, which ext4 asks for by name only, no ext4 is mounted.
func (n needs) soften(softdep string) {
	byName := map[string]string{}
	for module := range n {
		byName[moduleName(module)] = module
	}
	for line := range strings.Lines(softdep) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "softdep" {
			continue
		}
		owner, known := byName[words[1]]
		for _, word := range words[2:] {
			if wanted := byName[strings.ReplaceAll(word, "-", "_")]; known && wanted != "" {
				n[owner] = append(append(n[owner], wanted), n[wanted]...)
			}
		}
	}
}

// moduleName is how the kernel calls the module in a file.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// closure is what rules take and everything those need, sorted.
func (n needs) closure(r rules) []string {
	chosen := map[string]bool{}
	var add func(module string)
	add = func(module string) {
		if chosen[module] {
			return
		}
		chosen[module] = true
		for _, other := range n[module] {
			add(other)
		}
	}
	for module := range n {
		if r.takes(strings.TrimPrefix(module, "kernel/")) {
			add(module)
		}
	}
	all := make([]string, 0, len(chosen))
	for module := range chosen {
		all = append(all, module)
	}
	slices.Sort(all)
	return all
}
