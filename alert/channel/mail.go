package channel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"
)

// mailer hands a message to a mail server (RFC 6409).
type mailer struct {
	host           string
	port           int
	implicit       bool // TLS from the first byte (RFC 8314, §3.3)
	clear          bool // never TLS: in the house, where the owner says so
	user, password string
	from           string
	to             []string
}

func readSMTP(u *url.URL) (service, error) {
	const hint = "\nhint: smtp://USER:PASSWORD@HOST:587/?from=ADDRESS&to=ADDRESS"
	s := mailer{host: u.Hostname(), user: u.User.Username(), implicit: u.Scheme == "smtps", clear: u.Query().Get("tls") == "off"}
	s.password, _ = u.User.Password()
	if s.port, _ = strconv.Atoi(u.Port()); u.Port() == "" {
		s.port = map[bool]int{false: 587, true: 465}[s.implicit]
	}
	s.implicit = s.implicit || s.port == 465
	s.to = list(u, "to", "toaddresses", "toAddresses")
	if len(s.to) == 0 {
		return nil, errors.New("names nobody to write to" + hint)
	}
	s.from = s.to[0]
	if from := list(u, "from", "fromaddress", "fromAddress"); len(from) > 0 {
		s.from = from[0]
	}
	for _, a := range append([]string{s.from}, s.to...) {
		if parsed, err := mail.ParseAddress(a); err != nil || parsed.Address != a {
			return nil, errors.New("from or to is not a mail address" + hint)
		}
	}
	switch {
	case s.clear && s.implicit:
		return nil, errors.New("cannot be without TLS on this port\nhint: leave tls=off out, or use smtp:// with port 25 or 587")
	case s.clear && !atHome(s.host):
		return nil, errors.New("must not be without TLS: the server is not in the house\nhint: leave tls=off out")
	}
	return s, nil
}

// send opens the connection itself: the library leaves it open where a server does not answer as it should.
func (s mailer) send(ctx context.Context, e *errand, m Message) error {
	letter, err := s.letter(m)
	if err != nil {
		return err
	}
	conn, err := e.dial(ctx, "tcp", net.JoinHostPort(s.host, strconv.Itoa(s.port)))
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	client, err := s.client(conn, e)
	if err != nil {
		return err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return e.polite(err)
	}
	if err := client.Send(letter); err != nil && !letter.IsDelivered() {
		return e.polite(err)
	}
	_ = client.Close() // a server that hangs up first has the message all the same
	return nil
}

func (s mailer) client(conn net.Conn, e *errand) (*gomail.Client, error) {
	encryption := e.encryption(s.host)
	options := []gomail.Option{
		gomail.WithPort(s.port), gomail.WithTimeout(e.limit), gomail.WithTLSConfig(encryption), gomail.WithHELO("localhost"), // no name of the house
		gomail.WithTLSPolicy(s.policy()), gomail.WithoutNoop(),
		gomail.WithDialContextFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
			if s.implicit {
				encrypted := tls.Client(conn, encryption)
				return encrypted, encrypted.HandshakeContext(ctx)
			}
			return conn, nil
		}),
	}
	if s.implicit {
		options = append(options, gomail.WithSSL())
	}
	if !strings.ContainsFunc(s.from+strings.Join(s.to, ""), func(r rune) bool { return r > unicode.MaxASCII }) {
		options = append(options, gomail.WithoutSMTPUTF8()) // else a server further on that does not know it (RFC 6531) sends the mail back
	}
	if s.user != "" {
		options = append(options, gomail.WithUsername(s.user), gomail.WithPassword(s.password), s.login())
	}
	return gomail.NewClient(s.host, options...)
}

// policy has TLS whenever a password goes out, and else whenever the server has it.
func (s mailer) policy() gomail.TLSPolicy {
	switch {
	case s.clear:
		return gomail.NoTLS
	case s.user != "":
		return gomail.TLSMandatory
	}
	return gomail.TLSOpportunistic
}

func (s mailer) login() gomail.Option {
	if s.clear {
		return gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthCramMD5, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc)
	}
	return gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthCramMD5)
}

// letter is the mail (RFC 5322). All mails of an incident answer one that never was, so that mail programs show them as one thread,
// whichever of them arrives.
func (s mailer) letter(m Message) (*gomail.Msg, error) {
	title, domain := m.Title, s.from[strings.LastIndex(s.from, "@"):]
	if title == "" {
		title = "Twinpath"
	}
	letter := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))
	if err := errors.Join(letter.FromFormat("Twinpath", s.from), letter.To(s.to...)); err != nil {
		return nil, err
	}
	letter.Subject(title)
	letter.SetDateWithValue(time.Now())
	letter.SetMessageIDWithValue(m.key() + domain)
	letter.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: answered by no holiday note
	if m.ID != "" {
		root := "<" + Message{ID: m.ID}.key() + domain + ">" // an ID may be of any letters
		letter.SetGenHeader(gomail.HeaderInReplyTo, root)
		letter.SetGenHeader(gomail.HeaderReferences, root)
	}
	if m.Priority >= High {
		letter.SetImportance(gomail.ImportanceHigh)
	}
	letter.SetBodyString(gomail.TypeTextPlain, m.Text)
	return letter, nil
}

// polite makes of what went wrong a line that an owner can do something with.
func (c *Channel) polite(err error) error {
	var said *textproto.Error
	var network net.Error
	switch text := err.Error(); {
	case strings.HasPrefix(text, "STARTTLS mode set to"):
		return errors.New("the server offers no TLS, and the password is not sent in the clear\nhint: a server in the house may go without: add tls=off to the URL")
	case strings.HasPrefix(text, "server does not support SMTP AUTH"):
		return errors.New("the server takes no password\nhint: leave user and password out of the URL")
	case errors.As(err, &said):
		step := ""
		if strings.HasPrefix(text, "SMTP AUTH failed") {
			step = "log in: "
		}
		return &failure{text: fmt.Sprintf("%sit answers %d: %s", step, said.Code, clean(c.scrub(said.Msg))), final: said.Code/100 == 5}
	case errors.As(err, &network):
		return err
	default:
		var sent *gomail.SendError
		if errors.As(err, &sent) && sent.ErrorCode() > 0 {
			text, _, _ = strings.Cut(text, ", affected ") // recipients and a number of ours
			_, words, _ := strings.Cut(text, fmt.Sprintf("%d ", sent.ErrorCode()))
			text = fmt.Sprintf("it answers %d: %s", sent.ErrorCode(), strings.Trim(words, `"`))
		}
		return &failure{text: clean(c.scrub(text)), final: sent.ErrorCode()/100 == 5}
	}
}
