package program

import "bytes"

// longest is how much of one line is kept, in bytes: a log line, not a file.
const longest = 1024

// lines hands on what is written to it line by line.
type lines struct {
	each func(string)
	rest []byte
}

// Write implements io.Writer.
func (l *lines) Write(text []byte) (int, error) {
	n := len(text)
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		l.rest = append(l.rest, line[:min(len(line), longest-len(l.rest))]...)
		if !whole {
			return n, nil
		}
		l.end()
		text = rest
	}
}

// end hands on a last line without its newline.
func (l *lines) end() {
	if line := bytes.TrimSpace(l.rest); len(line) > 0 && l.each != nil {
		l.each(string(line))
	}
	l.rest = l.rest[:0]
}
