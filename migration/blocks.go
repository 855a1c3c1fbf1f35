package migration

import "strings"

// entry is one statement of keepalived.conf: a keyword with its values, and the block it heads.
type entry struct {
	place
	words []string
	open  bool // it heads a block
	block []*entry
}

// keyword returns the first word.
func (e *entry) keyword() string {
	if len(e.words) == 0 {
		return ""
	}
	return e.words[0]
}

// value returns the n-th word after the keyword; empty: there is none.
func (e *entry) value(n int) string {
	if n < len(e.words) {
		return e.words[n]
	}
	return ""
}

// String shows the statement for a note. It never shows a password: those have no notes.
func (e *entry) String() string { return strings.Join(e.words[:min(len(e.words), 16)], " ") }

// grow makes a tree of lines. Its root is a nameless entry.
func grow(lines []line) (*entry, error) {
	root := &entry{open: true}
	stack := []*entry{root}
	for _, l := range lines {
		var current *entry
		for _, tok := range split(l.text) {
			top := stack[len(stack)-1]
			switch {
			case len(tok.text) > maxWord:
				return nil, l.errorf("a word of %d bytes: at most %d", len(tok.text), maxWord)
			case tok.mark == '{':
				current = heads(top, current, l.place)
				if stack = append(stack, current); len(stack) > maxNesting {
					return nil, l.errorf("nests its blocks too deep")
				}
				current = nil
			case tok.mark == '}' && len(stack) == 1:
				return nil, l.errorf("a } that closes nothing")
			case tok.mark == '}':
				stack, current = stack[:len(stack)-1], nil
			case current == nil:
				current = &entry{place: l.place, words: []string{tok.text}}
				top.block = append(top.block, current)
			default:
				current.words = append(current.words, tok.text)
			}
		}
	}
	if open := stack[len(stack)-1]; open != root {
		return nil, open.errorf("%s: its block is never closed", printable(open.String()))
	}
	return root, nil
}

// heads returns the entry that a { belongs to: the one before it, on its line or on an earlier one.
func heads(top, current *entry, at place) *entry {
	if current == nil && len(top.block) > 0 && !top.block[len(top.block)-1].open {
		current = top.block[len(top.block)-1]
	}
	if current == nil {
		current = &entry{place: at}
		top.block = append(top.block, current)
	}
	current.open = true
	return current
}

// token is a word, or a brace outside quotes.
type token struct {
	text string
	mark byte
}

// splitter parts a line into words.
type splitter struct {
	all   []token
	word  strings.Builder
	begun bool // a word, perhaps an empty one in quotes
	quote byte
}

// split returns the words of a line. Quotes keep spaces and braces in a word; ${name} is part of one.
func split(text string) []token {
	var s splitter
	for len(text) > 0 {
		text = text[s.take(text):]
	}
	s.end()
	return s.all
}

// take reads the next byte, or what belongs together, and returns its length.
func (s *splitter) take(text string) int {
	c := text[0]
	switch {
	case c == '\\' && len(text) > 1 && strings.IndexByte(`"'\`, text[1]) >= 0:
		s.add(text[1:2])
		return 2
	case s.quote != 0 && c == s.quote:
		s.quote = 0
	case s.quote != 0:
		s.add(text[:1])
	case c == '"' || c == '\'':
		s.quote, s.begun = c, true
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		s.end()
	case c == '$' && strings.HasPrefix(text, "${"):
		n := 1 + strings.IndexByte(text[:min(len(text), maxName)], '}')
		n = max(n, 2)
		s.add(text[:n])
		return n
	case c == '{' || c == '}':
		s.end()
		s.all = append(s.all, token{mark: c})
	default:
		s.add(text[:1])
	}
	return 1
}

func (s *splitter) add(text string) {
	s.word.WriteString(text)
	s.begun = true
}

func (s *splitter) end() {
	if s.begun {
		s.all = append(s.all, token{text: s.word.String()})
	}
	s.word.Reset()
	s.begun = false
}
