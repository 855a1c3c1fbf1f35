package site

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Serve answers on the listeners until ctx ends, and watches the daemon meanwhile. On the secure ones it speaks TLS, with
// the certificate of the daemon's Settings.
func (s *Site) Serve(ctx context.Context, plain, secure []net.Listener) error {
	s.prepare()
	server := &http.Server{
		Handler:                      s.Handler(),
		ReadHeaderTimeout:            5 * time.Second,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               16 << 10,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug), // what browsers do wrong is not news
		ConnContext:                  s.crowd.connContext,
		ConnState:                    s.crowd.state,
	}
	group, ctx := errgroup.WithContext(ctx)
	working, done := context.WithCancel(context.WithoutCancel(ctx)) // requests outlive ctx for a moment: see leave
	defer done()
	server.BaseContext = func(net.Listener) context.Context { return working }
	s.streams.end = ctx.Done()
	group.Go(func() error { return s.hub.run(ctx) })
	for _, l := range plain {
		group.Go(func() error { return serve(server, s.crowd.listener(l)) })
	}
	for _, l := range secure {
		group.Go(func() error { return serve(server, tls.NewListener(s.crowd.listener(l), s.tls())) })
	}
	group.Go(func() error {
		<-ctx.Done()
		return leave(server)
	})
	return group.Wait()
}

// leave finishes the requests that are being worked on: a new configuration replaces this process a moment after it was asked
// for, while its owner goes on clicking. Chosen here: a login takes that long; the daemon gives more.
func leave(server *http.Server) error {
	const lastWords = time.Second
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	if server.Shutdown(ctx) == nil {
		return nil
	}
	return server.Close()
}

func serve(server *http.Server, l net.Listener) error {
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return nil
}

// tls takes the certificate from the newest settings.
func (s *Site) tls() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			settings := s.hub.settings()
			certificate, err := tls.X509KeyPair([]byte(settings.Certificate), []byte(settings.Key))
			if err != nil {
				return nil, fmt.Errorf("use the daemon's certificate: %w", err)
			}
			return &certificate, nil
		},
	}
}
