package channel

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"testing"
)

// postOffice is a mail server for one connection (RFC 5321).
type postOffice struct {
	tls     *tls.Config // nil: it has none
	reply   string      // to AUTH, instead of 235
	said    []string    // by the client
	letter  string
	secured bool // TLS was on when the password came
}

func (o *postOffice) serve(conn net.Conn) {
	lines := bufio.NewReader(conn)
	answer := func(format string, args ...any) { fmt.Fprintf(conn, format+"\r\n", args...) }
	answer("220 post.example")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		o.said = append(o.said, line)
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "EHLO":
			if _, on := conn.(*tls.Conn); o.tls != nil && !on {
				answer("250-post.example\r\n250 STARTTLS")
			} else {
				answer("250-post.example\r\n250 AUTH PLAIN")
			}
		case "STARTTLS":
			answer("220 go on")
			conn = tls.Server(conn, o.tls)
			lines = bufio.NewReader(conn)
		case "AUTH":
			_, o.secured = conn.(*tls.Conn)
			if o.reply != "" {
				answer("%s", o.reply)
				continue
			}
			answer("235 welcome")
		case "DATA":
			answer("354 go on")
			for line := ""; line != ".\r\n"; {
				o.letter += strings.TrimPrefix(line, ".") // RFC 5321, §4.5.2
				if line, err = lines.ReadString('\n'); err != nil {
					return
				}
			}
			answer("250 taken")
		case "QUIT":
			answer("221 bye")
			return
		default:
			answer("250 yes")
		}
	}
}

// write has a channel send to a post office and returns once both have hung up.
func write(t *testing.T, o *postOffice, address string, m Message) error {
	t.Helper()
	c, err := Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil) // for its certificate, which is good for example.com
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c.tls = &tls.Config{RootCAs: roots}
	if o.tls != nil {
		o.tls = server.TLS
	}
	closed := make(chan struct{})
	c.direct = func(_ context.Context, _, to string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer close(closed)
			defer theirs.Close() // the pipe's own end: TLS would wait for somebody to read its good-bye
			conn := theirs
			if strings.HasSuffix(to, ":465") {
				conn = tls.Server(theirs, server.TLS)
			}
			o.serve(conn)
		}()
		return ours, nil
	}
	err = c.Send(t.Context(), Way{Dial: c.direct}, m)
	<-closed
	return err
}

func TestMail(t *testing.T) {
	m := Message{Title: "Störung:\r\nBcc: all@example.com fibre", Text: strings.Repeat("Línea caída.\n.\n", 20)}
	for _, address := range []string{
		"smtp://me:" + secret + "@example.com/?from=router@example.com&to=a@b.example,c@d.example",
		"smtps://me:" + secret + "@example.com/?from=router@example.com&to=a@b.example,c@d.example",
		"smtp://me:" + secret + "@example.com:465/?fromAddress=router@example.com&toAddresses=a@b.example,c@d.example",
	} {
		o := &postOffice{tls: new(tls.Config)}
		if err := write(t, o, address, m); err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		letter, err := mail.ReadMessage(strings.NewReader(o.letter))
		if err != nil {
			t.Fatal(err)
		}
		subject, _ := new(mime.WordDecoder).DecodeHeader(letter.Header.Get("Subject"))
		text, err := io.ReadAll(quotedprintable.NewReader(letter.Body))
		if subject != "Störung: Bcc: all@example.com fibre" || letter.Header.Get("Bcc") != "" || err != nil || strings.ReplaceAll(string(text), "\r\n", "\n") != m.Text {
			t.Errorf("subject %q, Bcc %q, text %q, %v", subject, letter.Header.Get("Bcc"), text, err)
		}
		if _, err := letter.Header.Date(); err != nil {
			t.Error(err)
		}
		for _, want := range []string{"MAIL FROM:<router@example.com>", "RCPT TO:<a@b.example>", "RCPT TO:<c@d.example>"} {
			if !slices.ContainsFunc(o.said, func(line string) bool { return strings.HasPrefix(line, want) }) {
				t.Errorf("%s: not said: %s", address, want)
			}
		}
		if !o.secured {
			t.Errorf("%s: the password came in the clear", address)
		}
	}
}

func TestMailInTheHouse(t *testing.T) { // a relay without TLS and password
	o := new(postOffice)
	if err := write(t, o, "smtp://192.168.1.9:25/?to=a@b.example", Message{Title: "test"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(o.letter, "From: \"Twinpath\" <a@b.example>\r\n") {
		t.Errorf("%s", o.letter)
	}
}

func TestMailThatIsNotSent(t *testing.T) {
	refused := &postOffice{tls: new(tls.Config), reply: "535 5.7.8 wrong: " + secret + "\x07"}
	for name, c := range map[string]struct {
		office  *postOffice
		address string
		want    string
	}{
		"no TLS":            {new(postOffice), "smtp://me:" + secret + "@example.com/?to=a@b.example", "the server offers no TLS, and the password is not sent in the clear"},
		"wrong password":    {refused, "smtp://me:" + secret + "@example.com/?to=a@b.example", "log in: it answers 535: 5.7.8 wrong: …"},
		"wrong certificate": {&postOffice{tls: new(tls.Config)}, "smtp://me:" + secret + "@other.test/?to=a@b.example", "tls: failed to verify certificate: x509: certificate is valid for example.com"},
	} {
		err := write(t, c.office, c.address, Message{Title: "test"})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
		if c.office.letter != "" || name != "wrong password" && slices.ContainsFunc(c.office.said, func(l string) bool { return strings.HasPrefix(l, "AUTH") }) {
			t.Errorf("%s: %q", name, c.office.said)
		}
	}
}

func TestMailServerThatIsNotThere(t *testing.T) {
	c, err := Parse("smtp://me:" + secret + "@mail.example/?to=a@b.example")
	if err != nil {
		t.Fatal(err)
	}
	way := Way{Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("dial tcp 192.0.2.1:587: connect: connection refused")
	}}
	if err := c.Send(t.Context(), way, outage); err == nil || err.Error() != "send to smtp://mail.example/…: dial tcp 192.0.2.1:587: connect: connection refused" {
		t.Error(err)
	}
}
