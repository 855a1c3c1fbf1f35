package config

import (
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// index says on which line a key stands: "wan[1].check[0].weight" → 27. Elements of arrays have a line too.
type index map[string]int

// lineIndex reads text, which the TOML decoder has accepted, only for the places of its keys.
func lineIndex(text string) index {
	s := &scanner{text: text, line: 1, lines: index{}, tables: map[string]int{}}
	for s.blank(); s.pos < len(s.text); s.blank() {
		before := s.pos
		if s.peek() == '[' {
			s.header()
		} else {
			s.pair(s.at)
		}
		if s.pos == before {
			s.pos++ // a text that the decoder accepted never gets here; no text may hang the daemon
		}
	}
	return s.lines
}

// of returns the line of path, or of the nearest table around it that the file mentions.
func (x index) of(path string) int {
	for path != "" {
		if line, ok := x[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

type scanner struct {
	text      string
	pos, line int
	at        string // the table of the last header
	tables    map[string]int
	lines     index
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

func (s *scanner) mark(path string) {
	if _, ok := s.lines[path]; !ok {
		s.lines[path] = s.line
	}
}

func (s *scanner) header() {
	array := strings.HasPrefix(s.text[s.pos:], "[[")
	s.advance(1)
	if array {
		s.advance(1)
	}
	s.at = s.enter(s.key(), array)
	s.until("\n")
}

// enter returns the path of a header's table: an array of tables on the way means its last element.
func (s *scanner) enter(keys []string, array bool) string {
	path := ""
	for i, key := range keys {
		path = join(path, key)
		s.mark(path)
		n := s.tables[path]
		if array && i == len(keys)-1 {
			s.tables[path]++
			path = element(path, n)
			s.mark(path)
		} else if n > 0 {
			path = element(path, n-1)
		}
	}
	return path
}

func (s *scanner) pair(at string) {
	path := at
	for _, key := range s.key() {
		path = join(path, key)
		s.mark(path)
	}
	if s.blank(); s.peek() == '=' {
		s.advance(1)
		s.value(path)
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
		s.until(",]}\r\n#")
	}
}

func (s *scanner) array(path string) {
	s.advance(1)
	for i := 0; s.pos < len(s.text); i++ {
		if s.blank(); s.peek() == ']' {
			break
		}
		s.mark(element(path, i))
		s.value(element(path, i))
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
		s.pair(path)
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

// join appends a key to a path, quoted unless it is one that TOML lets stand bare.
func join(path, key string) string {
	bare := key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	if !bare {
		key = quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func element(path string, n int) string { return path + "[" + strconv.Itoa(n) + "]" }
