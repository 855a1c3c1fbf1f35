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
func (e *entry) String() string { return strings.Join(e.words, " ") }

// grow makes a tree of lines. Its root is a nameless entry.
func grow(lines []line) (*entry, error) {
	root := &entry{open: true}
	stack := []*entry{root}
	for _, l := range lines {
		var current *entry
		for _, tok := range split(l.text) {
			top := stack[len(stack)-1]
			switch {
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

// split returns the words of a line. Quotes keep spaces and braces in a word; ${name} is part of one.
func split(text string) []token {
	var all []token
	var word strings.Builder
	begun, quote := false, byte(0)
	end := func() {
		if begun {
			all = append(all, token{text: word.String()})
		}
		word.Reset()
		begun = false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && strings.IndexByte(`"'\`, text[i+1]) >= 0:
			i++
			word.WriteByte(text[i])
			begun = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, begun = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			end()
		case c == '$' && strings.HasPrefix(text[i:], "${") && strings.IndexByte(text[i:], '}') > 0:
			n := strings.IndexByte(text[i:], '}')
			word.WriteString(text[i : i+n+1])
			begun, i = true, i+n
		case c == '{' || c == '}':
			end()
			all = append(all, token{mark: c})
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	end()
	return all
}
