package ddns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// patience is how long one run may take: a look-up and two exchanges for each name, over a line that is new.
	patience = time.Minute
	// nowhere stands in the cache before a run: a run that does not replace it has told nobody. It is there lest inadyn looks the name up, and
	// waits for an answer that changes nothing.
	nowhere = "0.0.0.0"
)

// Inadyn tells an entry's provider that its names lead to an address, by one run of the program inadyn. An error that is
// ErrRefused is for the owner to see to; others may go away.
func Inadyn(ctx context.Context, e router.DDNS, a netip.Addr) error {
	path, err := exec.LookPath("inadyn")
	if err != nil {
		return refused("the program inadyn is not installed")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	said, stop, err := say(a)
	if err != nil {
		return fmt.Errorf("hand the address to inadyn: %w", err)
	}
	defer stop()
	cache, err := newCache(e)
	if err != nil {
		return fmt.Errorf("start inadyn: %w", err)
	}
	defer os.RemoveAll(filepath.Dir(cache))
	words, err := run(ctx, path, cache, configure(e, said))
	switch told := toldIn(cache, e.Hosts, a); {
	case len(told) == len(e.Hosts):
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s", patience)
	}
	return reason(e, words, err)
}

// say serves an address at an address of this machine, until stop is called: where inadyn looks for its own. It would take it from a
// program, too, but has a shell start that, with the name of the account unquoted, and goes on without an address should that fail.
func say(a netip.Addr) (at netip.AddrPort, stop func(), err error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, nil, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, a)
	})}
	go func() { _ = server.Serve(listener) }()
	at = netip.MustParseAddrPort(listener.Addr().String()) // net printed it
	return at, func() { _ = server.Close() }, nil
}

// newCache makes a directory for inadyn's cache, which the account of nobody may write to. A name's file is called after it, from
// version 2.11 on with the provider in front.
func newCache(e router.DDNS) (string, error) {
	dir, err := os.MkdirTemp("", "twinpath-ddns-")
	if err != nil {
		return "", err
	}
	cache := filepath.Join(dir, "cache")
	err = errors.Join(os.Chmod(dir, 0o711), os.Mkdir(cache, 0o700), os.Chmod(cache, 0o777))
	for _, host := range e.Hosts {
		for _, file := range [...]string{host, e.Provider + "-" + host} {
			file = filepath.Join(cache, file+".cache")
			err = errors.Join(err, os.WriteFile(file, []byte(nowhere), 0o600), os.Chmod(file, 0o666))
		}
	}
	return cache, err
}

// toldIn are the names that the cache says lead to an address.
func toldIn(cache string, hosts []string, a netip.Addr) map[string]bool {
	told := map[string]bool{}
	files, _ := os.ReadDir(cache)
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(cache, f.Name()))
		name, is := strings.CutSuffix(f.Name(), ".cache")
		if err != nil || !is || strings.TrimSpace(string(text)) != a.String() {
			continue
		}
		whose := ""
		for _, host := range hosts { // of two that fit, it is the longer one's
			if (name == host || strings.HasSuffix(name, "-"+host)) && len(host) > len(whose) {
				whose = host
			}
		}
		if whose != "" {
			told[whose] = true
		}
	}
	return told
}

// run runs inadyn once and returns what it said. Of its own accord it would try again ten minutes later.
func run(ctx context.Context, path, cache, config string) ([]string, error) {
	secret, err := hidden(config)
	if err != nil {
		return nil, err
	}
	defer secret.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	words := &words{again: cancel}
	cmd := exec.CommandContext(ctx, path, "--once", "--force", "--foreground", "--loglevel=notice", "--no-pidfile",
		"--cache-dir="+cache, "--config=/proc/self/fd/3") // the first of ExtraFiles
	cmd.Env = []string{"LC_ALL=C"}
	cmd.ExtraFiles = []*os.File{secret}
	cmd.Stdout, cmd.Stderr = words, words
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: nobody()}
	err = cmd.Run()
	return words.lines, err
}
