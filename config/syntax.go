package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// decode returns the file's tables. After a syntax error that can only concern its own line it goes on without that
// line, so that the owner learns of every one; after any other the root is nil.
func decode(name, text string) (map[string]any, Problems) {
	var problems Problems
	for range 20 { // chosen here: more wrong lines than anybody wants to read
		root := map[string]any{}
		_, err := toml.Decode(text, &root)
		if err == nil {
			return root, problems
		}
		var wrong toml.ParseError
		if !errors.As(err, &wrong) {
			return nil, append(problems, Problem{File: name, What: strings.TrimPrefix(err.Error(), "toml: ")})
		}
		problem, rest := syntaxProblem(name, text, wrong)
		problems = append(problems, problem)
		if rest == "" {
			break
		}
		text = rest
	}
	problems.sort()
	return nil, problems
}

// syntaxProblem words a syntax error and returns the text without its line, or "" when the rest cannot be trusted.
func syntaxProblem(name, text string, wrong toml.ParseError) (Problem, string) {
	lines := strings.SplitAfter(text, "\n")
	at := min(max(wrong.Position.Line, 1), len(lines)) - 1
	if at > 0 && strings.Contains(wrong.Message, `got '\n'`) {
		at-- // the decoder stands behind the line that ended too early
	}
	message := strings.TrimSuffix(wrong.Message, ".")
	if message != "" {
		message = strings.ToLower(message[:1]) + message[1:]
	}
	p := Problem{File: name, Line: at + 1, Key: wrong.LastKey, What: message, Hint: syntaxHint(message)}
	single := unquoted(lines[at])
	switch {
	case strings.Contains(message, "has already been defined"):
		p.What, p.Hint = "is given twice", "keep one of the two"
		if _, key, ok := strings.Cut(wrong.Message, "'"); ok {
			p.Key = before(key, "'")
		}
		single = oneLine(lines[at])
	case single && strings.HasPrefix(message, "expected value"), single && strings.Contains(message, "top-level item"):
		key, val, _ := strings.Cut(strings.TrimSpace(lines[at]), "=")
		p.What = fmt.Sprintf("%s is not a value", quote(strings.TrimSpace(val)))
		p.Hint = fmt.Sprintf("text is written in quotes: %s = %q", strings.TrimSpace(key), strings.TrimSpace(val))
	default:
		single = false
	}
	if secretLine.MatchString(lines[at]) && p.Hint != "keep one of the two" && !strings.Contains(message, "newlines") {
		p.What, p.Hint = "the value cannot be read", `text is written in quotes, "…", with a \ before each " or \ in it`
	}
	if !single {
		return p, ""
	}
	lines[at] = "\n"
	return p, strings.Join(lines, "")
}

// secretLine is a line with a value that must not appear in a problem, rightly written or not: that of a secret, or of a table that has one.
var secretLine = regexp.MustCompile(`(password|secret|key|keys|url|heartbeat|pppoe|pair|auth)"?\s*=|\bto"?\s*=.*://`)

// syntaxHint says what most likely led to the decoder's message.
func syntaxHint(message string) string {
	for _, known := range [...]struct{ part, hint string }{
		{"strings cannot contain newlines", "the closing quote is missing"},
		{"end table name", "a section is [name] on a line of its own, a repeated one [[name]]"},
		{"expected '.' or '='", `a line is key = value, a [section], or a # comment`},
		{"expected value but found", "is the bracket or quote before it closed?"},
		{"expected a comma", "entries are parted by commas; or is the bracket before it not closed?"},
		{"escape", `write a backslash twice, or use single quotes: 'C:\dir'`},
		{"utf-8", "save the file as UTF-8"},
	} {
		if strings.Contains(strings.ToLower(message), known.part) {
			return known.hint
		}
	}
	return ""
}

// unquoted reports whether the line is a key with a bare word: nothing that could go on in the next line.
func unquoted(line string) bool {
	ok, _ := regexp.MatchString(`^\s*[A-Za-z0-9_.-]+\s*=\s*[^\s"'\[{#][^"'\[\]{}]*$`, line)
	return ok
}

// oneLine reports whether the line is a key with a complete plain value.
func oneLine(line string) bool {
	ok, _ := regexp.MatchString(`^\s*[A-Za-z0-9_.-]+\s*=\s*("[^"\\]*"|[A-Za-z0-9.+-]+|\[[^\[\]]*\]|\{[^{}]*\})\s*(#.*)?$`, line)
	return ok
}
