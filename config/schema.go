package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// reading is one walk through a decoded file.
type reading struct {
	file     string
	lines    index
	problems Problems
	broken   []string // paths of what should be tables and is not: nothing is missing in them
}

// has reports whether the file mentions path, rightly or wrongly.
func (r *reading) has(path string) bool {
	_, ok := r.lines[path]
	return ok
}

func (r *reading) problem(path, hint, what string, args ...any) {
	r.problems = append(r.problems, Problem{
		File: r.file, Line: r.lines.of(path), Key: path, What: fmt.Sprintf(what, args...), Hint: hint,
	})
}

// key is one key of a table and how its value gets into T.
type key[T any] struct {
	name string
	read func(*T, value)
}

// keys is every key a table may have.
type keys[T any] []key[T]

func (k keys[T]) names() []string {
	names := make([]string, len(k))
	for i := range k {
		names[i] = k[i].name
	}
	return names
}

// read puts the table v into out, with a problem for each key that it does not know.
func (k keys[T]) read(v value, out *T) {
	table, ok := v.raw.(map[string]any)
	if !ok {
		v.wantTable()
		return
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		found := slices.IndexFunc(k, func(k key[T]) bool { return k.name == name })
		child := value{r: v.r, path: join(v.path, name), raw: table[name]}
		if found < 0 {
			child.unknown(k.names())
			continue
		}
		k[found].read(out, child)
	}
}

// tables reads an array of tables: [[wan]]. More than limit are a problem.
func tables[T any](v value, limit int, k keys[T], out *[]T) {
	list, ok := elements(v.raw)
	switch {
	case !ok:
		v.wantTables()
		return
	case len(list) == 0:
		v.problem("leave it out", "is an empty list")
		return
	case len(list) > limit:
		v.problem("", "%d are too many: at most %d", len(list), limit)
		return
	}
	*out = make([]T, len(list))
	for i, raw := range list {
		k.read(value{r: v.r, path: element(v.path, i), raw: raw}, &(*out)[i])
	}
}

// elements returns the members of an array, however the decoder holds them.
func elements(raw any) ([]any, bool) {
	switch list := raw.(type) {
	case []any:
		return list, true
	case []map[string]any:
		all := make([]any, len(list))
		for i := range list {
			all[i] = list[i]
		}
		return all, true
	}
	return nil, false
}

func (v value) wantTable() {
	v.r.broken = append(v.r.broken, v.path)
	name := v.path[strings.LastIndexByte(v.path, '.')+1:]
	if _, array := v.raw.([]map[string]any); array {
		v.problem(fmt.Sprintf("write [%s], in single brackets", bare(v.path)), "can be given only once")
		return
	}
	v.problem(fmt.Sprintf("write %s = { … } or a [%s] section", name, bare(v.path)), "must be a table, not %s", v.form())
}

func (v value) wantTables() {
	hint := fmt.Sprintf("write [[%s]], in double brackets", bare(v.path))
	if _, table := v.raw.(map[string]any); table {
		v.problem(hint, "can be given several times and needs double brackets")
		return
	}
	v.problem(hint, "must be a list of tables, not %s", v.form())
}

// bare returns the path as a header names it, without the counts.
func bare(path string) string {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		parts[i], _, _ = strings.Cut(part, "[")
	}
	return strings.Join(parts, ".")
}

func (v value) unknown(known []string) {
	name := v.path[strings.LastIndexByte(v.path, '.')+1:]
	if near := nearest(name, known); near != "" {
		v.problem(fmt.Sprintf("did you mean %q?", near), "is not a known key")
		return
	}
	v.problem("known here: "+strings.Join(known, ", "), "is not a known key")
}
