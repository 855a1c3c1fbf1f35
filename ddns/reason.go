package ddns

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/twinpath/twinpath/router"
)

// words are what inadyn says, line by line and without its name.
type words struct {
	lines []string
	rest  []byte
	again func() // it would wait for ten minutes and try again
}

// mostLines bounds what is kept; the last ones matter.
const mostLines = 64

// Write implements io.Writer.
func (w *words) Write(text []byte) (int, error) {
	n := len(text)
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if w.rest = append(w.rest, line...); len(w.rest) > 1024 {
			w.rest = w.rest[:1024]
		}
		if !whole {
			return n, nil
		}
		w.hear(string(w.rest))
		w.rest, text = w.rest[:0], rest
	}
}

func (w *words) hear(line string) {
	if _, said, named := strings.Cut(line, "]: "); named {
		line = said
	}
	w.lines = append(w.lines, line)
	if len(w.lines) > mostLines {
		w.lines = w.lines[1:]
	}
	if strings.HasPrefix(line, "Will retry again") {
		w.again()
	}
}

// refused is what only the owner can change, in words for him.
type refused string

func (r refused) Error() string { return string(r) }

// Is implements errors.Is.
func (r refused) Is(target error) bool { return target == ErrRefused }

// reason is why a run has told nobody, in words for the owner.
func reason(e router.DDNS, lines []string, err error) error {
	answer := answerIn(lines)
	switch {
	case says(lines, "Error code 50"), strings.Contains(answer, "badauth"), strings.Contains(answer, "Authentication failure"):
		return refused("the provider does not take user name or password")
	case says(lines, "Cannot find an DDNS plugin"), says(lines, "Cannot find a DDNS plugin"):
		return refused("inadyn knows no provider " + e.Provider)
	case answer != "" && says(lines, "Fatal error"):
		return refused(fmt.Sprintf("the provider says %q", clean(answer, e)))
	case answer != "":
		return fmt.Errorf("the provider says %q", clean(answer, e))
	}
	for said, what := range map[string]string{"Failed connecting to ": "connect to ", "Failed resolving hostname ": "look up ",
		"HTTP(S) Transaction failed, ": "ask the provider: "} {
		if line := find(lines, said); line != "" {
			return errors.New(what + clean(strings.TrimPrefix(line, said), e))
		}
	}
	if n := len(lines); n > 0 {
		return fmt.Errorf("inadyn says %q", clean(lines[n-1], e))
	}
	if err == nil {
		err = errors.New("it says nothing")
	}
	return fmt.Errorf("run inadyn: %w", err)
}

func says(lines []string, begin string) bool { return find(lines, begin) != "" }

func find(lines []string, begin string) string {
	for _, line := range lines {
		if strings.HasPrefix(line, begin) {
			return line
		}
	}
	return ""
}

// answerIn is the provider's answer as inadyn repeats it: "[200 OK] nohost". From version 2.11 on it says only what it makes of it.
func answerIn(lines []string) string {
	answer := regexp.MustCompile(`^\[\d{3}[^\]]*\] ?(.*)$`)
	made := ""
	for _, line := range lines {
		if answer.MatchString(line) {
			return line
		}
		if _, of, is := strings.Cut(line, " error in DDNS server response: "); is {
			made = of
		}
	}
	return made
}

// clean cuts an answer to what a sentence can hold, and takes out the owner's secrets, should they come back.
func clean(text string, e router.DDNS) string {
	for _, secret := range [...]string{e.Password, e.User} { // some providers call the token a user
		if len(secret) > 3 {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > 100 {
		return string(runes[:100]) + "…"
	}
	return text
}
