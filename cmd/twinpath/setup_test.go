package main

import (
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSetupRefusesAPattern(t *testing.T) {
	got := play(t.Context(), "setup", "--ports", "[")
	if got.status != misused || !strings.Contains(got.err, `--ports: "[" is not a pattern`) {
		t.Errorf("exit %d: %s", got.status, got.err)
	}
}

// A box that has a configuration needs no setup mode: it ends at once, and touches nothing.
func TestSetupEndsWithAConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "setup.toml")
	if got := play(t.Context(), "setup", "--config", write(t, good), "--file", file); got.status != done {
		t.Errorf("exit %d: %s", got.status, got.err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("it wrote a configuration")
	}
}

func TestHangUp(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	if err := hangUp(socket); err == nil || !strings.HasPrefix(err.Error(), "find the daemon: ") {
		t.Errorf("without a daemon: %v", err)
	}
	listener, err := net.Listen("unix", socket) // this process is the daemon
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := hangUp(socket); err != nil {
		t.Fatal(err)
	}
	select {
	case <-signals:
	case <-time.After(10 * time.Second):
		t.Error("the daemon was not told")
	}
}
