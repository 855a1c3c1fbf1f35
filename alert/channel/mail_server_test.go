package channel

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// office is Debian's aiosmtpd.
type office struct {
	t     *testing.T
	mails *bufio.Scanner
	roots *x509.CertPool
}

// taken is a mail as the server got it.
type taken struct {
	From, Text, User string
	To               []string
	Encrypted        bool
	UTF8             bool // RFC 6531 was asked for
}

func newOffice(t *testing.T) *office {
	t.Helper()
	certified := httptest.NewUnstartedServer(nil) // its certificate is good for example.com
	certified.StartTLS()
	certified.Close()
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	at := t.TempDir()
	pair := certified.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"/cert": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, "/key": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(at+name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/usr/bin/python3", "testdata/post_office.py", at+"/cert", at+"/key", secret)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	o := &office{t: t, mails: bufio.NewScanner(out), roots: roots}
	if !o.mails.Scan() {
		t.Fatal("the mail server does not start")
	}
	return o
}

// parse returns a channel that trusts the office, and a way to it, whatever the host.
func (o *office) parse(address string) (*Channel, Way) {
	o.t.Helper()
	c, err := Parse(address)
	if err != nil {
		o.t.Fatal(err)
	}
	c.tls = &tls.Config{RootCAs: o.roots}
	c.direct = func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(address)
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}
	return c, Way{Name: "fibre", Dial: c.direct}
}

// send returns the mail that a message became.
func (o *office) send(address string, m Message) (taken, *mail.Message) {
	o.t.Helper()
	c, way := o.parse(address)
	if err := c.Send(o.t.Context(), way, m); err != nil {
		o.t.Fatalf("%s: %v", address, err)
	}
	o.mails.Scan()
	var got taken
	if err := json.Unmarshal(o.mails.Bytes(), &got); err != nil {
		o.t.Fatal(err)
	}
	letter, err := mail.ReadMessage(strings.NewReader(got.Text))
	if err != nil {
		o.t.Fatalf("%v: %s", err, got.Text)
	}
	return got, letter
}

const password = "me%40example.com:" + secret

func TestARealMailServer(t *testing.T) {
	o := newOffice(t)
	begun := Message{Title: "Störung: fibre is down", Text: "Seit 20:15 Uhr – die Leitung schweigt.\n.\nfrom here on", Priority: Urgent, ID: "42/fibre", Fields: map[string]string{"id": "a"}}
	over := Message{Title: "fibre is back", Text: "after 4 min", ID: "42/fibre", Resolved: true, Fields: map[string]string{"id": "b"}}
	for address, want := range map[string]taken{
		"smtp://" + password + "@example.com:2587/?from=router@example.com&to=a@b.example,c@d.example":         {Encrypted: true, User: "me@example.com"},
		"smtps://" + password + "@example.com:2465/?from=router@example.com&to=a@b.example,c@d.example":        {Encrypted: true, User: "me@example.com"},
		"smtp://" + password + "@192.168.1.9:2525/?tls=off&from=router@example.com&to=a@b.example,c@d.example": {User: "me@example.com"},
		"smtp://nas:2525/?from=router@example.com&to=a@b.example,c@d.example":                                  {},
	} {
		got, letter := o.send(address, begun)
		if got.UTF8 || got.Encrypted != want.Encrypted || got.User != want.User || got.From != "router@example.com" || !slices.Equal(got.To, []string{"a@b.example", "c@d.example"}) {
			t.Errorf("%s: %+v", address, got)
		}
		subject, _ := new(mime.WordDecoder).DecodeHeader(letter.Header.Get("Subject"))
		text, err := io.ReadAll(quotedprintable.NewReader(letter.Body))
		if subject != begun.Title || err != nil || strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n") != begun.Text {
			t.Errorf("%q: %q, %v", subject, text, err)
		}
		if at, err := letter.Header.Date(); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("dated %s, %v", at, err)
		}
		if letter.Header.Get("Auto-Submitted") != "auto-generated" || letter.Header.Get("Importance") != "high" || letter.Header.Get("User-Agent") != "" {
			t.Errorf("%v", letter.Header)
		}
		_, again := o.send(address, begun)
		_, last := o.send(address, over)
		thread := letter.Header.Get("References")
		if thread == "" || thread != last.Header.Get("References") || thread != last.Header.Get("In-Reply-To") {
			t.Errorf("not one thread: %v and %v", letter.Header, last.Header)
		}
		if id := letter.Header.Get("Message-Id"); id == "" || id != again.Header.Get("Message-Id") || id == last.Header.Get("Message-Id") || id == thread {
			t.Errorf("%s, again %s, over %s", id, again.Header.Get("Message-Id"), last.Header.Get("Message-Id"))
		}
	}
}

func TestARealMailServerRefuses(t *testing.T) {
	o := newOffice(t)
	for address, c := range map[string]struct {
		want  string
		final bool
	}{
		"smtp://me:wrong-" + secret + "@example.com:2587/?to=a@b.example": {"log in: it answers 535: 5.7.8 Authentication credentials invalid", true},
		"smtp://" + password + "@example.com:2587/?to=nobody@b.example":   {"it answers 550: 5.1.1 there is no nobody@b.example", true},
		"smtp://example.com:2587/?to=a@b.example":                         {"it answers 530: 5.7.0 Authentication required", true},
		"smtp://" + password + "@192.168.1.9:2525/?to=a@b.example":        {"the server offers no TLS, and the password is not sent in the clear\nhint: a server in the house may go without: add tls=off to the URL", false},
		"smtp://" + password + "@other.test:2587/?to=a@b.example":         {"tls: failed to verify certificate: x509: certificate is valid for example.com", false},
		"smtp://" + password + "@example.com:2586/?to=a@b.example":        {"dial tcp 127.0.0.1:2586: connect: connection refused", false},
	} {
		ch, way := o.parse(address)
		err := ch.Send(t.Context(), way, outage)
		if err == nil || !strings.Contains(err.Error(), c.want) || shows(err.Error()) {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if final := err.(interface{ Permanent() bool }).Permanent(); final != c.final {
			t.Errorf("%v: permanent is %t", err, final)
		}
	}
}

func TestMailLeavesNothingOpen(t *testing.T) {
	o := newOffice(t)
	good, way := o.parse("smtp://" + password + "@example.com:2587/?to=a@b.example")
	bad, _ := o.parse("smtp://me:wrong@example.com:2587/?to=a@b.example")
	before, files := runtime.NumGoroutine(), open(t)
	for range 10 {
		if err := good.Send(t.Context(), way, outage); err != nil {
			t.Fatal(err)
		}
		if err := bad.Send(t.Context(), way, outage); err == nil {
			t.Error("a wrong password is taken")
		}
	}
	settle(t, before, files)
}
