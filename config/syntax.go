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
	message := strings.TrimSuffix(wrong.Message, ".")
	if message != "" {
		message = strings.ToLower(message[:1]) + message[1:]
	}
	p := Problem{File: name, Line: at + 1, Key: wrong.LastKey, What: message}
	single := unquoted(lines[at])
	switch {
	case strings.Contains(message, "has already been defined"):
		p.What, p.Hint = "is given twice", "keep one of the two"
		single = oneLine(lines[at])
	case single && strings.HasPrefix(message, "expected value"), single && strings.Contains(message, "top-level item"):
		key, val, _ := strings.Cut(strings.TrimSpace(lines[at]), "=")
		p.What = fmt.Sprintf("%s is not a value", quote(strings.TrimSpace(val)))
		p.Hint = fmt.Sprintf("text is written in quotes: %s = %q", strings.TrimSpace(key), strings.TrimSpace(val))
	default:
		single = false
	}
	if !single {
		return p, ""
	}
	lines[at] = "\n"
	return p, strings.Join(lines, "")
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
