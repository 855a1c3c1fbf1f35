package drill

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/twinpath/twinpath/router"
)

// TestMain has this process trust the certificate that httptest's servers have, before anybody asks for the roots.
func TestMain(m *testing.M) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	dir, err := os.MkdirTemp("", "drill")
	if err != nil {
		panic(err)
	}
	roots := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		panic(err)
	}
	s.Close()
	os.Setenv("SSL_CERT_FILE", roots)
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// nameServer answers every question with 127.0.0.1, over UDP, and over TCP too unless deaf; with code anything but success it only says so.
func nameServer(t *testing.T, code dnsmessage.RCode, deaf bool) netip.AddrPort {
	t.Helper()
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = packets.Close() })
	at := netip.MustParseAddrPort(packets.LocalAddr().String())
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := packets.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = packets.WriteTo(resolved(buffer[:n], code), from)
		}
	}()
	if deaf {
		return at
	}
	listener, err := net.Listen("tcp4", at.String())
	if err != nil {
		t.Skipf("the same port over TCP: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if q, err := receive(conn, "tcp"); err == nil {
				a := resolved(q, code)
				_, _ = conn.Write(append([]byte{byte(len(a) >> 8), byte(len(a))}, a...))
			}
			_ = conn.Close()
		}
	}()
	return at
}

func resolved(q []byte, code dnsmessage.RCode) []byte {
	var m dnsmessage.Message
	if m.Unpack(q) != nil {
		return nil
	}
	m.Response, m.RCode = true, code
	if code == dnsmessage.RCodeSuccess && m.Questions[0].Type == dnsmessage.TypeAAAA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET},
			Body:   &dnsmessage.AAAAResource{AAAA: [16]byte{15: 1}},
		}}
	} else if code == dnsmessage.RCodeSuccess {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	a, _ := m.Pack()
	return a
}

func free(string, string, syscall.RawConn) error { return nil }

// tried proves a line of this machine's loopback, by servers of the test, and returns the steps as text.
func tried(t *testing.T, fetch string, servers ...netip.AddrPort) (Proof, string) {
	t.Helper()
	var all strings.Builder
	p := Prove(t.Context(), Task{
		Line: Line{Name: "lte", Control: free, DNS: servers, MTU: 1500}, Fetch: fetch, Name: "example.org",
	}, func(s router.DrillStep) {
		all.WriteString(s.What + map[bool]string{true: " ok: ", false: " fails: "}[s.OK] + s.Detail + "\n")
	})
	return p, all.String()
}

func wantSteps(t *testing.T, got string, phrases ...string) {
	t.Helper()
	for _, p := range phrases {
		if !strings.Contains(got, p) {
			t.Errorf("no step says %q:\n%s", p, got)
		}
	}
}

func megabyte(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1e6)) }

// site is an HTTPS server of the test; its name resolves to it by any server of the test.
func site(t *testing.T, page http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewTLSServer(page)
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return "https://example.com:" + port + "/1MB"
}

func TestProveAGoodLine(t *testing.T) {
	p, steps := tried(t, site(t, megabyte), nameServer(t, 0, false))
	if p.Broken != "" || p.Bytes != 1e6 || p.Rate() <= 0 {
		t.Errorf("%+v", p)
	}
	wantSteps(t, steps, "ping fails: no address to ping is known", "dns ok: 127.0.0.1 in ", ", over TCP too", "tls ok: example.com in ", "fetch ok: 1.0 MB in ")
}

func TestProveByHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(megabyte))
	t.Cleanup(s.Close)
	p, steps := tried(t, s.URL, nameServer(t, 0, true))
	if p.Broken != "" || p.Bytes != 1e6 || strings.Contains(steps, "tls") {
		t.Errorf("%+v\n%s", p, steps)
	}
	wantSteps(t, steps, "; not over TCP (connection refused)")
}

func TestOneGoodNameServerIsEnough(t *testing.T) {
	p, steps := tried(t, site(t, megabyte), nameServer(t, dnsmessage.RCodeRefused, false), nameServer(t, 0, false))
	if p.Broken != "" {
		t.Errorf("%+v", p)
	}
	wantSteps(t, steps, "dns fails: 127.0.0.1: it refuses to answer", "dns ok:")
}

func TestProveBadLines(t *testing.T) {
	good, bad := nameServer(t, 0, false), nameServer(t, dnsmessage.RCodeServerFailure, false)
	for name, c := range map[string]struct {
		page   http.HandlerFunc
		server netip.AddrPort
		broken string
	}{
		"no names":   {megabyte, bad, "its name server 127.0.0.1: it cannot look the name up"},
		"short":      {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>log in")) }, good, "fetching from example.com: only 0 kB came, and no more: not what was asked for"},
		"not there":  {http.NotFound, good, "fetching from example.com: status 404"},
		"in circles": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, good, "fetching from example.com: it is redirected again and again"},
		"breaks off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(make([]byte, 300_000))
			panic(http.ErrAbortHandler)
		}, good, "fetching from example.com: it broke off after "},
	} {
		p, steps := tried(t, site(t, c.page), c.server)
		if !strings.HasPrefix(p.Broken, c.broken) {
			t.Errorf("%s: %q, want %q\n%s", name, p.Broken, c.broken, steps)
		}
	}
}

func TestACertificateThatIsNotTrusted(t *testing.T) {
	fetch := strings.Replace(site(t, megabyte), "example.com", "bank.example", 1)
	p, steps := tried(t, fetch, nameServer(t, 0, false))
	if !strings.HasPrefix(p.Broken, "no TLS connection to bank.example: the certificate is not trusted: x509: certificate is valid for") {
		t.Errorf("%q\n%s", p.Broken, steps)
	}
}

func TestANameThatOnlyTheOtherLineKnows(t *testing.T) {
	var steps []string
	p := Prove(t.Context(), Task{
		Line: Line{Control: free, DNS: []netip.AddrPort{nameServer(t, dnsmessage.RCodeNameError, false)}}, Name: "example.org",
		Other: Line{Control: free, DNS: []netip.AddrPort{nameServer(t, 0, false)}}, Fetch: site(t, megabyte),
	}, func(s router.DrillStep) { steps = append(steps, s.What) })
	if p.Broken != "its name server 127.0.0.1: it knows no such name" || p.Bytes != 1e6 {
		t.Errorf("%+v: what comes after names was not tried: %q", p, steps)
	}
}

func TestAFetchThatStalls(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until nothing has come for a while")
	}
	page := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write(make([]byte, 100_000))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	began := time.Now()
	p, _ := tried(t, site(t, page), nameServer(t, 0, false))
	if p.Broken != "fetching from example.com: it stalled after 100 kB of 1.0 MB" {
		t.Errorf("%q", p.Broken)
	}
	if took := time.Since(began); took < stall || took > 2*stall {
		t.Errorf("that took %s", took)
	}
}

func TestALineOnWhichNothingAnswers(t *testing.T) {
	closed, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(closed.LocalAddr().String())
	_ = closed.Close()
	if p, steps := tried(t, "https://example.com/", at); p.Broken != "nothing answers on it: no ping, no name server, not example.com" {
		t.Errorf("%q\n%s", p.Broken, steps)
	}
	if p, steps := tried(t, "https://example.com/"); p.Broken != "nothing answers on it: no ping, no name server, not example.com" {
		t.Errorf("without a server: %q\n%s", p.Broken, steps)
	}
}

func TestAStoppedProof(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	steps := 0
	Prove(ctx, Task{Line: Line{Control: free, DNS: []netip.AddrPort{nameServer(t, 0, false)}}, Fetch: site(t, megabyte), Name: "a.example"},
		func(router.DrillStep) { steps++ })
	if steps > 0 {
		t.Errorf("%d steps after the end", steps)
	}
}

// TestTheLimitsAddUp keeps a rehearsal within its minute.
func TestTheLimitsAddUp(t *testing.T) {
	if sum := pingLimit + dnsLimit + tlsLimit + fetchLimit + mtuLimit + briefLimit; sum > limit {
		t.Errorf("the steps may take %s, a proof %s", sum, limit)
	}
}
