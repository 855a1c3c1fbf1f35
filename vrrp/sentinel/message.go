// Package sentinel keeps the VRRP engine in a process of its own, so that it outlives the daemon.
//
// Sentinel is that process: it runs the engine and listens on a unix socket. Link is the daemon's end: it starts the
// process, tells it what is wanted, proves twice a second that the daemon is alive, and starts a new one in
// its place when it dies or hangs. When the daemon stays away, the sentinel lets go of the virtual addresses in order.
package sentinel

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

// Times chosen here. A Backup with adverts every second takes over after 3.6 s of silence at the latest; a daemon that
// restarts is back in much less than Linger.
const (
	Beat   = 500 * time.Millisecond // between two proofs of the daemon's life, each of which the sentinel answers
	Hang   = time.Second            // without one, or without the answer: the other end hangs
	Linger = 2 * time.Second        // from the daemon's end until the sentinel lets go
)

// message is one line on the socket: a JSON object of which one field is set.
type message struct {
	Hello   *hello         `json:"hello,omitempty"`   // first, in both directions
	Want    *vrrp.Wanted   `json:"want,omitempty"`    // to the sentinel
	Bye     *bye           `json:"bye,omitempty"`     // to the sentinel: the daemon ends on purpose
	Retire  bool           `json:"retire,omitempty"`  // to the sentinel: answer with past and end, touch nothing
	Ack     uint64         `json:"ack,omitempty"`     // to the sentinel: reports up to this number have arrived
	Beat    bool           `json:"beat,omitempty"`    // both
	Past    *[]vrrp.Past   `json:"past,omitempty"`    // to the daemon: the answer to retire
	Status  *vrrp.Status   `json:"status,omitempty"`  // to the daemon
	Reports *[]vrrp.Report `json:"reports,omitempty"` // to the daemon

	odd error // what could not be read of it: it is of another version
}

type hello struct {
	Version string      `json:"version"`
	Past    []vrrp.Past `json:"past,omitempty"` // to the sentinel: what an engine before it knew
}

type bye struct {
	Linger time.Duration `json:"linger"` // until the addresses are let go of
}

// conn sends and receives messages; send is safe for concurrent use.
type conn struct {
	net.Conn
	lines *bufio.Scanner
	mu    sync.Mutex
}

// maxLine bounds a message: the status of 255 elections with their speakers is about 300 KiB.
const maxLine = 8 << 20

func newConn(c net.Conn) *conn {
	lines := bufio.NewScanner(c)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	return &conn{Conn: c, lines: lines}
}

// send writes one message. The other end has to take it within Hang: it does nothing but read.
func (c *conn) send(m message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.SetWriteDeadline(time.Now().Add(Hang)); err != nil {
		return err
	}
	_, err = c.Write(append(text, '\n'))
	return err
}

// receive returns the next message.
func (c *conn) receive() (m message, err error) {
	if !c.lines.Scan() {
		if err := c.lines.Err(); err != nil {
			return m, err
		}
		return m, io.EOF
	}
	var odd *json.UnmarshalTypeError
	if err = json.Unmarshal(c.lines.Bytes(), &m); errors.As(err, &odd) {
		m.odd, err = err, nil // everything else of it was read
	}
	return m, err
}

// again is when a silence of Hang is looked at a second time.
const again = Beat / 4

// letter is what the other end said, or its silence.
type letter struct {
	from *conn
	message
	err error
}

// read hands on everything that the other end says, and its end, until done.
func (c *conn) read(done <-chan struct{}, news chan<- letter) {
	for {
		m, err := c.receive()
		select {
		case news <- letter{c, m, err}:
		case <-done:
			return
		}
		if err != nil {
			return
		}
	}
}
