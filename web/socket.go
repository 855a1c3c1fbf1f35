package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"
)

// Socket serves a handler on a unix socket. Whoever has claimed it is the one daemon there.
type Socket struct {
	Path    string
	Handler http.Handler

	listener net.Listener
}

// Claim opens the socket. A socket left by a crash is replaced; one that is answered is an error, so that a second daemon
// ends before it has touched anything. Run or Close has to follow.
func (s *Socket) Claim() error {
	if err := s.clear(); err != nil {
		return err
	}
	listener, err := net.Listen("unix", s.Path)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.Path, err)
	}
	if err := os.Chmod(s.Path, 0o660); err != nil {
		return errors.Join(err, listener.Close())
	}
	s.listener = listener
	return nil
}

// Close gives a claimed socket up and removes it. After Run it does nothing.
func (s *Socket) Close() { _ = s.listener.Close() }

// Run serves the claimed socket until ctx ends, then removes it.
func (s *Socket) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: 5 * time.Second,
		// Streams end with the daemon, not when their reader goes.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Socket) clear() error {
	if conn, err := net.DialTimeout("unix", s.Path, time.Second); err == nil {
		_ = conn.Close()
		return fmt.Errorf("%s is in use: another twinpath is running (choose another with --socket)", s.Path)
	}
	if err := os.Remove(s.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove old socket: %w", err)
	}
	return nil
}
