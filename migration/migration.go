// Package migration turns the configuration of another VRRP daemon into Twinpath's: keepalived.conf, or
// freevrrpd.conf of FreeBSD.
//
// The text is read in three steps: reader makes lines of it (comments, definitions, conditions, included files),
// grow makes blocks of the lines, and a translation makes [[vrrp]] sections of the blocks. What has no counterpart is
// said twice: as a note for the terminal, and as a comment in the section it belongs to.
package migration

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxSize is the most text that is read, in bytes, included files and the substitution of definitions counted.
const MaxSize = 1 << 20

// Bounds on what one text can ask for. VRRP itself counts to 255, and so does a router's configuration.
const (
	maxRouters   = 1024 // more than 255 are written as comments
	maxAddresses = 255  // of one router, and peers too (RFC 9568 §5.2.5)
	maxChecks    = 16   // of one router
	maxCommand   = 1024 // bytes of a command line
	maxKeywords  = 64   // of one vrrp_script
)

// Result is a configuration of Twinpath and what could not be said in it.
type Result struct {
	TOML  string
	Notes []Note
}

// Note is one thing of the old configuration that has no exact counterpart.
type Note struct {
	File string
	Line int // from 1
	Text string
}

func (n Note) String() string { return fmt.Sprintf("%s:%d: %s", n.File, n.Line, n.Text) }

// Origin is the machine that the configuration is for.
type Origin struct {
	// Host is its name: keepalived.conf may have lines for one host only. Empty: those of every host are left out.
	Host string
	// Include returns the files that a pattern names, in order, those of a directory sorted by name.
	Include func(pattern string) ([]File, error)
	// Usable returns nil when the daemon would run the program at path, and else what is wrong with it.
	Usable func(path string) error
}

// File is an included file.
type File struct {
	Name string
	Text []byte
}

// Import translates text, the content of the file called name. An error begins with the file and the line where the
// text stops making sense; a keyword that is not known is no error.
func Import(name string, text []byte, from Origin) (Result, error) {
	switch {
	case len(text) > MaxSize:
		return Result{}, fmt.Errorf("%s:1: is larger than %d KiB", name, MaxSize>>10)
	case bytes.IndexByte(text, 0) >= 0:
		line := 1 + bytes.Count(text[:bytes.IndexByte(text, 0)], []byte("\n"))
		return Result{}, fmt.Errorf("%s:%d: is not text", name, line)
	}
	t := &translation{file: name, from: from, names: map[string]bool{}}
	var err error
	if isFreeVRRPd(text) {
		err = t.freeVRRPd(name, text)
	} else {
		err = t.keepalived(name, text)
	}
	if err != nil {
		return Result{}, err
	}
	slices.SortStableFunc(t.notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return Result{TOML: t.render(), Notes: slices.Compact(t.notes)}, nil
}

// place is where something of the old configuration stands.
type place struct {
	file string
	line int
}

func (p place) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", p.file, p.line, fmt.Errorf(format, args...))
}

// translation is one configuration on its way.
type translation struct {
	file     string
	from     Origin
	notes    []Note
	name     string          // of the router
	remarks  []string        // over the whole file
	names    map[string]bool // of sections
	sections []*section
}

// note tells the terminal, and the section too when there is one.
func (t *translation) note(at place, s *section, format string, args ...any) {
	text := printable(fmt.Sprintf(format, args...))
	t.notes = append(t.notes, Note{at.file, at.line, text})
	t.remark(at, s, text)
}

// remark is a comment that the terminal need not see.
func (t *translation) remark(at place, s *section, text string) {
	where := fmt.Sprintf("line %d", at.line)
	if at.file != t.file {
		where = printable(at.file) + " " + where
	}
	if s == nil {
		t.remarks = append(t.remarks, where+": "+text)
		return
	}
	s.remarks = append(s.remarks, where+": "+text)
}

// printable returns text as one line that a comment in TOML may hold.
func printable(text string) string {
	const most = 240 // characters: two lines of a terminal
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(clean); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return clean
}

var errForeign = errors.New("is neither a keepalived.conf nor a freevrrpd.conf: no keyword of theirs in it")
