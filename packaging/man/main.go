// Command man turns a page of the documentation into a manual page: man "twinpath(8)" 2026-11-21 <page.md >twinpath.8.
//
// It knows what those pages use: headings, paragraphs, lists, tables, code, emphasis, links.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: man NAME(SECTION) DATE <page.md")
		os.Exit(2)
	}
	if err := convert(os.Stdout, os.Stdin, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

// page is a manual page being written (man(7)).
type page struct {
	*bufio.Writer
	code bool // between ``` lines
	head []string
}

func convert(w io.Writer, r io.Reader, title, date string) error {
	name, section, ok := strings.Cut(strings.TrimSuffix(title, ")"), "(")
	if !ok {
		return fmt.Errorf("%q is not NAME(SECTION)", title)
	}
	p := &page{Writer: bufio.NewWriter(w)}
	fmt.Fprintf(p, ".TH %s %s %s Twinpath\n.nh\n.ad l\n", strings.ToUpper(name), section, date)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		p.line(name, lines.Text())
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return p.Flush()
}

func (p *page) line(name, text string) {
	switch {
	case strings.HasPrefix(text, "```"):
		p.code = !p.code
		fmt.Fprintln(p, map[bool]string{true: ".PP\n.RS 4\n.nf", false: ".fi\n.RE"}[p.code])
	case p.code:
		fmt.Fprintln(p, plain(text))
	case strings.HasPrefix(text, "    "):
		fmt.Fprintf(p, ".RS 4\n.nf\n%s\n.fi\n.RE\n", plain(text[4:]))
	case strings.HasPrefix(text, "# "):
		fmt.Fprintf(p, ".SH NAME\n%s \\- %s\n.SH DESCRIPTION\n", plain(name), plain(strings.ToLower(text[2:3])+text[3:]))
	case strings.HasPrefix(text, "## "):
		fmt.Fprintf(p, ".SH \"%s\"\n", plain(text[3:]))
	case strings.HasPrefix(text, "### "):
		fmt.Fprintf(p, ".SS \"%s\"\n", plain(text[4:]))
	case strings.HasPrefix(text, "|"):
		p.row(cells(text))
		return
	case strings.HasPrefix(text, "- "), strings.HasPrefix(text, "* "):
		fmt.Fprintf(p, ".IP \\(bu 2\n%s\n", inline(text[2:]))
	case text == "":
		fmt.Fprintln(p, ".PP")
	default:
		fmt.Fprintln(p, inline(strings.TrimSpace(text)))
	}
	p.head = nil
}

// row is a table's row as a tagged paragraph: the first cell, then the last, and between them the others with their columns' names.
func (p *page) row(row []string) {
	switch {
	case p.head == nil:
		p.head = row
		return
	case strings.Trim(strings.Join(row, ""), "-: ") == "":
		return
	}
	fmt.Fprintf(p, ".TP\n%s\n", inline(row[0]))
	last := len(row) - 1
	if last < 1 {
		return
	}
	fmt.Fprint(p, inline(row[last]), "\n")
	for i := 1; i < last && i < len(p.head); i++ {
		if row[i] != "" {
			fmt.Fprintf(p, ".br\n%s: %s\n", plain(p.head[i]), inline(row[i]))
		}
	}
}

// cells splits a row at bars that are not escaped.
func cells(text string) []string {
	const bar = "\x00"
	text = strings.ReplaceAll(strings.Trim(strings.TrimSpace(text), "|"), `\|`, bar)
	all := strings.Split(text, "|")
	for i := range all {
		all[i] = strings.TrimSpace(strings.ReplaceAll(all[i], bar, "|"))
	}
	return all
}

// plain escapes what roff would obey.
func plain(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "~", `\(ti`, "^", `\(ha`).Replace(text)
	if strings.HasPrefix(text, ".") {
		return `\&` + text
	}
	return text
}

var (
	span = regexp.MustCompile("`[^`]+`|\\*\\*[^*]+\\*\\*|\\*[^*]+\\*|\\[[^\\]]+\\]\\([^)]+\\)")
	link = regexp.MustCompile(`^\[([^\]]+)\]\(([^)]+)\)$`)
)

// inline is a sentence with its code and emphasis.
func inline(text string) string {
	var out strings.Builder
	for {
		at := span.FindStringIndex(text)
		if at == nil {
			out.WriteString(plain(text))
			break
		}
		out.WriteString(plain(text[:at[0]]))
		out.WriteString(marked(text[at[0]:at[1]]))
		text = text[at[1]:]
	}
	return out.String()
}

func marked(text string) string {
	switch {
	case text[0] == '`':
		return `\fB` + plain(text[1:len(text)-1]) + `\fR`
	case strings.HasPrefix(text, "**"):
		return `\fB` + plain(text[2:len(text)-2]) + `\fR`
	case text[0] == '*':
		return `\fI` + plain(text[1:len(text)-1]) + `\fR`
	}
	parts := link.FindStringSubmatch(text)
	if strings.HasPrefix(parts[2], "http") {
		return inline(parts[1]) + " <" + plain(parts[2]) + ">"
	}
	return inline(parts[1])
}
