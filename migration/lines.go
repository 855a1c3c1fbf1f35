package migration

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of hostile input: real configurations need a tenth of each.
const (
	maxIncludes = 256     // files
	maxNesting  = 16      // included files, and definitions, in each other
	maxLines    = 200_000 // after all definitions are put in
	maxName     = 64      // bytes of ${NAME}
	maxWord     = 4096    // bytes
)

var errLarge = fmt.Errorf("is larger than %d KiB with all that it includes and defines", 2*MaxSize>>10)

// line is one line of keepalived.conf, without comment and with every definition put in.
type line struct {
	place
	text string
}

// reader turns text into lines.
type reader struct {
	from      Origin
	variables map[string]string
	lines     []line
	size      int // bytes of lines, of included files and of what definitions grew to
	steps     int
	included  int
	elsewhere map[string]place // hosts whose lines were left out, and where the first was
	note      func(at place, format string, args ...any)
}

// file reads one file. A definition that ends with a backslash goes on in the next line.
func (r *reader) file(name string, text []byte, depth int) error {
	all := strings.Split(string(text), "\n")
	for i := 0; i < len(all); i++ {
		at := place{name, i + 1}
		whole := r.uncomment(at, all[i])
		parts := []string{whole}
		for goesOn(whole) && i+1 < len(all) {
			i++
			parts[len(parts)-1] = strings.TrimSuffix(strings.TrimRight(whole, " \t"), "\\")
			whole = r.uncomment(place{name, i + 1}, all[i])
			parts = append(parts, whole)
		}
		if err := r.statement(at, strings.Join(parts, "\n"), depth); err != nil {
			return err
		}
	}
	return nil
}

func goesOn(text string) bool { return strings.HasSuffix(strings.TrimRight(text, " \t"), "\\") }

// uncomment cuts what follows a # or a ! that is not quoted. keepalived 2 cuts in the middle of a word too, which
// keepalived 1 did not: nobody wants it there.
func (r *reader) uncomment(at place, text string) string {
	text = strings.TrimSuffix(text, "\r")
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' || c == '!':
			if i > 0 && text[i-1] != ' ' && text[i-1] != '\t' {
				r.note(at, "what follows the %c is a comment, as keepalived 2 reads it: quotes would keep it", c)
			}
			return text[:i]
		}
	}
	return text
}

// statement is one line, or a definition of several.
func (r *reader) statement(at place, text string, depth int) error {
	text = strings.TrimSpace(text)
	if r.steps++; r.steps > maxLines || depth > maxNesting {
		return at.errorf("its definitions and included files have no end")
	}
	switch {
	case text == "":
		return nil
	case text[0] == '@':
		host, rest, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
		if !r.meant(at, host[1:]) {
			return nil
		}
		return r.statement(at, rest, depth+1)
	case text[0] == '~':
		r.note(at, "%s: sequences are not understood: write the lines out", text)
		return nil
	}
	if name, value, ok := definition(text); ok {
		r.variables[name] = value
		return nil
	}
	if pattern, ok := include(text); ok {
		return r.include(at, pattern, depth)
	}
	return r.plain(at, text, depth)
}

// plain puts the definitions in; a definition of several lines is read again, line by line.
func (r *reader) plain(at place, text string, depth int) error {
	whole, ok := r.substitute(at, text)
	if !ok {
		return at.errorf("its definitions have no end")
	}
	if whole != text && (strings.Contains(whole, "\n") || strings.HasPrefix(whole, "@")) {
		for part := range strings.SplitSeq(whole, "\n") {
			if err := r.statement(at, part, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	whole = strings.ReplaceAll(whole, "\n", " ")
	if r.size += len(whole); r.size > 2*MaxSize {
		return at.errorf("%w", errLarge)
	}
	r.lines = append(r.lines, line{at, whole})
	return nil
}

// meant reports whether a line for host ("^host": for all others) is for the machine.
func (r *reader) meant(at place, host string) bool {
	other, not := strings.CutPrefix(host, "^")
	if r.from.Host != "" && (other == r.from.Host) != not {
		return true
	}
	if _, told := r.elsewhere[other]; !told && other != r.from.Host {
		r.elsewhere[other] = at
	}
	return false
}

// leftOut says whose lines were left out.
func (r *reader) leftOut() {
	for _, host := range slices.Sorted(maps.Keys(r.elsewhere)) {
		r.note(r.elsewhere[host], "lines for @%s are left out, this is %q: --host names another", host, r.from.Host)
	}
}

// definition splits "$NAME=value".
func definition(text string) (name, value string, ok bool) {
	if text[0] != '$' {
		return "", "", false
	}
	name, value, ok = strings.Cut(text[1:], "=")
	return name, strings.TrimSpace(value), ok && isVariable(name)
}

func isVariable(name string) bool {
	return name != "" && (name[0] < '0' || name[0] > '9') && variableEnd(name) == len(name)
}

// variableEnd returns how many bytes of text can be part of a name.
func variableEnd(text string) int {
	i := strings.IndexFunc(text, func(c rune) bool {
		return c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9')
	})
	if i < 0 {
		return len(text)
	}
	return i
}

// substitute puts values for ${NAME}, and for $NAME before a space, until none is left. What is not defined stays.
func (r *reader) substitute(at place, text string) (string, bool) {
	for range maxNesting {
		next := r.once(at, text)
		if next == text {
			return text, true
		}
		text = next
		if r.size += len(text); len(text) > MaxSize>>4 || r.size > 2*MaxSize {
			return "", false
		}
	}
	return "", false
}

func (r *reader) once(at place, text string) string {
	var out strings.Builder
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 || out.Len() > MaxSize>>4 {
			break
		}
		out.WriteString(text[:i])
		name, rest := variable(text[i+1:])
		value, known := r.value(at, name)
		if !known {
			out.WriteByte('$')
			text = text[i+1:]
			continue
		}
		out.WriteString(value)
		text = rest
	}
	return out.String() + text
}

// variable returns the name that text, which follows a $, begins with, and what follows the name.
func variable(text string) (name, rest string) {
	if strings.HasPrefix(text, "{") {
		if end := strings.IndexByte(text[:min(len(text), maxName)], '}'); end > 0 {
			return text[1:end], text[end+1:]
		}
		return "", text
	}
	n := variableEnd(text[:min(len(text), maxName)])
	if n < len(text) && !strings.ContainsRune(" \t\n", rune(text[n])) {
		return "", text
	}
	return text[:n], text[n:]
}

func (r *reader) value(at place, name string) (string, bool) {
	switch name {
	case "":
		return "", false
	case "_PWD":
		return filepath.Dir(at.file), true
	case "_INSTANCE":
		return r.from.Host, r.from.Host != ""
	case "_HASH":
		return "#", true
	case "_BANG":
		return "!", true
	}
	value, known := r.variables[name]
	return value, known
}

// include returns the pattern of an include line.
func include(text string) (pattern string, ok bool) {
	word, rest, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	switch word {
	case "include", "includer", "includem", "includew", "includeb", "includea":
		return strings.Trim(strings.TrimSpace(rest), `"'`), true
	}
	return "", false
}

// include reads the files of a pattern, which is relative to the file that names it.
func (r *reader) include(at place, pattern string, depth int) error {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(at.file), pattern)
	}
	files, err := r.from.Include(pattern)
	if err != nil {
		r.note(at, "include %s: %v", pattern, err)
		return nil
	}
	if len(files) == 0 {
		r.note(at, "include %s: there is no such file", pattern)
	}
	for _, f := range files {
		if r.included++; r.included > maxIncludes {
			return at.errorf("includes more than %d files", maxIncludes)
		}
		if r.size += len(f.Text); r.size > 2*MaxSize {
			return at.errorf("%w", errLarge)
		}
		if bytes.IndexByte(f.Text, 0) >= 0 {
			return place{f.Name, 1}.errorf("is not text")
		}
		if err := r.file(f.Name, f.Text, depth+1); err != nil {
			return err
		}
	}
	return nil
}
