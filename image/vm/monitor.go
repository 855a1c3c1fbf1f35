package vm

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// monitor speaks QMP, QEMU's control protocol: a greeting, then a JSON object per command and per answer.
type monitor struct {
	conn net.Conn

	mu      sync.Mutex
	decoder *json.Decoder
	greeted bool
	reset   bool // QEMU ends because the guest, or Reset, wants a restart
}

// qmpPatience bounds a command where the caller does not; QEMU answers in milliseconds, or is stuck.
const qmpPatience = 10 * time.Second

func newMonitor(conn net.Conn) *monitor { return &monitor{conn: conn, decoder: json.NewDecoder(conn)} }

func (q *monitor) close() { _ = q.conn.Close() }

// command runs one command and waits for its answer.
func (q *monitor) command(ctx context.Context, name string, arguments map[string]any) error {
	ctx, cancel := context.WithTimeout(ctx, qmpPatience)
	defer cancel()
	q.mu.Lock()
	defer q.mu.Unlock()
	deadline, _ := ctx.Deadline()
	_ = q.conn.SetDeadline(deadline) // a closed connection says so in the next line
	if !q.greeted {
		if err := q.ask("qmp_capabilities", nil); err != nil {
			return fmt.Errorf("greet QEMU: %w", err)
		}
		q.greeted = true
	}
	if err := q.ask(name, arguments); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (q *monitor) ask(name string, arguments map[string]any) error {
	request := map[string]any{"execute": name}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(q.conn).Encode(request); err != nil {
		return err
	}
	for {
		answer, err := q.read()
		if err != nil {
			return err
		}
		switch { // all else is the greeting, or an event
		case answer.Error != nil:
			return fmt.Errorf("QEMU says: %s", answer.Error.Desc)
		case answer.Return != nil:
			return nil
		}
	}
}

// word is what QEMU says: an answer, its greeting, or an event.
type word struct {
	Return *json.RawMessage
	Error  *struct{ Desc string }
	Event  string
	Data   struct{ Reason string }
}

func (q *monitor) read() (word, error) {
	var w word
	if err := q.decoder.Decode(&w); err != nil {
		return w, err
	}
	if w.Event == "SHUTDOWN" {
		q.reset = strings.HasSuffix(w.Data.Reason, "-reset")
	}
	return w, nil
}

// restarting reads the last words of a QEMU that has ended, and reports whether it was for a restart.
func (q *monitor) restarting() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_ = q.conn.SetDeadline(time.Now().Add(time.Second)) // they are there already
	for {
		if _, err := q.read(); err != nil {
			return q.reset
		}
	}
}
