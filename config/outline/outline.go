// Package outline says where everything in a TOML text stands: which line a key is on, which bytes its value takes, and
// how far a section reaches. Problems are reported at their line with it, and a file is changed without touching its rest.
//
// A text that is no TOML gives some outline, but never a panic or an endless loop.
package outline

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// Span is where a key, or an element of an array, stands. Offsets are bytes.
type Span struct {
	Line  int // counted from 1
	Start int // of the key; of an element: of its value
	Value int // where its value starts
	End   int // behind its value
	Table int // of the header it stands below, in Outline.Headers; -1: above all of them, or in an inline table
}

// Header is [a.b] or [[a.b]] and what stands below it, up to the next header.
type Header struct {
	Path       string // "wan[1].health"
	Start, End int    // from its bracket to where the next header's line starts
	Body       int    // behind its own line
	Last       int    // behind the line of the last key below it; Body when there is none
}

// Outline is the places of everything in a text.
type Outline struct {
	Spans   map[string]Span // "wan[1].check[0].weight"
	Headers []Header
}

// Of reads a text.
func Of(text string) Outline {
	s := &scanner{text: text, line: 1, tables: map[string]int{}, table: -1, out: Outline{Spans: map[string]Span{}}}
	for s.blank(); s.pos < len(s.text); s.blank() {
		before := s.pos
		if s.peek() == '[' {
			s.header()
		} else {
			s.pair(s.at, s.table)
			s.below()
		}
		if s.pos == before {
			s.pos++ // a text that the decoder accepts never gets here; no text may hang the daemon
		}
	}
	if last := len(s.out.Headers) - 1; last >= 0 {
		s.out.Headers[last].End = len(text)
	}
	return s.out
}

type scanner struct {
	text      string
	pos, line int
	at        string // the table of the last header
	table     int    // its number; -1 before the first
	tables    map[string]int
	out       Outline
}

func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) advance(n int) {
	end := min(s.pos+n, len(s.text))
	s.line += strings.Count(s.text[s.pos:end], "\n")
	s.pos = end
}

// until goes to the next of the characters, or to the end.
func (s *scanner) until(chars string) {
	n := strings.IndexAny(s.text[s.pos:], chars)
	if n < 0 {
		n = len(s.text) - s.pos
	}
	s.advance(n)
}

// blank goes over space, newlines and comments.
func (s *scanner) blank() {
	for s.pos < len(s.text) {
		switch s.peek() {
		case ' ', '\t', '\r', '\n':
			s.advance(1)
		case '#':
			s.until("\n")
		default:
			return
		}
	}
}

// mark notes a path at its first place only.
func (s *scanner) mark(path string, table int) {
	if _, ok := s.out.Spans[path]; !ok {
		s.out.Spans[path] = Span{Line: s.line, Start: s.pos, Value: s.pos, End: s.pos, Table: table}
	}
}

// finish notes how far the value of a path reaches that began at start.
func (s *scanner) finish(path string, start, value int) {
	if span := s.out.Spans[path]; span.Start == start {
		span.Value, span.End = value, s.pos
		s.out.Spans[path] = span
	}
}

func (s *scanner) header() {
	start := s.pos
	if last := len(s.out.Headers) - 1; last >= 0 {
		s.out.Headers[last].End = strings.LastIndexByte(s.text[:start], '\n') + 1
	}
	array := strings.HasPrefix(s.text[s.pos:], "[[")
	s.advance(1)
	if array {
		s.advance(1)
	}
	s.at = s.enter(s.key(), array)
	s.until("\n")
	s.table = len(s.out.Headers)
	body := min(s.pos+1, len(s.text))
	s.out.Headers = append(s.out.Headers, Header{Path: s.at, Start: start, Body: body, Last: body, End: body})
}

// below moves the end of the last key in the section there.
func (s *scanner) below() {
	if s.table < 0 {
		return
	}
	end := strings.IndexByte(s.text[s.pos:], '\n')
	if end < 0 {
		end = len(s.text) - s.pos - 1
	}
	s.out.Headers[s.table].Last = s.pos + end + 1
}

// enter returns the path of a header's table: an array of tables on the way means its last element.
func (s *scanner) enter(keys []string, array bool) string {
	path := ""
	for i, key := range keys {
		path = Join(path, key)
		s.mark(path, -1)
		n := s.tables[path]
		if array && i == len(keys)-1 {
			s.tables[path]++
			path = Element(path, n)
			s.mark(path, -1)
		} else if n > 0 {
			path = Element(path, n-1)
		}
	}
	return path
}

func (s *scanner) pair(at string, table int) {
	path, start := at, s.pos
	for _, key := range s.key() {
		path = Join(path, key)
		s.mark(path, table)
		if span := s.out.Spans[path]; span.Start >= start {
			span.Start = start // of a dotted key: where the whole of it starts
			s.out.Spans[path] = span
		}
	}
	if s.blank(); s.peek() == '=' {
		s.advance(1)
		s.blank()
		value := s.pos
		s.value(path)
		s.finish(path, start, value)
	}
}

// key reads a key and its dotted parts.
func (s *scanner) key() []string {
	var keys []string
	for {
		s.blank()
		start := s.pos
		switch s.peek() {
		case '"', '\'':
			s.quoted()
			keys = append(keys, unquote(s.text[start:s.pos]))
		default:
			s.until(" \t\r\n.=]#")
			keys = append(keys, s.text[start:s.pos])
		}
		if s.blank(); s.peek() != '.' {
			return keys
		}
		s.advance(1)
	}
}

func (s *scanner) value(path string) {
	s.blank()
	switch s.peek() {
	case '"', '\'':
		s.quoted()
	case '[':
		s.array(path)
	case '{':
		s.inline(path)
	default:
		start := s.pos
		s.until(",]}\r\n#")
		s.pos = start + len(strings.TrimRight(s.text[start:s.pos], " \t"))
	}
}

func (s *scanner) array(path string) {
	s.advance(1)
	for i := 0; s.pos < len(s.text); i++ {
		if s.blank(); s.peek() == ']' {
			break
		}
		element, start := Element(path, i), s.pos
		s.mark(element, -1)
		s.value(element)
		s.finish(element, start, start)
		if s.blank(); s.peek() != ',' {
			break
		}
		s.advance(1)
	}
	s.advance(1)
}

func (s *scanner) inline(path string) {
	s.advance(1)
	for s.pos < len(s.text) {
		if s.blank(); s.peek() == '}' {
			break
		}
		s.pair(path, -1)
		if s.blank(); s.peek() != ',' {
			break
		}
		s.advance(1)
	}
	s.advance(1)
}

// quoted goes over a string of any of the four kinds.
func (s *scanner) quoted() {
	quote := s.text[s.pos : s.pos+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s.text[s.pos:], triple) {
		quote = triple
	}
	s.advance(len(quote))
	for s.pos < len(s.text) && !strings.HasPrefix(s.text[s.pos:], quote) {
		if s.peek() == '\\' && quote[0] == '"' {
			s.advance(1)
		}
		s.advance(1)
	}
	s.advance(len(quote))
	// Up to two quotes may stand right before the closing three.
	for len(quote) == 3 && s.pos < len(s.text) && s.peek() == quote[0] {
		s.advance(1)
	}
}

// unquote returns what a quoted key says.
func unquote(text string) string {
	var key struct{ K string }
	if _, err := toml.Decode("K="+text, &key); err != nil {
		return text
	}
	return key.K
}

// Join appends a key to a path, quoted unless it is one that TOML lets stand bare.
func Join(path, key string) string {
	bare := key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	if !bare {
		key = Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// Element is the path of an array's n-th element, counted from 0.
func Element(path string, n int) string { return path + "[" + strconv.Itoa(n) + "]" }

// Quote shows text as the owner wrote it, cut where it gets long.
func Quote(text string) string {
	const most = 60 // fits a line of the terminal beside its place
	if len(text) <= most {
		return strconv.Quote(text)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return strconv.Quote(text[:cut]) + "…"
}
