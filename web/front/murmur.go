package front

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"time"
)

// murmurs is how many lines an hour reach the log. Whoever has taken the process over could fill a disk.
const murmurs = 200

// murmur is what the process prints, in the daemon's log.
type murmur struct {
	log  *slog.Logger
	left int
	hour time.Time // since when left is counted
	rest []byte
}

// Write implements io.Writer.
func (m *murmur) Write(p []byte) (int, error) {
	const longest = 1000
	n := len(p)
	for len(p) > 0 {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		if room := longest - len(m.rest); len(line) > room {
			line = line[:room]
		}
		m.rest = append(m.rest, line...)
		if whole {
			m.say()
		}
		p = rest
	}
	return n, nil
}

func (m *murmur) say() {
	text := strings.ToValidUTF8(string(m.rest), "?")
	m.rest = m.rest[:0]
	if now := time.Now(); now.Sub(m.hour) >= time.Hour {
		m.hour, m.left = now, murmurs
	}
	if m.left--; m.left < 0 {
		return
	}
	m.log.Info("the page's process", "says", text)
}

var _ io.Writer = (*murmur)(nil)
