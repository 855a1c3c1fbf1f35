package wizard

import (
	"bytes"
	"cmp"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/twinpath/twinpath/config/outline"
)

// renames are words that have another name now.
type renames struct {
	lines    map[string]string
	from, to string // the router's own address, where it is another one now
	shared   bool   // the old one belongs to both routers of a pair now
}

// change gives the file's sections their wanted values. It is done twice: in the text, and in what the text means. Where the
// two differ, because the file is written in a way that is not foreseen here, the meaning counts and the comments go.
func change(old []byte, all []section, names renames) []byte {
	text := strings.TrimPrefix(string(old), "\ufeff")
	root := decoded(text)
	e := &editor{text: text, root: root, at: outline.Of(text)}
	for _, s := range all {
		e.section(s)
	}
	e.rename(names)
	edited := e.apply()
	wanted := decoded(text)
	put(wanted, all, names)
	if edited == text || reflect.DeepEqual(plainTree(decoded(edited)), plainTree(wanted)) {
		return append(old[:len(old)-len(text):len(old)-len(text)], edited...)
	}
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(wanted); err != nil {
		return old // what was decoded can be encoded
	}
	return b.Bytes()
}

// editor changes a text in several places at once.
type editor struct {
	text    string
	root    map[string]any
	at      outline.Outline
	changes []patch
}

// patch puts text in the place of some bytes.
type patch struct {
	from, to int
	text     string
}

// apply makes all changes, from the last to the first. Of those that overlap the larger counts: a key goes with its section.
func (e *editor) apply() string {
	slices.SortStableFunc(e.changes, func(a, b patch) int { return cmp.Compare(a.from, b.from) })
	var w strings.Builder
	done := 0
	for _, p := range e.changes {
		if p.from < done {
			continue
		}
		w.WriteString(e.text[done:p.from] + p.text)
		done = p.to
	}
	text := w.String() + e.text[done:]
	if strings.HasSuffix(text, "\n\n") && !strings.HasSuffix(e.text, "\n\n") { // the last section went
		return strings.TrimRight(text, "\n") + "\n"
	}
	return text
}

func (e *editor) put(from, to int, text string) {
	e.changes = append(e.changes, patch{from, to, text})
}

// where is the path of a section as the outline has it.
func (s section) where() string {
	path := ""
	for _, key := range s.path {
		switch key := key.(type) {
		case string:
			path = outline.Join(path, key)
		case int:
			path = outline.Element(path, key)
		}
	}
	return path
}

func (e *editor) section(s section) {
	table, there := dig(e.root, s.path...)
	switch {
	case s.gone && there:
		e.drop(s.where())
	case s.gone:
	case !there || s.isNew:
		if len(s.lines()) > 0 && !(len(s.entries) == 1 && s.entries[0].absent == s.entries[0].value) {
			e.add(s)
		}
	default:
		values, _ := table.(map[string]any)
		for _, one := range s.entries {
			e.entry(s, one, values)
		}
	}
}

// entry changes one key of a table that is there.
func (e *editor) entry(s section, one entry, table map[string]any) {
	keys := strings.Split(one.key, ".")
	have, there := dig(table, keysOf(keys)...)
	at := s.where()
	switch full := at + "." + one.key; {
	case one.fresh, there && same(have, one.value), !there && (one.value == nil || one.value == one.absent):
	case there && one.value == nil:
		if group, _ := dig(table, keys[0]); len(keys) == 2 && sizeOf(group) == 1 {
			full = at + "." + keys[0]
		}
		e.drop(full)
	case there:
		if span, known := e.at.Spans[full]; known {
			e.put(span.Value, span.End, value(one.value))
		}
	case len(keys) == 2:
		group, there := dig(table, keys[0])
		if there && sizeOf(group) >= 0 {
			e.insert(at+"."+keys[0], keys[1]+" = "+value(one.value), keys[0]+".")
			return
		}
		for _, other := range s.entries { // the first of the table's keys writes all of them
			if of, _, _ := strings.Cut(other.key, "."); of == keys[0] && other.value != nil {
				if other.key == one.key {
					e.insert(at, keys[0]+" = "+s.inline(keys[0]), "")
				}
				return
			}
		}
	default:
		e.insert(at, one.key+" = "+value(one.value), "")
	}
}

func sizeOf(v any) int {
	if table, ok := v.(map[string]any); ok {
		return len(table)
	}
	return -1
}

func keysOf(keys []string) []any {
	var all []any
	for _, k := range keys {
		all = append(all, k)
	}
	return all
}

// insert adds a key to a table: below its header, or within its braces. Where it has neither, its keys are dotted ones of
// the table around it.
func (e *editor) insert(at, line, dotted string) {
	if i := slices.IndexFunc(e.at.Headers, func(h outline.Header) bool { return h.Path == at }); i >= 0 {
		e.below(i, line)
		return
	}
	span, known := e.at.Spans[at]
	if known && strings.HasPrefix(e.text[span.Value:], "{") && span.End > span.Value {
		inner := strings.TrimSpace(e.text[span.Value+1 : span.End-1])
		if inner == "" {
			e.put(span.Value, span.End, "{ "+line+" }")
			return
		}
		e.put(span.Value+1, span.Value+1, " "+line+",")
		return
	}
	if around := strings.TrimSuffix(at, "."+strings.TrimSuffix(dotted, ".")); dotted != "" && around != at {
		if i := slices.IndexFunc(e.at.Headers, func(h outline.Header) bool { return h.Path == around }); i >= 0 {
			e.below(i, dotted+line)
		}
	}
}

// below adds a line behind the last key of a section.
func (e *editor) below(header int, line string) {
	last := e.at.Headers[header].Last
	if last > 0 && e.text[last-1] != '\n' { // the end of a text without a last newline
		line = "\n" + line
	}
	e.put(last, last, line+"\n")
}

// drop takes out a section with those below it, or a key.
func (e *editor) drop(at string) {
	found := false
	for i, h := range e.at.Headers {
		if h.Path == at || strings.HasPrefix(h.Path, at+".") || strings.HasPrefix(h.Path, at+"[") {
			found = true
			e.put(e.above(h.Start), e.tail(i), "")
		}
	}
	span, known := e.at.Spans[at]
	if found || !known || span.End <= span.Value {
		return
	}
	if span.Table >= 0 || e.alone(span) {
		from := strings.LastIndexByte(e.text[:span.Start], '\n') + 1
		to := len(e.text)
		if n := strings.IndexByte(e.text[span.End:], '\n'); n >= 0 {
			to = span.End + n + 1
		}
		e.put(from, to, "")
		return
	}
	rest := strings.TrimLeft(e.text[span.End:], " \t")
	if strings.HasPrefix(rest, ",") {
		e.put(span.Start, len(e.text)-len(rest)+1, "")
		return
	}
	before := strings.TrimRight(e.text[:span.Start], " \t")
	e.put(len(strings.TrimSuffix(before, ",")), span.End, "")
}

// alone reports whether a key has its line to itself.
func (e *editor) alone(s outline.Span) bool {
	from := strings.LastIndexByte(e.text[:s.Start], '\n') + 1
	rest, _, _ := strings.Cut(e.text[s.End:], "\n")
	rest = strings.TrimSpace(rest)
	return strings.TrimSpace(e.text[from:s.Start]) == "" && (rest == "" || rest[0] == '#')
}

// above is where the comment right above a header begins.
func (e *editor) above(start int) int {
	from := strings.LastIndexByte(e.text[:start], '\n') + 1
	for from > 0 {
		before := strings.LastIndexByte(e.text[:from-1], '\n') + 1
		if !strings.HasPrefix(strings.TrimSpace(e.text[before:from]), "#") || before < e.lastKey(start) {
			break
		}
		from = before
	}
	return from
}

// lastKey is the end of what stands before a header and is no comment.
func (e *editor) lastKey(start int) int {
	last := 0
	for _, h := range e.at.Headers {
		if h.Start < start {
			last = h.Last
		}
	}
	for _, s := range e.at.Spans {
		if s.End <= start && s.End > last {
			last = s.End
		}
	}
	return last
}

// tail is the end of a section: what belongs to the next one, and comments that stand by themselves, are not in it.
func (e *editor) tail(header int) int {
	h := e.at.Headers[header]
	end := len(e.text)
	if header+1 < len(e.at.Headers) {
		end = e.above(e.at.Headers[header+1].Start)
	}
	if n := strings.Index(e.text[h.Last-1:max(end, h.Last)], "\n\n"); n >= 0 {
		end = h.Last + n
	}
	for end < len(e.text) && e.text[end] == '\n' {
		end++
	}
	return end
}

// add puts a new section behind the last one of its kind, or at the end.
func (e *editor) add(s section) {
	at := len(e.text)
	for i, h := range e.at.Headers {
		if h.Path == s.name() || strings.HasPrefix(h.Path, s.name()+".") || strings.HasPrefix(h.Path, s.name()+"[") {
			at = e.tail(i)
		}
	}
	text := s.text()
	if at == len(e.text) {
		text = "\n" + text
		if at > 0 && e.text[at-1] != '\n' {
			text = "\n" + text
		}
	} else {
		text += "\n"
	}
	e.put(at, at, text)
}

// namesLines are the lists that name lines.
var namesLines = regexp.MustCompile(`^(policy\[\d+\]\.wan|ddns\[\d+\]\.wan|firewall\.forward\[\d+\]\.wan|vrrp\[\d+\]\.track)(\[\d+\])?$`)

// renamed returns what a value is called now.
func (r renames) renamed(path, text string) string {
	if to, ok := r.lines[text]; ok && namesLines.MatchString(path) {
		return to
	}
	return text
}

// listens returns where the page is to be served, each address with its port: at the router's own, and still at one that both
// routers share now.
func (r renames) listens(have []any) []any {
	var all []any
	add := func(text any) {
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	for _, one := range have {
		text, _ := one.(string)
		port, ours := strings.CutPrefix(text, r.from+":")
		if !ours || r.from == "" {
			add(one)
			continue
		}
		if add(r.to + ":" + port); r.shared {
			add(one)
		}
	}
	return all
}

// moved returns the new value of web.listen or web.tls, and whether it is another one.
func (r renames) moved(have any) (any, bool) {
	all, several := have.([]any)
	if text, one := have.(string); one {
		all = []any{text}
	}
	if slices.ContainsFunc(all, func(one any) bool { _, text := one.(string); return !text }) {
		return have, false // package config has words for it
	}
	now := r.listens(all)
	switch {
	case slices.Equal(all, now):
		return have, false
	case !several && len(now) == 1:
		return now[0], true
	}
	return now, true
}

func (e *editor) rename(names renames) {
	walk("", e.root, func(path, text string) string {
		to := names.renamed(path, text)
		if span, known := e.at.Spans[path]; known && to != text {
			e.put(span.Value, span.End, quoted(to))
		}
		return text
	})
	for _, key := range [...]string{"listen", "tls"} {
		have, _ := dig(e.root, "web", key)
		if now, changed := names.moved(have); changed {
			span := e.at.Spans["web."+key]
			e.put(span.Value, span.End, value(now))
		}
	}
}
