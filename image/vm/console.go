package vm

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Console is what a machine says on its serial line, each line with its time since power-on.
type Console struct {
	start time.Time

	mu    sync.Mutex
	lines []consoleLine
	more  chan struct{} // closed when something was said
}

type consoleLine struct {
	at   time.Duration
	text string
	open bool // its end has not come yet, as of a prompt
}

func newConsole(start time.Time) *Console { return &Console{start: start, more: make(chan struct{})} }

// escapes are the colours and cursor movements of boot loaders.
var escapes = regexp.MustCompile(`\x1b(\[[0-9;?=]*[a-zA-Z]|[()][A-Z0-9])|\r|\x00`)

// Write takes what QEMU's standard output brings.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Since(c.start)
	for i, part := range strings.Split(string(p), "\n") {
		if i > 0 && len(c.lines) > 0 {
			c.lines[len(c.lines)-1].open = false
		}
		if part == "" {
			continue
		}
		if n := len(c.lines); n > 0 && c.lines[n-1].open {
			c.lines[n-1].text += part
			continue
		}
		c.lines = append(c.lines, consoleLine{at: now, text: part, open: true})
	}
	close(c.more)
	c.more = make(chan struct{})
	return len(p), nil
}

// Lines is how many lines there are: a mark for Await.
func (c *Console) Lines() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines)
}

// Tail is the last n lines, each with its seconds since power-on; all for n = 0.
func (c *Console) Tail(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var t strings.Builder
	first := 0
	if n > 0 {
		first = max(0, len(c.lines)-n)
	}
	for _, l := range c.lines[first:] {
		if text := escapes.ReplaceAllString(l.text, ""); text != "" {
			fmt.Fprintf(&t, "%8.2f %s\n", l.at.Seconds(), text)
		}
	}
	return t.String()
}

// Await waits until a line from a mark on contains a text, and returns that line and its time since power-on.
func (c *Console) Await(ctx context.Context, mark int, text string) (string, time.Duration, error) {
	for {
		c.mu.Lock()
		more := c.more
		line, at, found := c.find(mark, text)
		c.mu.Unlock()
		if found {
			return line, at, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return "", 0, fmt.Errorf("wait for %q on the console: %w", text, ctx.Err())
		}
	}
}

func (c *Console) find(mark int, text string) (string, time.Duration, bool) {
	for _, l := range c.lines[min(mark, len(c.lines)):] {
		if clean := escapes.ReplaceAllString(l.text, ""); strings.Contains(clean, text) {
			return clean, l.at, true
		}
	}
	return "", 0, false
}

// oopses are the kernel's words for a fault of its own. A panic for a reason, as of a missing root, is none.
var oopses = regexp.MustCompile(`BUG: unable to handle|Oops: |general protection fault|int3: 0000|invalid opcode: 0000`)

// oops is the first sign of a fault of the kernel's own, or empty.
func (c *Console) oops() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lines {
		if oopses.MatchString(l.text) {
			return l.text
		}
	}
	return ""
}
