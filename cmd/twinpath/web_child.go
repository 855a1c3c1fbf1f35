package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/user"
	"runtime/debug"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/errgroup"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/internal/cage"
	"github.com/twinpath/twinpath/web"
	"github.com/twinpath/twinpath/web/front"
	"github.com/twinpath/twinpath/web/site"
	"github.com/twinpath/twinpath/wizard"
)

// runWeb is "twinpath web", which only the daemon starts: the process that serves the page, with nothing but a connection to
// the daemon and the sockets that it was given.
func runWeb(ctx context.Context, args []string, std stdio) error {
	log := slog.New(slog.NewTextHandler(std.err, nil))
	left, err := front.Inherited(args)
	if err != nil {
		return usageError(err.Error())
	}
	_ = os.WriteFile("/proc/self/comm", []byte("twinpath-web"), 0o644) // for ps; else it is called "exe"
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0o644) // the first to be sacrificed, not the last as the daemon
	_, _ = time.Now().Zone()                                           // reads /etc/localtime, which is out of reach in a moment
	who, _ := user.Current()                                           // so is /etc/passwd; nil: nobody known
	const plenty = 64 << 20                                            // chosen here: ten times what a family's browsers need
	debug.SetMemoryLimit(plenty)
	landlock, err := webCage(who).Enter()
	if err != nil {
		return fmt.Errorf("shut the page's process in: %w", err)
	}
	log.Debug("shut in", "landlock", landlock)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &site.Site{Client: web.NewConnClient(&lifeline{Conn: left.Conn, cut: cancel}), Check: problems, Hash: hashPassword, Log: log}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Serve(ctx, left.Plain, left.Secure) })
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// webCage leaves the process what it needs: files for 512 connections. Of an account that is the page's alone it bounds the threads, those
// of "twinpath verify" and of a process that is about to go included: else they could be as many as the service may have, and the daemon
// could have no more.
func webCage(who *user.User) cage.Cage {
	const files, nice, threads = 1024, 5, 128
	c := cage.Cage{Files: files, Nice: nice}
	if who != nil && who.Username == front.Account {
		c.Threads = threads
	}
	return c
}

// lifeline is the connection to the daemon. The process ends with it.
type lifeline struct {
	net.Conn
	cut context.CancelFunc
}

// Read implements net.Conn.
func (l *lifeline) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if err != nil {
		l.cut()
	}
	return n, err
}

// problems are those of a text that an owner has edited.
func problems(text string) []wizard.Problem {
	_, found := config.Parse("twinpath.toml", []byte(text))
	var all []wizard.Problem
	for _, p := range found {
		all = append(all, wizard.Problem{Line: p.Line, Key: p.Key, What: p.What, Hint: p.Hint})
	}
	return all
}

// hashPassword makes what stands in a configuration.
func hashPassword(password string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	return string(hash), err
}
