package lab

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rewrite puts a configuration in the place of the box's, as an owner with an editor does.
func rewrite(t *testing.T, b *Box, text string) {
	t.Helper()
	must(t, os.WriteFile(b.Config(), []byte(text), 0o600))
	must(t, syscall.Kill(b.PID(), syscall.SIGHUP))
}

// TestPageDoors opens the page wherever a configuration may want it.
func TestPageDoors(t *testing.T) {
	_, b, d := home(t, Default(), quick()+PageConfig)
	shows(t, d, readPage, `\[200\]`)

	t.Run("another port alone", func(t *testing.T) {
		rewrite(t, b, quick()+PageConfig+"listen = [\"192.168.1.1:8080\"]\n")
		shows(t, d, "curl -s -m 2 -o /dev/null -w %{http_code} http://192.168.1.1:8080/", "^200$")
		if out, err := d.Run("curl -s -m 1 http://192.168.1.1/"); err == nil {
			t.Errorf("the old port still answers: %s", out)
		}
	})
	t.Run("a port in use is told, and taken when it is free", func(t *testing.T) {
		var squatter net.Listener
		must(t, b.space.Do(func() (err error) { squatter, err = net.Listen("tcp", "192.168.1.1:8081"); return err }))
		rewrite(t, b, quick()+PageConfig+"listen = [\"192.168.1.1:8081\"]\n")
		for end := time.Now().Add(patience); !strings.Contains(b.Log(), "the page cannot be opened"); time.Sleep(look) {
			if time.Now().After(end) {
				t.Fatal("nobody is told")
			}
		}
		if out, err := b.Run(built(t) + " events --socket " + b.Socket()); err != nil || !strings.Contains(out, "Cannot open the page: listen tcp 192.168.1.1:8081: bind: address already in use.") {
			t.Errorf("%v, the events are:\n%s", err, out)
		}
		must(t, squatter.Close())
		shows(t, d, "curl -s -m 2 -o /dev/null -w %{http_code} http://192.168.1.1:8081/", "^200$")
	})
	t.Run("TLS", func(t *testing.T) {
		rewrite(t, b, quick()+PageConfig+"tls = [\"192.168.1.1:443\"]\n")
		shows(t, d, "curl -s -k -m 2 https://192.168.1.1/", "<html")
		conn, err := d.Dial(t.Context(), "tcp", "192.168.1.1:443")
		must(t, err)
		client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: "192.168.1.1"})
		defer client.Close()
		must(t, client.HandshakeContext(t.Context()))
		leaf := client.ConnectionState().PeerCertificates[0]
		mark := strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(leaf.Raw)), " ", ":")
		if told, err := os.ReadFile(filepath.Join(b.dir, "web-fingerprint")); err != nil || string(told) != mark+"\n" {
			t.Errorf("the console says %q (%v), the certificate has %s", told, err, mark)
		}
		must(t, leaf.VerifyHostname("192.168.1.1"))
		if leaf.NotAfter.Sub(leaf.NotBefore) < 9*365*24*time.Hour {
			t.Errorf("it ends at %s", leaf.NotAfter)
		}
	})
	t.Run("an address with a MAC address of its own", func(t *testing.T) {
		const virtual = `
[[vrrp]]
name = "lan"
id = 51
interface = "lan0"
interval = "200ms"
addresses = ["192.168.1.254/24"]
virtual_mac = true
`
		rewrite(t, b, quick()+virtual+PageConfig)
		shows(t, d, "curl -s -m 2 http://192.168.1.254/whoami", "^main\n")
		shows(t, d, "curl -s -m 2 http://192.168.1.1/whoami", "^main\n")
	})
	t.Run("the LAN's interface is made anew", func(t *testing.T) {
		rewrite(t, b, quick()+PageConfig)
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(look) {
			if out, err := b.Run("ip -o link"); err == nil && !strings.Contains(out, "vr") {
				break // the interface of the virtual MAC address kept lan0 from a bridge
			}
		}
		rewrite(t, b, strings.NewReplacer(`interface = "lan0"`, `ports = ["lan0"]`).Replace(quick())+PageConfig)
		shows(t, d, "curl -s -m 2 http://192.168.1.1/whoami", "^main\n")
		_, err := b.Run("ip link del br-lan")
		must(t, err)
		shows(t, d, "curl -s -m 2 http://192.168.1.1/whoami", "^main\n")
	})
}
