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
	"github.com/twinpath/twinpath/web/site"
	"github.com/twinpath/twinpath/wizard"
)

// What the sockets of the process are for, as its arguments say.
const (
	plainDoor  = "http"
	secureDoor = "https"
)

// Whether there is another router for the process to ask, as its first argument says.
const (
	aloneWord  = "alone"
	pairedWord = "paired"
)

// The files that the process finds open: its connection to the daemon, then one socket per argument.
const (
	connFile  = 3
	firstDoor = 4
)

// runWeb is "twinpath web", which only the daemon starts: the process that serves the page, with nothing but a connection to
// the daemon and the sockets that it was given.
func runWeb(ctx context.Context, args []string, std stdio) error {
	log := slog.New(slog.NewTextHandler(std.err, nil))
	if len(args) == 0 {
		return usageError("twinpath web is started by the daemon only")
	}
	conn, plain, secure, err := inherited(args[1:])
	if err != nil {
		return err
	}
	_ = os.WriteFile("/proc/self/comm", []byte("twinpath-web"), 0o644) // for ps; else it is called "exe"
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0o644) // the first to be sacrificed, not the last as the daemon
	_, _ = time.Now().Zone()                                           // reads /etc/localtime, which is out of reach in a moment
	who, _ := user.Current()                                           // so is /etc/passwd; nil: nobody known
	const plenty = 64 << 20                                            // chosen here: ten times what a family's browsers need
	debug.SetMemoryLimit(plenty)
	landlock, err := webCage(args[0], who).Enter()
	if err != nil {
		return fmt.Errorf("shut the page's process in: %w", err)
	}
	log.Debug("shut in", "landlock", landlock)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &site.Site{Client: web.NewConnClient(&lifeline{Conn: conn, cut: cancel}), Check: problems, Hash: hashPassword, Log: log}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Serve(ctx, plain, secure) })
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// webCage leaves the process what it needs: files for 512 connections and, where there is one, the page at the other router of
// the pair. Of an account that is the page's alone it bounds the threads, those of "twinpath verify" and of a process that is
// about to go included: else they could be as many as the service may have, and the daemon could have no more.
func webCage(company string, who *user.User) cage.Cage {
	const peerPort, files, nice, threads = 80, 1024, 5, 128
	c := cage.Cage{Files: files, Nice: nice}
	if who != nil && who.Username == accounts[0] {
		c.Threads = threads
	}
	if company == pairedWord {
		c.Connect = []uint16{peerPort}
	}
	return c
}

func inherited(kinds []string) (conn net.Conn, plain, secure []net.Listener, err error) {
	daemon := os.NewFile(connFile, "daemon")
	if conn, err = net.FileConn(daemon); err != nil {
		return nil, nil, nil, fmt.Errorf("twinpath web is started by the daemon only: %w", err)
	}
	_ = daemon.Close() // conn is a copy
	for i, kind := range kinds {
		file := os.NewFile(uintptr(firstDoor+i), kind)
		listener, err := net.FileListener(file)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("use socket %d: %w", firstDoor+i, err)
		}
		_ = file.Close()
		if kind == secureDoor {
			secure = append(secure, listener)
			continue
		}
		plain = append(plain, listener)
	}
	return conn, plain, secure, nil
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
