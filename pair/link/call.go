package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Times. Chosen here: a router that starts is there within a second, and who does not finish a handshake in three is not on the LAN.
const (
	soon, later = 50 * time.Millisecond, 2 * time.Second // between two calls
	muchLater   = 30 * time.Second                       // when only an update helps
	patience    = 3 * time.Second                        // with a handshake, and with a greeting
	strangers   = 4                                      // handshakes at a time
)

// connection is one that has shown that it knows the secret.
type connection struct{ *tls.Conn }

// call is the router that calls: again and again, until ctx ends.
func (l *Link) call(ctx context.Context, s Settings, id *identity) {
	for wait := soon; ctx.Err() == nil; {
		began := time.Now()
		conn, err := l.dial(ctx, s, id)
		if err == nil {
			_, err = l.converse(ctx, s, conn, nil)
		}
		if ctx.Err() != nil {
			return
		}
		l.say(s.explain(err))
		if time.Since(began) > later+patience {
			wait = soon
		}
		if errors.As(err, new(versionError)) {
			wait = muchLater
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, later)
	}
}

func (l *Link) dial(ctx context.Context, s Settings, id *identity) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	raw, err := l.net.Dial(ctx, s.Device, s.Own, netip.AddrPortFrom(s.Partner, s.Port))
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, id.caller())
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("shake hands: %w", err)
	}
	return &connection{conn}, nil
}

// explain says for people why a call or a conversation came to nothing.
func (s Settings) explain(err error) string {
	var op *net.OpError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errSecret), errors.As(err, &op) && op.Op == "remote error": // an alert: it does not know us
		return errSecret.Error()
	case errors.As(err, new(tls.RecordHeaderError)):
		return fmt.Sprintf("something else than Twinpath answers at %s, port %d", s.Partner, s.Port)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens at %s, port %d: Twinpath does not run there, has no [pair], or one with another port", s.Partner, s.Port)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Sprintf("%s hangs up: it ends just now, or its [pair] peer is not %s", s.Partner, s.Own)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ETIMEDOUT), isTimeout(err):
		return fmt.Sprintf("%s does not answer", s.Partner)
	}
	return err.Error()
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// answer is the router that is called: it talks to the newest caller, until ctx ends.
func (l *Link) answer(ctx context.Context, s Settings, calls <-chan *connection) {
	for {
		var conn *connection
		select {
		case <-ctx.Done():
			return
		case conn = <-calls:
		}
		for conn != nil {
			next, err := l.converse(ctx, s, conn, calls)
			if conn = next; conn == nil && ctx.Err() == nil {
				l.say(s.explain(err))
			}
		}
	}
}

// listen waits for calls, until ctx ends. Where the address or the device is missing it tries again.
func (l *Link) listen(ctx context.Context, s Settings, id *identity, calls chan<- *connection) {
	for wait := soon; ctx.Err() == nil; wait = min(2*wait, later) {
		listener, err := l.net.Listen(s.Device, netip.AddrPortFrom(s.Own, s.Port))
		if err == nil {
			err = l.accept(ctx, s, listener, id, calls)
			wait = soon
		}
		if ctx.Err() != nil {
			return
		}
		l.say(fmt.Sprintf("the other router cannot call this one: %v", err))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// accept takes calls by the other router's address, and from nobody else.
func (l *Link) accept(ctx context.Context, s Settings, listener net.Listener, id *identity, calls chan<- *connection) error {
	var group sync.WaitGroup
	defer group.Wait()
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	defer listener.Close()
	room := make(chan struct{}, strangers)
	for {
		raw, err := listener.Accept()
		if err != nil {
			return err
		}
		if from, err := netip.ParseAddrPort(raw.RemoteAddr().String()); err != nil || from.Addr().Unmap() != s.Partner {
			_ = raw.Close()
			continue
		}
		select {
		case room <- struct{}{}:
			group.Go(func() {
				l.welcome(ctx, s, raw, id, calls)
				<-room
			})
		default:
			_ = raw.Close()
		}
	}
}

// welcome sees whether a caller knows the secret.
func (l *Link) welcome(ctx context.Context, s Settings, raw net.Conn, id *identity, calls chan<- *connection) {
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn := tls.Server(raw, id.called())
	err := conn.HandshakeContext(short)
	if err == nil {
		select {
		case calls <- &connection{conn}:
			return
		case <-ctx.Done():
		}
	}
	_ = raw.Close()
	if errors.Is(err, errSecret) && !l.up() {
		l.say(s.explain(err))
	}
}

func (l *Link) up() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session != nil
}
