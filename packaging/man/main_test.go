package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func converted(t *testing.T, title, text string) string {
	t.Helper()
	var out strings.Builder
	if err := convert(&out, strings.NewReader(text), title, "2026-11-21"); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestEachKind(t *testing.T) {
	const head = ".TH X 5 2026-11-21 Twinpath\n.nh\n.ad l\n"
	for name, c := range map[string]struct{ text, want string }{
		"title":     {"# What it is\n", ".SH NAME\nx \\- what it is\n.SH DESCRIPTION\n"},
		"headings":  {"## [wan]\n### More\n", ".SH \"[wan]\"\n.SS \"More\"\n"},
		"paragraph": {"one `--two` **three** *four*\n\nfive\n", "one \\fB\\-\\-two\\fR \\fBthree\\fR \\fIfour\\fR\n.PP\nfive\n"},
		"links":     {"see [TOML](https://toml.io) and [`a`](b.md)\n", "see TOML <https://toml.io> and \\fBa\\fR\n"},
		"list":      {"- one\n", ".IP \\(bu 2\none\n"},
		"code":      {"```\n.x 'y' \\z\n```\n", ".PP\n.RS 4\n.nf\n\\&.x \\(aqy\\(aq \\ez\n.fi\n.RE\n"},
		"table":     {"| key | type | meaning |\n|---|---|---|\n| `a` | text | what |\n| `b` \\| `c` | | else |\n", ".TP\n\\fBa\\fR\nwhat\n.br\ntype: text\n.TP\n\\fBb\\fR | \\fBc\\fR\nelse\n"},
	} {
		if got := converted(t, "x(5)", c.text); got != head+c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, head+c.want)
		}
	}
}

// TestOurPages leaves no Markdown, and no line that roff would take for an order.
func TestOurPages(t *testing.T) {
	order := regexp.MustCompile(`^\.(TH|SH|SS|PP|TP|IP|RS|RE|nf|fi|br|nh|ad l)\b`)
	for path, title := range map[string]string{"../twinpath.8.md": "twinpath(8)", "../../docs/configuration.md": "twinpath.toml(5)"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(converted(t, title, string(text)), "\n") {
			if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !order.MatchString(line) {
				t.Errorf("%s: line %d is an order that is none: %s", title, i+1, line)
			}
			if strings.Contains(line, "`") || strings.Contains(line, "](") || strings.HasPrefix(line, "|") {
				t.Errorf("%s: line %d has Markdown left: %s", title, i+1, line)
			}
		}
	}
}

func TestTitleWithoutASection(t *testing.T) {
	if err := convert(new(strings.Builder), strings.NewReader(""), "twinpath", ""); err == nil || err.Error() != `"twinpath" is not NAME(SECTION)` {
		t.Errorf("got %v", err)
	}
}
