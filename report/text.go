package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// columns is the width of the text: a terminal's, and a letter's.
const columns = 80

// Text writes a report for a terminal or an e-mail.
func Text(w io.Writer, r Report) error {
	r = r.Newest()
	p := &printer{}
	p.wrap("", r.Heading())
	p.wrap("", r.Period())
	p.line("")
	p.totals(r)
	p.line("")
	p.wrap("", r.Note())
	for _, row := range r.Rows {
		p.line("")
		p.row(row)
	}
	p.line("")
	p.wrap("", r.Ending())
	_, err := io.WriteString(w, p.String())
	return err
}

// Heading names what it is about.
func (r Report) Heading() string {
	if r.WAN != "" {
		return "Outages of " + plain(r.WAN) + ", seen by " + plain(r.Router)
	}
	return "Outages seen by " + plain(r.Router)
}

// Period is the time that it is about.
func (r Report) Period() string {
	const form = "2 Jan 2006 15:04"
	return fmt.Sprintf("%s to %s (%s)", r.From.Format(form), r.To.Format(form), zone(r.To))
}

// Note says how the figures are to be read.
func (r Report) Note() string {
	text := "Somebody looked all the time."
	if unwatched := r.Whole() - time.Duration(r.Watched); unwatched >= time.Second {
		text = fmt.Sprintf("Somebody looked for %s of %s; the rest counts for nothing.", Duration(time.Duration(r.Watched)), Duration(r.Whole()))
	}
	for _, t := range r.Lines {
		if time.Duration(r.Watched-t.Watched) >= time.Minute {
			text += fmt.Sprintf(" Of %s that is %s.", t.Title(), Duration(time.Duration(t.Watched)))
		}
	}
	text += " Down is when no check was answered, or by a login page."
	if r.Unsure() {
		text += " The clock was not set in some of the outages: they say so."
	}
	if r.Left > 0 {
		text += fmt.Sprintf(" The oldest %d outages are counted and not listed.", r.Left)
	}
	return text
}

// Ending says when it was made and by what.
func (r Report) Ending() string {
	if len(r.Rows) == 0 {
		return fmt.Sprintf("No outage in this time. Made %s by Twinpath %s.", r.Made.Format("2 Jan 2006 15:04:05"), plain(r.Version))
	}
	return fmt.Sprintf("Made %s by Twinpath %s.", r.Made.Format("2 Jan 2006 15:04:05"), plain(r.Version))
}

// All are the totals, of the lines and of the house.
func (r Report) All() []Total {
	all := append([]Total{}, r.Lines...)
	if r.House != nil {
		all = append(all, *r.House)
	}
	return all
}

// Title is its name in one line.
func (t Total) Title() string { return plain(t.Name) }

// Lost is how long it was down.
func (t Total) Lost() string {
	text := Duration(time.Duration(t.Down))
	if t.Open {
		text += " so far"
	}
	return text
}

// Worst is its longest outage.
func (t Total) Worst() string { return orDash(time.Duration(t.Longest)) }

// Weak is how long it was degraded.
func (t Total) Weak() string { return orDash(time.Duration(t.Degraded)) }

func orDash(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return Duration(d)
}

// printer fills lines.
type printer struct{ strings.Builder }

func (p *printer) line(text string) { p.WriteString(strings.TrimRight(text, " ") + "\n") }

func (p *printer) totals(r Report) {
	p.line(cells("", "outages", "down", "longest", "degraded", "available"))
	for _, t := range r.All() {
		p.line(cells(t.Title(), fmt.Sprint(t.Outages), t.Lost(), t.Worst(), t.Weak(), t.Percent()))
	}
}

// cells are the columns of the totals. A name that is too long is cut: the rows have it whole.
func cells(name string, rest ...string) string {
	if letters := []rune(name); len(letters) > 14 {
		name = string(letters[:13]) + "…"
	}
	text := name + strings.Repeat(" ", 14-utf8.RuneCountInString(name))
	for i, wide := range []int{9, 19, 13, 13, 12} {
		text += fmt.Sprintf("%*s", wide, rest[i])
	}
	return text
}

func (p *printer) row(r Row) {
	p.wrap("   ", fmt.Sprintf("%d. %s", r.Number, r.Title()))
	p.wrap("   ", "   "+r.When())
	p.wrap("   ", "   "+r.Why())
	for _, f := range r.Facts() {
		p.wrap("                 ", fmt.Sprintf("   %-13s %s", f.Name, f.Text))
	}
}

// wrap writes a paragraph. Its first line begins as it does, the others with the margin.
func (p *printer) wrap(margin, text string) {
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	line := indent
	for i, word := range split(text) {
		switch {
		case i == 0:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns:
			p.line(line)
			line = margin + word
		default:
			line += " " + word
		}
	}
	p.line(line)
}

// split is a text's words. One that no line holds is broken; two spaces in a row are a column.
func split(text string) []string {
	const longest = columns - 20
	var all []string
	for word := range strings.SplitSeq(strings.TrimLeft(text, " "), " ") {
		letters := []rune(word)
		for len(letters) > longest {
			all, letters = append(all, string(letters[:longest])), letters[longest:]
		}
		all = append(all, string(letters))
	}
	return all
}
