package channel

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// mailer hands a message to a mail server (RFC 6409), over TLS whenever the server has it.
type mailer struct {
	host, port     string
	implicit       bool // TLS from the first byte (RFC 8314, §3.3)
	user, password string
	from           string
	to             []string
}

func readSMTP(u *url.URL) (service, error) {
	s := mailer{host: u.Hostname(), port: u.Port(), user: u.User.Username(), implicit: u.Scheme == "smtps"}
	s.password, _ = u.User.Password()
	if s.port == "" {
		s.port = map[bool]string{false: "587", true: "465"}[s.implicit]
	}
	s.implicit = s.implicit || s.port == "465"
	s.to = list(u, "to", "toaddresses", "toAddresses")
	if len(s.to) == 0 {
		return nil, errors.New("names nobody to write to\nhint: smtp://USER:PASSWORD@HOST:587/?from=ADDRESS&to=ADDRESS")
	}
	for _, name := range [...]string{"from", "fromaddress", "fromAddress"} {
		if s.from == "" {
			s.from = u.Query().Get(name)
		}
	}
	if s.from == "" {
		s.from = s.to[0]
	}
	for _, a := range append([]string{s.from}, s.to...) {
		if parsed, err := mail.ParseAddress(a); err != nil || parsed.Address != a {
			return nil, errors.New("from or to is not a mail address\nhint: smtp://USER:PASSWORD@HOST:587/?from=ADDRESS&to=ADDRESS")
		}
	}
	return s, nil
}

func (s mailer) send(ctx context.Context, c *Channel, m Message) error {
	conn, err := c.dial(ctx, "tcp", net.JoinHostPort(s.host, s.port))
	if err != nil {
		return err
	}
	defer conn.Close()
	if until, limited := ctx.Deadline(); limited {
		if err := conn.SetDeadline(until); err != nil {
			return err
		}
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if s.implicit {
		conn = tls.Client(conn, s.encryption(c))
	}
	return c.polite(s.deliver(conn, c, m))
}

func (s mailer) encryption(c *Channel) *tls.Config {
	config := new(tls.Config)
	if c.tls != nil {
		config = c.tls.Clone()
	}
	config.ServerName = s.host
	return config
}

func (s mailer) deliver(conn net.Conn, c *Channel, m Message) error {
	client, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := s.login(client, c); err != nil {
		return err
	}
	if err := client.Mail(s.from); err != nil {
		return err
	}
	for _, to := range s.to {
		if err := client.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(s.text(m, time.Now())); err != nil {
		return err
	}
	if err := w.Close(); err != nil { // the server's word that it has taken it
		return err
	}
	_ = client.Quit() // a server that hangs up first has the message all the same
	return nil
}

// login encrypts and says who we are. A password never goes out in the clear.
func (s mailer) login(client *smtp.Client, c *Channel) error {
	if ok, _ := client.Extension("STARTTLS"); ok && !s.implicit {
		if err := client.StartTLS(s.encryption(c)); err != nil {
			return fmt.Errorf("start TLS: %w", err)
		}
	}
	if s.user == "" {
		return nil
	}
	if _, encrypted := client.TLSConnectionState(); !encrypted {
		return errors.New("the server offers no TLS, and the password is not sent in the clear")
	}
	if err := client.Auth(smtp.PlainAuth("", s.user, s.password, s.host)); err != nil {
		return fmt.Errorf("log in: %w", c.polite(err))
	}
	return nil
}

// text is the mail (RFC 5322). The body is base64, so that no line of it can be taken for anything else.
func (s mailer) text(m Message, now time.Time) []byte {
	title := m.Title
	if title == "" {
		title = "Twinpath"
	}
	var b bytes.Buffer
	for _, header := range [][2]string{
		{"From", "Twinpath <" + s.from + ">"},
		{"To", strings.Join(s.to, ", ")},
		{"Subject", mime.QEncoding.Encode("utf-8", title)},
		{"Date", now.Format(time.RFC1123Z)},
		{"Message-ID", "<" + rand.Text() + s.from[strings.LastIndex(s.from, "@"):] + ">"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: answered by no holiday note
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "base64"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", header[0], header[1])
	}
	b.WriteString("\r\n")
	for rest := base64.StdEncoding.EncodeToString([]byte(m.Text)); rest != ""; {
		n := min(len(rest), 76) // RFC 2045, §6.8
		b.WriteString(rest[:n] + "\r\n")
		rest = rest[n:]
	}
	return b.Bytes()
}

// polite makes a server's own words fit to be shown.
func (c *Channel) polite(err error) error {
	var said *textproto.Error
	if errors.As(err, &said) {
		return fmt.Errorf("it answers %d: %s", said.Code, clean(c.scrub(said.Msg)))
	}
	return err
}
