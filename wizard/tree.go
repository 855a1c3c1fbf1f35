package wizard

import (
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/twinpath/twinpath/config/outline"
)

func decoded(text string) map[string]any {
	root := map[string]any{}
	if _, err := toml.Decode(text, &root); err != nil {
		return map[string]any{"": err.Error()} // equal to nothing that is wanted
	}
	return root
}

// plainTree makes the two ways in which the decoder has a list of tables one, and leaves out tables with nothing in them: a
// section whose last part went may keep its header.
func plainTree(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for key, one := range v {
			if within, table := plainTree(one).(map[string]any); !table || len(within) > 0 {
				m[key] = plainTree(one)
			}
		}
		return m
	case []map[string]any:
		all := []any{}
		for _, one := range v {
			all = append(all, plainTree(one))
		}
		return all
	case []any:
		all := []any{}
		for _, one := range v {
			all = append(all, plainTree(one))
		}
		return all
	}
	return v
}

// walk replaces every text of a tree.
func walk(path string, v any, each func(path, text string) string) any {
	switch v := v.(type) {
	case string:
		return each(path, v)
	case map[string]any:
		for key, one := range v {
			v[key] = walk(outline.Join(path, key), one, each)
		}
	case []map[string]any:
		for i, one := range v {
			walk(outline.Element(path, i), one, each)
		}
	case []any:
		for i, one := range v {
			v[i] = walk(outline.Element(path, i), one, each)
		}
	}
	return v
}

// put gives a decoded file the wanted values.
func put(root map[string]any, all []section, names renames) {
	for _, s := range slices.Backward(all) { // sections that go leave the numbers before them as they are
		if s.gone {
			remove(root, s.path)
		}
	}
	gone := map[string]int{}
	for _, s := range all {
		if s.gone {
			if _, there := s.path[len(s.path)-1].(int); there {
				gone[s.name()]++
			}
			continue
		}
		if _, there := dig(root, s.path...); (!there || s.isNew) && len(s.entries) == 1 && s.entries[0].absent == s.entries[0].value {
			continue
		}
		table := reach(root, s, gone[s.name()])
		isNew := s.isNew || len(table) == 0
		for _, one := range s.entries {
			set(table, one, isNew)
		}
	}
	walk("", root, names.renamed)
	web, _ := root["web"].(map[string]any)
	for _, key := range [...]string{"listen", "tls"} {
		if now, changed := names.moved(web[key]); changed {
			web[key] = now
		}
	}
}

func set(table map[string]any, one entry, isNew bool) {
	group, key, nested := strings.Cut(one.key, ".")
	_, there := dig(table, keysOf(strings.Split(one.key, "."))...)
	switch {
	case one.fresh && !isNew, !there && (one.value == nil || one.value == one.absent), isNew && one.value == false:
	case one.value == nil && !nested:
		delete(table, one.key)
	case one.value == nil:
		if within, ok := table[group].(map[string]any); ok {
			if delete(within, key); len(within) == 0 {
				delete(table, group)
			}
		}
	case !nested:
		if !same(table[one.key], one.value) {
			table[one.key] = one.value
		}
	default:
		within, ok := table[group].(map[string]any)
		if !ok {
			within = map[string]any{}
			table[group] = within
		}
		if !same(within[key], one.value) {
			within[key] = one.value
		}
	}
}

// reach returns a section's table and makes it if need be. shift is how many elements before it are gone.
func reach(root map[string]any, s section, shift int) map[string]any {
	table := root
	for i, step := range s.path {
		name, isKey := step.(string)
		if !isKey {
			break
		}
		n, element := -1, false
		if i+1 < len(s.path) {
			n, element = s.path[i+1].(int)
		}
		if element {
			return member(table, name, n-shift, s.isNew)
		}
		within, ok := table[name].(map[string]any)
		if !ok {
			within = map[string]any{}
			table[name] = within
		}
		table = within
	}
	return table
}

// member returns the n-th table of a list, or a new last one.
func member(table map[string]any, name string, n int, isNew bool) map[string]any {
	all := tables(table[name])
	if !isNew && n >= 0 && n < len(all) {
		return all[n]
	}
	one := map[string]any{}
	table[name] = append(all, one)
	return one
}

func tables(v any) []map[string]any {
	switch v := v.(type) {
	case []map[string]any:
		return v
	case []any:
		var all []map[string]any
		for _, one := range v {
			if table, ok := one.(map[string]any); ok {
				all = append(all, table)
			}
		}
		return all
	}
	return nil
}

// remove takes a section out of a decoded file.
func remove(root map[string]any, path []any) {
	table := root
	for _, step := range path[:len(path)-1] {
		name := step.(string)
		if n, element := path[len(path)-1].(int); element && step == path[len(path)-2] {
			all := tables(table[name])
			if n >= len(all) {
				return
			}
			if all = slices.Delete(all, n, n+1); len(all) == 0 {
				delete(table, name)
			} else {
				table[name] = all
			}
			return
		}
		within, ok := table[name].(map[string]any)
		if !ok {
			return
		}
		table = within
	}
	if name, ok := path[len(path)-1].(string); ok {
		delete(table, name)
	}
}

// dig returns what stands at a path of keys and numbers.
func dig(v any, path ...any) (any, bool) {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			table, ok := v.(map[string]any)
			if !ok {
				return nil, false
			}
			if v, ok = table[step]; !ok {
				return nil, false
			}
		case int:
			all := tables(v)
			if step >= len(all) {
				return nil, false
			}
			v = all[step]
		}
	}
	return v, true
}

// same reports whether a value of the file is the wanted one. A single text may stand for a list of one.
func same(have, want any) bool {
	if list, ok := want.([]any); ok && len(list) == 1 && have == list[0] {
		return true
	}
	return reflect.DeepEqual(have, want)
}
