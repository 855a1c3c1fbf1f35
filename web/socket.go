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

// Socket serves a handler on a unix socket.
type Socket struct {
	Path    string
	Handler http.Handler
}

// Run serves until ctx ends, then removes the socket. A socket left by a crash is replaced; one that is answered is not.
func (s *Socket) Run(ctx context.Context) error {
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
	server := &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: 5 * time.Second,
		// Streams end with the daemon, not when their reader goes.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
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
