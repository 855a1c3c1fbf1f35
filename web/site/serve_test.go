package site

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/web"
)

// pipes is a listener without sockets, for a time of its own.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), ended: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.ended) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// serving runs a whole site in a time of its own.
func serving(t *testing.T, d *fakeDaemon, f func(t *testing.T, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d.changed = make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		ours, theirs := net.Pipe()
		s := &Site{Client: web.NewConnClient(ours), Log: slog.New(slog.DiscardHandler)}
		p := newPipes()
		var all sync.WaitGroup
		all.Go(func() { _ = web.ServeConn(ctx, theirs, d) })
		all.Go(func() {
			if err := s.Serve(ctx, []net.Listener{p}, nil); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		f(t, p)
		cancel()
		all.Wait()
	})
}

// Whoever is slow is shown the door: with the headers after 5 s, with the body and with the answer after 10 s.
func TestSlowClientsAreCut(t *testing.T) {
	const host = "Host: router.example\r\n"
	for _, c := range []struct {
		name, text, trickle string
		within              time.Duration
	}{
		{"nothing at all", "", "", 6 * time.Second},
		{"headers, byte by byte", "GET / HTTP/1.1\r\n" + host, "X", 6 * time.Second},
		{"a body, byte by byte", "POST /api/v1/drain HTTP/1.1\r\n" + host + "Content-Length: 1000\r\n\r\n", "x", 12 * time.Second},
		{"never reads the page", "GET / HTTP/1.1\r\n" + host + "\r\n", "", 12 * time.Second},
		{"never reads the stream", "GET /api/v1/stream HTTP/1.1\r\n" + host + "\r\n", "", 12 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			serving(t, onBackup(), func(t *testing.T, p *pipes) {
				conn := p.dial()
				began := time.Now()
				_ = conn.SetDeadline(began.Add(time.Minute))
				_, _ = io.WriteString(conn, c.text)
				for c.trickle != "" {
					time.Sleep(time.Second)
					if _, err := io.WriteString(conn, c.trickle); err != nil || time.Since(began) > c.within {
						break
					}
				}
				time.Sleep(c.within - time.Since(began))
				synctest.Wait()
				if !ended(conn) {
					t.Errorf("after %s the connection is still open", c.within)
				}
				_ = conn.Close()
			})
		})
	}
}

// ended reports whether the other end has closed, whatever it said before.
func ended(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	_, err := io.Copy(io.Discard, conn)
	return err == nil
}

// certificate is a self-made one, as the daemon's.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"router.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", text)
}

func TestTLS(t *testing.T) {
	d := pictures()["ok"].daemon()
	d.settings.TLS = true
	d.settings.Certificate, d.settings.Key = certificate(t)
	ctx, cancel := context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	s := &Site{Client: web.NewConnClient(ours), Log: slog.New(slog.DiscardHandler)}
	s.prepare()
	var all sync.WaitGroup
	all.Go(func() { _ = web.ServeConn(ctx, theirs, d) })
	all.Go(func() { _ = s.Serve(ctx, nil, []net.Listener{l}) })
	defer all.Wait()
	defer cancel()
	heard(t, s, func(n *seen) bool { return n != nil })
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(d.settings.Certificate))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "router.example"}}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Get("https://" + l.Addr().String() + "/login")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Cross-Origin-Opener-Policy") != "same-origin" || answer.TLS.Version < tls.VersionTLS12 {
		t.Errorf("%s, version %x: want the login over TLS 1.2 or newer", answer.Status, answer.TLS.Version)
	}
	if status, _ := say(t, l.Addr().String(), "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); status != http.StatusBadRequest {
		t.Errorf("without TLS on the port for it: %d, want 400", status)
	}
	everything, _ := io.ReadAll(answer.Body)
	if strings.Contains(string(everything), "PRIVATE KEY") {
		t.Error("the key is on the page")
	}
}
