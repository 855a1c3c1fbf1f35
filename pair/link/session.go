package link

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A session that says nothing else says that it goes on. That the other box is dead the sockets find sooner; this finds a program that hangs.
const (
	silence = 3 * time.Second  // of ours, at most
	deadly  = 10 * time.Second // of the other router's, or for a message to leave
	parting = 250 * time.Millisecond
)

type message struct {
	kind Kind
	body []byte
}

// session is one conversation.
type session struct {
	conn *connection
	in   chan message
	over chan struct{} // closed when it ends
	wake chan struct{} // of the writer

	mu      sync.Mutex
	err     error // why it ends
	out     []byte
	flying  int  // bytes that are being written
	last    bool // nothing more is to be sent
	written bool // since the last breath
}

func newSession(conn *connection) *session {
	return &session{conn: conn, in: make(chan message), over: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// converse talks over one connection until it ends, or ctx, or there is a newer call.
func (l *Link) converse(ctx context.Context, s Settings, conn *connection, calls <-chan *connection) (next *connection, err error) {
	c := newSession(conn)
	var group sync.WaitGroup
	defer group.Wait()
	defer c.fail(errStops)
	group.Go(c.read)
	group.Go(c.write)
	_ = c.send(greeting, l.greeting(s))
	theirs, version, next, err := l.meet(ctx, c, calls)
	if next != nil || err != nil {
		c.part(err)
		return next, err
	}
	l.open(c)
	l.log.Info("linked to the other router", "router", theirs.Router, "version", theirs.Version, "protocol", version)
	l.events.Up(Session{ID: binary.BigEndian.Uint64(c.key("session", 8)), Partner: theirs, Protocol: version, Key: c.key})
	next, err = l.listenTo(ctx, c, calls)
	l.close()
	c.part(context.Cause(ctx))
	l.log.Info("the link to the other router ends", "reason", err)
	l.events.Down(err, errors.As(err, new(byeError)))
	return next, err
}

// meet waits for the other router's greeting.
func (l *Link) meet(ctx context.Context, c *session, calls <-chan *connection) (Greeting, int, *connection, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case m := <-c.in:
		if m.kind != greeting {
			return Greeting{}, 0, nil, errors.New("the other router does not greet")
		}
		theirs, version, err := l.agree(m.body)
		return theirs, version, nil, err
	case next := <-calls:
		return Greeting{}, 0, next, nil
	case <-late.C:
		return Greeting{}, 0, nil, errors.New("the other router does not greet")
	case <-c.over:
		return Greeting{}, 0, nil, c.reason()
	case <-ctx.Done():
		return Greeting{}, 0, nil, context.Cause(ctx)
	}
}

// listenTo passes on what the other router says.
func (l *Link) listenTo(ctx context.Context, c *session, calls <-chan *connection) (*connection, error) {
	breathe := time.NewTicker(silence)
	defer breathe.Stop()
	for {
		select {
		case m := <-c.in:
			switch m.kind {
			case bye:
				return nil, byeError(m.body)
			case greeting, breath:
			default:
				l.events.Message(m.kind, m.body)
			}
		case <-breathe.C:
			c.breathe()
		case next := <-calls:
			return next, errors.New("the other router begins anew")
		case <-c.over:
			return nil, c.reason()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// byeError is the other router's own word that it ends.
type byeError string

func (e byeError) Error() string { return "the other router ends the link: " + plain(string(e)) }

func (l *Link) open(c *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session, l.reason = c, ""
}

func (l *Link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session = nil
}

// key is a secret of this connection and this label.
func (c *session) key(label string, size int) []byte {
	state := c.conn.ConnectionState()
	key, err := state.ExportKeyingMaterial("EXPORTER-twinpath-"+label, nil, size)
	if err != nil {
		panic(err) // of TLS 1.3 it never fails: no other version is spoken
	}
	return key
}

// fail ends the session; the first reason counts.
func (c *session) fail(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
		close(c.over)
	}
	c.mu.Unlock()
	if first {
		_ = c.conn.NetConn().Close() // and not TLS's own: it would wait for somebody who does not read
	}
}

func (c *session) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// send queues a message.
func (c *session) send(kind Kind, body []byte) error {
	if len(body) > biggest {
		return fmt.Errorf("send a message of %d bytes to the other router: at most %d", len(body), biggest)
	}
	c.mu.Lock()
	if c.err != nil || c.last {
		c.mu.Unlock()
		return ErrDown
	}
	if len(c.out)+c.flying+headSize+len(body) > queueSize {
		c.mu.Unlock()
		c.fail(errors.New("the other router does not keep up"))
		return ErrDown
	}
	c.out = appendMessage(c.out, kind, body)
	c.last, c.written = kind == bye, true
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

// breathe says that the session goes on, unless something else has said so.
func (c *session) breathe() {
	c.mu.Lock()
	quiet := !c.written
	c.written = false
	c.mu.Unlock()
	if quiet {
		_ = c.send(breath, nil)
	}
}

// part says why this router ends, if it is the one, and waits a moment for the other one to hear it: a socket that is closed with something
// unread in it takes back what it has sent.
func (c *session) part(why error) {
	if why == nil {
		return
	}
	if errors.Is(why, context.Canceled) {
		why = errStops
	}
	if c.send(bye, []byte(why.Error())) != nil {
		return
	}
	late := time.NewTimer(parting)
	defer late.Stop()
	for {
		select {
		case <-c.in:
		case <-c.over:
			return
		case <-late.C:
			return
		}
	}
}

// read hears what the other router says, until the session ends.
func (c *session) read() {
	r := bufio.NewReaderSize(c.conn, 4<<10)
	for most := uint32(biggestFirst); ; most = biggest {
		_ = c.conn.SetReadDeadline(time.Now().Add(deadly)) // of a connection that is closed: read says so
		kind, body, err := readMessage(r, most)
		if err != nil {
			c.fail(err)
			return
		}
		select {
		case c.in <- message{kind, body}:
		case <-c.over:
			return
		}
	}
}

// write sends what is queued, until the session ends.
func (c *session) write() {
	var spare []byte
	for {
		select {
		case <-c.over:
			return
		case <-c.wake:
		}
		c.mu.Lock()
		full := c.out
		c.out, c.flying = spare[:0], len(full)
		c.mu.Unlock()
		if len(full) == 0 { // it left with what came before
			spare = full
			continue
		}
		_ = c.conn.SetWriteDeadline(time.Now().Add(deadly))
		if _, err := c.conn.Write(full); err != nil {
			c.fail(err)
			return
		}
		c.mu.Lock()
		c.flying = 0
		c.mu.Unlock()
		if spare = full; cap(spare) > 64<<10 {
			spare = nil // a list of all flows was in it
		}
	}
}
