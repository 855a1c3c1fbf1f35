package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

// What one request, and all of them together, may cost the daemon: somebody who has taken the page's process over sends what he
// likes. A browser's request that finds every stream busy waits for one in that process.
const (
	streams = 128         // at once; three dozen logins may wait for their turn
	header  = 16 << 10    // bytes
	body    = 2 * biggest // bytes; JSON writes a line's end with two characters
)

// NewConnClient returns a client over one connection (HTTP/2 without TLS, RFC 9113 §3.3), which it owns. Once that has
// ended, every call fails.
func NewConnClient(conn net.Conn) *Client {
	return &Client{http: &http.Client{Transport: &oneConn{conn: conn}}}
}

// oneConn sends every request over one connection.
type oneConn struct {
	conn   net.Conn
	mu     sync.Mutex
	client *http.ClientConn
	err    error
}

// RoundTrip implements http.RoundTripper.
func (o *oneConn) RoundTrip(r *http.Request) (*http.Response, error) {
	client, err := o.open(r.Context())
	if err != nil {
		return nil, err
	}
	return client.RoundTrip(r)
}

// open says hello at the first call: before that nobody may be listening.
func (o *oneConn) open(ctx context.Context) (*http.ClientConn, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.client != nil || o.err != nil {
		return o.client, o.err
	}
	transport := &http.Transport{Protocols: h2c(), DialContext: func(context.Context, string, string) (net.Conn, error) { return o.conn, nil }}
	o.client, o.err = transport.NewClientConn(context.WithoutCancel(ctx), "http", "twinpath:80")
	return o.client, o.err
}

func h2c() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// ServeConn serves one connection of a NewConnClient until that ends (nil) or ctx does (nil), and returns when the last
// handler has.
func ServeConn(ctx context.Context, conn net.Conn, handler http.Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var handlers sync.WaitGroup
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handlers.Add(1)
			defer handlers.Done()
			r.Body = http.MaxBytesReader(w, r.Body, body)
			handler.ServeHTTP(w, r)
		}),
		Protocols:      h2c(),
		MaxHeaderBytes: header,
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: streams},
		BaseContext:    func(net.Listener) context.Context { return ctx },
	}
	defer handlers.Wait()
	one := &lone{conn: conn, ended: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.Serve(one)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// lone is a listener with one connection. When that is closed it has no more.
type lone struct {
	conn  net.Conn
	taken bool
	once  sync.Once
	ended chan struct{}
}

// Accept implements net.Listener.
func (l *lone) Accept() (net.Conn, error) {
	if !l.taken {
		l.taken = true
		return &watched{Conn: l.conn, closed: l.end}, nil
	}
	<-l.ended
	return nil, io.EOF
}

func (l *lone) end() { l.once.Do(func() { close(l.ended) }) }

// Close implements net.Listener.
func (l *lone) Close() error {
	l.end()
	return l.conn.Close()
}

// Addr implements net.Listener.
func (l *lone) Addr() net.Addr { return l.conn.LocalAddr() }

// watched tells when it is closed.
type watched struct {
	net.Conn
	closed func()
}

// Close implements net.Conn.
func (w *watched) Close() error {
	defer w.closed()
	return w.Conn.Close()
}
