package lan

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// bus is a D-Bus of one program's own: dnsmasq is asked by it to use other servers without forgetting what it knows, which SIGHUP has it
// do, and tells by it that leases have changed. A bus of the machine is not needed for that, and need not be there.
type bus struct {
	listener *net.UnixListener
	first    message       // what the program hears before anything else
	ready    chan struct{} // closed when the program has its name on the bus
	changed  chan struct{} // of one: leases are other ones

	mu      sync.Mutex
	conn    net.Conn // nil until it has come
	serial  uint32
	waiting map[uint32]chan error // those who wait for an answer, by the serial of their call
	closed  bool
}

// Names of dnsmasq on its bus (its DBus-interface document).
const (
	busName = "uk.org.thekelleys.dnsmasq"
	busPath = "/uk/org/thekelleys/dnsmasq"
)

// openBus listens for the one program that the path is told.
func openBus(path string, first message) (*bus, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open its bus: %w", err)
	}
	b := &bus{listener: listener, first: first, ready: make(chan struct{}), changed: make(chan struct{}, 1), waiting: map[uint32]chan error{}}
	go b.serve()
	return b, nil
}

// close ends the bus; who waits for an answer gets an error.
func (b *bus) close() {
	_ = b.listener.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.conn != nil {
		_ = b.conn.Close()
	}
	b.abandon()
}

// abandon ends all waiting. The caller holds the lock.
func (b *bus) abandon() {
	for serial, answer := range b.waiting {
		answer <- errors.New("its bus is closed")
		delete(b.waiting, serial)
	}
}

// serve is the bus for the program that comes first, until it goes.
func (b *bus) serve() {
	conn, err := b.listener.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	b.mu.Lock()
	b.conn = conn
	if b.closed {
		_ = conn.Close()
	}
	b.mu.Unlock()
	in := bufio.NewReader(conn)
	if err := welcome(in, conn); err == nil {
		for {
			m, err := readMessage(in)
			if err != nil {
				break
			}
			b.hear(m)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.abandon()
}

// welcome is the bus's side of the handshake (D-Bus specification, "Authentication Protocol"). Whoever could open the socket is trusted: it is
// in a directory of ours.
func welcome(in *bufio.Reader, out net.Conn) error {
	if zero, err := in.ReadByte(); err != nil || zero != 0 {
		return errors.New("it speaks no D-Bus")
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		answer := "ERROR\r\n"
		switch word, _, _ := strings.Cut(strings.TrimSpace(line), " "); word {
		case "BEGIN":
			return nil
		case "AUTH":
			answer = "OK " + strings.Repeat("7", 32) + "\r\n"
		}
		if _, err := out.Write([]byte(answer)); err != nil {
			return err
		}
	}
}

// hear answers the program as a bus does, and passes on what it says.
func (b *bus) hear(m message) {
	switch m.kind {
	case methodCall:
		b.answer(m)
	case methodReturn, methodError:
		var err error
		if m.kind == methodError {
			err = fmt.Errorf("dnsmasq refuses it: %s", m.text)
		}
		b.mu.Lock()
		if answer, ok := b.waiting[m.reply]; ok {
			answer <- err
			delete(b.waiting, m.reply)
		}
		b.mu.Unlock()
	case signal:
		if strings.HasPrefix(m.member, "DhcpLease") {
			select {
			case b.changed <- struct{}{}:
			default: // known
			}
		}
	}
}

// answer is what a bus does for a program that comes to it. The first message follows at once: it is heard before the program serves anybody.
func (b *bus) answer(m message) {
	body := &body{}
	switch m.member {
	case "Hello":
		body.text(":1.1")
	case "RequestName":
		body.number(1) // it is the owner of the name now
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.write(message{kind: methodReturn, reply: m.serial, body: body})
	if m.member == "RequestName" && b.first.member != "" {
		_ = b.write(b.first)
		b.first = message{}
		close(b.ready)
	}
}

// write sends a message. The caller holds the lock.
func (b *bus) write(m message) error {
	b.serial++
	m.serial = b.serial
	_ = b.conn.SetWriteDeadline(time.Now().Add(answers))
	_, err := b.conn.Write(m.bytes())
	return err
}

// answers is how long dnsmasq may take to answer: it does nothing else that takes long, but while it looks whether an address is free.
const answers = 4 * time.Second

// do has the program do something, and waits until it has.
func (b *bus) do(m message) error {
	patience := time.NewTimer(answers)
	defer patience.Stop()
	select {
	case <-b.ready:
	case <-patience.C:
		return errors.New("it has not come to its bus")
	}
	answer := make(chan error, 1)
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return errors.New("its bus is closed")
	}
	err := b.write(m)
	serial := b.serial
	if err == nil {
		b.waiting[serial] = answer
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-patience.C:
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.waiting, serial)
		return errors.New("it does not answer")
	}
}
