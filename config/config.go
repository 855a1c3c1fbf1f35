// Package config turns the owner's TOML file into a checked router.Config, or into every problem in it at once.
//
// The file is decoded without types and walked by tables of keys (schema.go), so that no problem hides another;
// lines.go knows on which line each key stands. Contradictions between keys are looked for last. Keeper owns the
// boot file and the one that waits for a confirmation.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/twinpath/twinpath/router"
)

// MaxSize is the largest file accepted, in bytes. A home needs 2 KiB; the limit keeps a wrong file from being read whole.
const MaxSize = 1 << 20

// maxDepth is how deep brackets may nest. The schema needs 3; the decoder recurses, so it is not given more than 64.
// A dotted key costs it the square of its parts: more dots are a ruler in a comment at most.
const (
	maxDepth = 64
	maxDots  = 128
)

// Parse checks text, the content of the file called name, and returns the configuration it describes.
// Config.Name stays empty when the file does not give one. With problems the configuration is not to be used.
func Parse(name string, text []byte) (router.Config, Problems) {
	cfg := router.Config{Offload: true}
	if what, hint := unreadable(text); what != "" {
		return cfg, Problems{{File: name, What: what, Hint: hint}}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	root, syntax := decode(name, string(text))
	if root == nil {
		return cfg, syntax
	}
	r := &reading{file: name, lines: lineIndex(string(text)), problems: syntax}
	rootKeys().read(value{r: r, raw: root}, &cfg)
	settleDrill(r, &cfg)
	if len(syntax) == 0 {
		r.contradictions(cfg)
	}
	r.problems.sort()
	return cfg, r.problems
}

// Load reads and checks the file at path. The error is of type Problems when the file could be read.
func Load(path string) (router.Config, error) {
	text, err := readFile(path)
	if err != nil {
		return router.Config{}, err
	}
	cfg, problems := Parse(path, text)
	if len(problems) > 0 {
		return router.Config{}, problems
	}
	return cfg, nil
}

// readFile returns the file's text, at most one byte more than MaxSize of it: Parse refuses that.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read configuration: %w\nhint: write one, as docs/configuration.md explains, or name another with --config", err)
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	switch stat, err := f.Stat(); {
	case err != nil:
		return nil, fmt.Errorf("read configuration: %w", err)
	case stat.IsDir():
		return nil, fmt.Errorf("read configuration: %s is a directory\nhint: name the file in it, for example %s/twinpath.toml", path, path)
	case !stat.Mode().IsRegular():
		return nil, fmt.Errorf("read configuration: %s is not a regular file", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return text, nil
}

// unreadable says why text is not worth decoding, and what to do.
func unreadable(text []byte) (what, hint string) {
	switch {
	case len(text) > MaxSize:
		return fmt.Sprintf("is larger than %d KiB", MaxSize>>10), "this is not a Twinpath configuration"
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}), bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		return "is UTF-16 text", "save it as UTF-8"
	case bytes.IndexByte(text, 0) >= 0:
		return fmt.Sprintf("is not text: byte %d is NUL", bytes.IndexByte(text, 0)), "a configuration is a UTF-8 text file"
	}
	if brackets, dots := depth(text); brackets > maxDepth || dots > maxDots {
		return "nests its tables too deep", "this is not a Twinpath configuration"
	}
	return "", ""
}

// depth returns how many brackets are open at once and how many dots one key has, at most. It counts those in
// strings and comments too: nobody writes so many there.
func depth(text []byte) (brackets, dots int) {
	open, run := 0, 0
	for _, c := range text {
		switch c {
		case '.':
			run++
		case '[', '{':
			open, run = open+1, 0
		case ']', '}':
			open, run = max(0, open-1), 0
		case '=', ',', '#', '\n':
			run = 0
		}
		brackets, dots = max(brackets, open), max(dots, run)
	}
	return brackets, dots
}
