package vm

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"
)

// monitor speaks QMP, QEMU's control protocol: a greeting, then a JSON object per command and per answer.
type monitor struct {
	conn net.Conn

	mu      sync.Mutex
	decoder *json.Decoder
	greeted bool
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
		var answer struct {
			Return *json.RawMessage
			Error  *struct{ Desc string }
		}
		if err := q.decoder.Decode(&answer); err != nil {
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
