package main

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/alert/channel"
)

// The program is built as it is shipped: its cage insists on it.
func TestShout(t *testing.T) {
	program := filepath.Join(t.TempDir(), "twinpath")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	var body, status string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body, status = r.Host+r.URL.Path+" "+string(text), statusOfChild(t)
	}))
	server.TLS = new(tls.Config)
	server.StartTLS() // its certificate is good for example.com
	defer server.Close()
	trusted := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", trusted)
	way := channel.Way{Name: "fibre", Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}}
	c, err := channel.Parse("rocketchat://bot@example.com/one/two/home")
	if err != nil {
		t.Fatal(err)
	}
	c.Program = program
	if err := c.Send(t.Context(), way, channel.Message{Title: "fibre is down", Text: "for a minute"}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(body, "example.com/hooks/one/two {") || !strings.Contains(body, `fibre is down\nfor a minute`) {
		t.Errorf("asked %s", body)
	}
	for _, bar := range []string{"Name:\ttwinpath-shout\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n"} {
		if !strings.Contains(status, bar) {
			t.Errorf("not %q in\n%s", bar, status)
		}
	}
	// With a certificate of nobody's it says so.
	t.Setenv("SSL_CERT_FILE", os.DevNull)
	if err := c.Send(t.Context(), way, channel.Message{Title: "test"}); err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("to a stranger: %v", err)
	}
}

// statusOfChild is what the kernel says of the one process that this one has started.
func statusOfChild(t *testing.T) string {
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Error(err)
	}
	for _, task := range tasks {
		text, _ := os.ReadFile(task) // the thread may have ended
		for _, pid := range strings.Fields(string(text)) {
			status, err := os.ReadFile("/proc/" + pid + "/status")
			if err != nil {
				t.Error(err)
			}
			if strings.Contains(string(status), "State:\tZ") {
				continue
			}
			return string(status)
		}
	}
	return ""
}
