package console

import (
	"fmt"
	"strings"
)

// page is text of at most width columns.
type page struct{ strings.Builder }

func (p *page) line(text string) {
	text = plain(text)
	p.WriteString(strings.TrimRight(text[:min(len(text), width)], " ") + "\n")
}

// row is a line of the table; what does not fit is carried on below.
func (p *page) row(name, state, address, note string) {
	head := fmt.Sprintf("  %-14s %-9s %-18s ", plain(name), plain(state), plain(address))
	if len(head)+len(plain(note)) <= width {
		p.line(head + note)
		return
	}
	p.line(head)
	p.wrap("      ", note)
}

// wrap breaks a text between words.
func (p *page) wrap(indent, text string) {
	line := indent
	for word := range strings.FieldsSeq(plain(text)) {
		if len(line)+1+len(word) > width && line != indent {
			p.line(line)
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	if line != indent {
		p.line(line)
	}
}

// mostLines of a notice are shown: a screen has 25, and the card has all of them.
const mostLines = 8

func (p *page) notice(text string) {
	p.line("")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, l := range lines {
		if i == mostLines {
			p.wrap("! ", fmt.Sprintf("... and %d lines more, in twinpath-problems.txt on the card.", len(lines)-i))
			return
		}
		p.wrap("! ", l)
	}
}

// plain keeps what every screen can show. Texts may come from the network: nothing of them commands the terminal.
func plain(text string) string {
	text = strings.NewReplacer("…", "...", "–", "-", "—", "-", "·", "-", "’", "'", "“", `"`, "”", `"`, "→", "->").Replace(text)
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ' || r == 0x7f:
			return -1
		case r > '~':
			return '?'
		}
		return r
	}, text)
}
