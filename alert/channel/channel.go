// Package channel sends messages to the people of the house.
//
// A channel is a URL that names a service and what the service wants to know. Such URLs hold tokens and passwords: no
// error, log line or page shows more of one than Channel.String does.
package channel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// limit is how long a service may take for one message (chosen here: an owner waits for a test message).
const limit = 10 * time.Second

// Priority is how loud a message is.
type Priority uint8

const (
	NoPriority Priority = iota // the service's own default
	Low
	Normal
	High
	Urgent
)

func (p Priority) String() string {
	return [...]string{"none", "low", "normal", "high", "urgent"}[min(p, Urgent)]
}

// Message is what a person gets to read. Title is one line; Text may be several.
type Message struct {
	Title    string
	Text     string
	Priority Priority
}

// whole is the message for services that know no titles.
func (m Message) whole() string {
	if m.Title == "" || m.Text == "" {
		return m.Title + m.Text
	}
	return m.Title + "\n" + m.Text
}

// Channel is a way to reach people. Make it with Parse.
type Channel struct {
	shown   string
	secrets []string // that a service may repeat in its answers
	service service
	client  *http.Client
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tls     *tls.Config // for mail; nil: the system's
}

// service knows how one kind of service wants a message.
type service interface {
	send(ctx context.Context, c *Channel, m Message) error
}

// reader takes a URL apart. Its errors must not quote it.
type reader func(u *url.URL) (service, error)

func readers() map[string]reader {
	return map[string]reader{
		"ntfy": readNtfy, "telegram": readTelegram, "pushover": readPushover, "discord": readDiscord, "slack": readSlack,
		"gotify": readGotify, "matrix": readMatrix, "smtp": readSMTP, "smtps": readSMTP, "mqtt": readMQTT, "mqtts": readMQTT,
		"http": readWebhook, "https": readWebhook,
	}
}

// Schemes returns the services that Parse knows, as a URL's scheme names them, in alphabetical order.
func Schemes() []string {
	var all []string
	for scheme := range readers() {
		all = append(all, scheme)
	}
	slices.Sort(all)
	return all
}

// Parse returns the channel that a URL stands for. Its errors, which may have a second line with a hint, quote no part of the URL
// but a known scheme. The forms are (where shoutrrr has one, its own is taken too):
//
//	ntfy://ntfy.sh/TOPIC, ntfy://USER:PASSWORD@HOST/TOPIC, ntfy://:TOKEN@HOST/TOPIC
//	telegram://TOKEN@telegram?chats=ID,ID
//	pushover://TOKEN@USER
//	discord://TOKEN@WEBHOOK-ID
//	slack://T…/B…/X… (the end of the webhook's address)
//	gotify://HOST/TOKEN
//	matrix://:TOKEN@HOST/?rooms=!ID:HOST,#ALIAS:HOST (with # as %23)
//	smtp://USER:PASSWORD@HOST:587/?from=ADDRESS&to=ADDRESS,ADDRESS
//	https://HOST/PATH (a webhook: it gets JSON with title, text and priority)
//
// A service in the house without TLS is ntfy, gotify or matrix with ?scheme=http, or http:// for a webhook.
func Parse(text string) (*Channel, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return nil, errors.New("not a URL\nhint: for example ntfy://ntfy.sh/a-topic-that-nobody-guesses")
	}
	read := readers()[u.Scheme]
	if read == nil {
		return nil, errors.New("no known service\nhint: known are " + strings.Join(Schemes(), ", "))
	}
	s, err := read(u)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Scheme, err)
	}
	return &Channel{shown: shown(u), secrets: secrets(u), service: s, client: client(), dial: new(net.Dialer).DialContext}, nil
}

// client follows no redirects: what a message says is for the host that the owner named, and none of the services
// redirects what is posted to it. It uses no proxy: the environment of a daemon is not where one would look for it.
func client() *http.Client {
	return &http.Client{
		Timeout:       limit,
		Transport:     &http.Transport{DisableKeepAlives: true, TLSHandshakeTimeout: limit, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// shown is what may be seen of a channel: the service, and the host where the owner chose one.
func shown(u *url.URL) string {
	switch u.Scheme {
	case "ntfy", "gotify", "matrix", "smtp", "smtps", "mqtt", "mqtts", "http", "https":
		return u.Scheme + "://" + u.Host + "/…"
	}
	return u.Scheme + "://…" // the host is a part of what opens it
}

// secrets are the parts of a URL that must not come back in an answer. Short ones would blot out words.
func secrets(u *url.URL) []string {
	password, _ := u.User.Password()
	parts := append(strings.Split(u.Path, "/"), password)
	switch u.Scheme {
	case "telegram":
		parts = append(parts, u.User.Username())
	case "discord", "pushover":
		parts = append(parts, u.User.Username(), u.Host)
	case "slack":
		parts = append(parts, strings.Split(password, "-")...) // as shoutrrr writes it
		if password == "" {
			parts = append(parts, u.Host)
		}
	case "http", "https":
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
	}
	const short = 6
	parts = slices.DeleteFunc(parts, func(s string) bool { return len(s) < short || s == "shoutrrr" })
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	return parts
}

// String returns the channel without its secrets: "ntfy://ntfy.sh/…".
func (c *Channel) String() string { return c.shown }

// Send hands a message over. It returns nil when the service says that it has taken it, within ten seconds; else what went wrong, with
// the service's own words where it has any. No error holds a secret of the channel.
func (c *Channel) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	m.Title = strings.Join(strings.Fields(m.Title), " ") // one line: it may become a header
	if err := c.service.send(ctx, c, m); err != nil {
		return fmt.Errorf("send to %s: %s", c.shown, c.scrub(reason(ctx, err)))
	}
	return nil
}

// reason is an error in words for the owner. Those of net/http begin with the whole URL.
func reason(ctx context.Context, err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var late net.Error
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout() {
		return fmt.Sprintf("no answer within %s", limit)
	}
	return err.Error()
}

// scrub takes out secrets that came back, as they are or as URLs have them.
func (c *Channel) scrub(text string) string {
	for _, s := range c.secrets {
		for _, form := range [...]string{s, url.QueryEscape(s), url.PathEscape(s)} {
			text = strings.ReplaceAll(text, form, "…")
		}
	}
	return text
}
