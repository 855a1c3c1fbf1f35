package vm

import (
	"bufio"
	"bytes"
	"context"
	_ "embed" // the agent
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

//go:embed agent.sh
var agent []byte

// portName is how the agent finds its port.
const portName = "twinpath.agent"

// Boot is one start of the guest's system, as its agent reports it.
type Boot struct {
	ID     string        // the kernel's boot id
	Uptime time.Duration // of the kernel, when the agent spoke
	At     time.Time     // when that was
}

// Kernel is when the kernel of this boot began to run.
func (b Boot) Kernel() time.Time { return b.At.Add(-b.Uptime) }

// talk is the host's end of the agent's port.
type talk struct {
	off <-chan struct{}

	turn   sync.Mutex // one command at a time
	number int

	mu    sync.Mutex
	conn  net.Conn
	boots []Boot
	more  chan struct{} // closed when a boot was added

	answers chan answer
}

type answer struct {
	number, status int
	output         []byte
}

func newTalk(off <-chan struct{}) *talk {
	return &talk{off: off, more: make(chan struct{}), answers: make(chan answer, 1)}
}

// attach goes on with another connection: the machine was switched on, or has started again.
func (t *talk) attach(conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != nil {
		_ = t.conn.Close()
	}
	t.conn = conn
	go t.listen(conn)
}

func (t *talk) close() { _ = t.line().Close() }

func (t *talk) line() net.Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.conn
}

// listen reads what the agent says until the connection ends. What is neither greeting nor answer is the rest of an
// answer that a restart cut off.
func (t *talk) listen(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		var id string
		var uptime float64
		var a answer
		var size int
		if n, _ := fmt.Sscanf(line, "hello %s %f", &id, &uptime); n == 2 {
			t.greet(Boot{ID: id, Uptime: time.Duration(uptime * float64(time.Second)), At: time.Now()})
			continue
		}
		if n, _ := fmt.Sscanf(line, "done %d %d %d", &a.number, &a.status, &size); n != 3 || size > most {
			continue
		}
		a.output = make([]byte, size)
		if _, err := io.ReadFull(in, a.output); err != nil {
			return
		}
		select { // the latest wins: nobody waits for an older one any more
		case <-t.answers:
		default:
		}
		t.answers <- a
	}
}

func (t *talk) greet(b Boot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.boots); n > 0 && t.boots[n-1].ID == b.ID {
		return // the agent was restarted, not the guest
	}
	t.boots = append(t.boots, b)
	close(t.more)
	t.more = make(chan struct{})
}

// seen is all boots until now, and what is closed when there is another one.
func (t *talk) seen() ([]Boot, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.boots, t.more
}

// most is the size in bytes of what may be sent in or out at once (agent.sh says the same).
const most = 4 << 20

// patience is how long a command may take where the caller does not say.
const patience = time.Minute

// StatusError is a command that ended with another status than 0. 124 means that its time was up (timeout(1)).
type StatusError struct {
	Command string
	Status  int
	Output  string // standard output and standard error
}

func (e *StatusError) Error() string {
	const enough = 2000
	out := strings.TrimSpace(e.Output)
	return fmt.Sprintf("%s: exit status %d: %s", e.Command, e.Status, out[max(0, len(out)-enough):])
}

var (
	errOff       = errors.New("the machine is off")
	errRestarted = errors.New("the guest has restarted")
	errNoAgent   = errors.New("no agent has spoken yet")
)

// run has the agent run a command with an input, no longer than the context allows.
func (t *talk) run(ctx context.Context, command string, input []byte) (string, error) {
	if len(input) > most || len(command) > most {
		return "", fmt.Errorf("run %.60s: %d bytes of input are more than %d", command, len(input), most)
	}
	if _, given := ctx.Deadline(); !given {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	t.turn.Lock()
	defer t.turn.Unlock()
	boots, restarted := t.seen()
	if len(boots) == 0 {
		return "", fmt.Errorf("run %.60s: %w", command, errNoAgent)
	}
	t.number++
	t.ask(ctx, boots[len(boots)-1], command, input)
	a, err := t.await(ctx, t.number, restarted)
	if err != nil {
		return "", fmt.Errorf("run %.60s: %w", command, err)
	}
	if a.status != 0 {
		return string(a.output), &StatusError{command, a.status, string(a.output)}
	}
	return string(a.output), nil
}

// ask sends a request. The guest gets a second less than we wait, so that what a command said until its end is not lost. A machine
// that is off, or starts again, does not take it: await says so.
func (t *talk) ask(ctx context.Context, to Boot, command string, input []byte) {
	deadline, _ := ctx.Deadline()
	seconds := max(1, int((time.Until(deadline) - time.Second).Seconds()))
	var request bytes.Buffer
	fmt.Fprintf(&request, "run %s %d %d %d %d\n%s%s", to.ID, t.number, seconds, len(command), len(input), command, input)
	conn := t.line()
	_ = conn.SetWriteDeadline(deadline)
	_, _ = conn.Write(request.Bytes())
}

func (t *talk) await(ctx context.Context, number int, restarted <-chan struct{}) (answer, error) {
	for {
		select {
		case a := <-t.answers:
			if a.number == number {
				return a, nil
			}
		case <-restarted:
			return answer{}, errRestarted
		case <-t.off:
			return answer{}, errOff
		case <-ctx.Done():
			return answer{}, fmt.Errorf("the agent does not answer: %w", ctx.Err())
		}
	}
}
