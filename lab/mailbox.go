package lab

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// MailHost is a host of the Internet that takes mail at port 2525, with STARTTLS.
const MailHost = "mail.example"

// Mailbox is where MailHost (aiosmtpd) puts the mail.
type Mailbox struct {
	house *House
	dir   string
}

// Mail is one that was taken.
type Mail struct {
	Line    string // the provider whose customer brought it
	Subject string
	Header  mail.Header
	Body    string
}

// OpenMailbox starts the mail server.
func (h *House) OpenMailbox(ctx context.Context) (*Mailbox, error) {
	m := &Mailbox{h, filepath.Join(h.dir, "mail")}
	cert, key := m.dir+".pem", m.dir+".key"
	if err := h.authority.write(cert, key, MailHost, EchoAddress); err != nil {
		return nil, err
	}
	p, err := start(h.internet.space, m.dir+".log", "aiosmtpd", "--nosetuid", "--debug", "--smtputf8", "--tlscert", cert, "--tlskey", key,
		"--listen", EchoAddress+":2525", "--class", "aiosmtpd.handlers.Mailbox", m.dir)
	if err != nil {
		return nil, err
	}
	h.onClose(p.kill)
	return m, p.awaitLog(ctx, "Server is listening")
}

// Await waits until there are so many mails, and returns them by their arrival.
func (m *Mailbox) Await(ctx context.Context, count int) ([]Mail, error) {
	for {
		all, err := m.Mails()
		if err != nil || len(all) >= count {
			return all, err
		}
		select {
		case <-time.After(10 * look):
		case <-ctx.Done():
			return all, fmt.Errorf("%d of %d mails: %w", len(all), count, ctx.Err())
		}
	}
}

// Mails are those that were taken.
func (m *Mailbox) Mails() ([]Mail, error) {
	names, err := filepath.Glob(filepath.Join(m.dir, "new", "*"))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, func(a, b string) int { return arrived(a).Compare(arrived(b)) })
	var all []Mail
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		one, err := m.read(file)
		_ = file.Close()
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func arrived(name string) time.Time {
	var at unix.Stat_t
	if unix.Stat(name, &at) != nil {
		return time.Time{}
	}
	return time.Unix(at.Mtim.Unix())
}

// read takes a mail apart. Whom it came from is in a header of the server.
func (m *Mailbox) read(file *os.File) (Mail, error) {
	letter, err := mail.ReadMessage(file)
	if err != nil {
		return Mail{}, err
	}
	body, err := decodedBody(letter)
	if err != nil {
		return Mail{}, err
	}
	subject, err := decodedWords(letter.Header.Get("Subject"))
	if err != nil {
		return Mail{}, err
	}
	line := ""
	for _, l := range m.house.Lines { // "('198.51.100.123', 41234)"
		if strings.Contains(letter.Header.Get("X-Peer"), "'"+prefixOf(l)) {
			line = l.Name
		}
	}
	return Mail{line, subject, letter.Header, body}, nil
}

// prefixOf is how the addresses of a line's customers begin.
func prefixOf(l *Line) string {
	text := l.Gateway().String()
	return text[:strings.LastIndex(text, ".")+1]
}

// write puts a host's certificate and its key into files.
func (a *authority) write(cert, key string, hosts ...string) error {
	made, err := a.certificate(hosts...)
	if err != nil {
		return err
	}
	text, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		return err
	}
	var chain []byte
	for _, der := range made.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	if err := os.WriteFile(cert, chain, 0o644); err != nil {
		return err
	}
	return os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600)
}
