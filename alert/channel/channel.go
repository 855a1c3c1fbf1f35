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
	"net/url"
	"slices"
	"strings"
	"time"
)

// Limits for one message, chosen here: an owner waits for a test message, and some mail servers let everybody wait before they greet.
const (
	limit     = 10 * time.Second
	mailLimit = 30 * time.Second
)

// Way is a line that a message leaves by. The zero Way is the machine's own routing.
type Way struct {
	Name string // of the WAN

	// Dial connects over this line, and looks names up with this line's servers. Nil: the machine's own routing.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

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
	ID       string            // of the incident: what has the same belongs together; empty: it stands alone
	Resolved bool              // the incident is over
	Fields   map[string]string // the incident for programs (webhooks): cause, wan, start, end …
}

// Whole is the message for services that know no titles.
func (m Message) Whole() string {
	if m.Title == "" || m.Text == "" {
		return m.Title + m.Text
	}
	return m.Title + "\n" + m.Text
}

// Channel is a way to reach people. Make it with Parse.
type Channel struct {
	Program string // whose command "shout" speaks to shoutrrr's services; empty: the one that is running

	shown   string
	secrets []string // that a service may repeat in its answers
	service service
	home    bool // the service is in the house
	limit   time.Duration

	// For tests; nil: the machine's own.
	direct func(ctx context.Context, network, address string) (net.Conn, error)
	tls    *tls.Config
}

// service knows how one kind of service wants a message.
type service interface {
	send(ctx context.Context, e *errand, m Message) error
}

// reader takes a URL apart. Its errors must not quote it.
type reader func(u *url.URL) (service, error)

func readers() map[string]reader {
	all := map[string]reader{
		"ntfy": readNtfy, "telegram": readTelegram, "pushover": readPushover, "discord": readDiscord, "slack": readSlack,
		"gotify": readGotify, "matrix": readMatrix, "mattermost": readMattermost, "smtp": readSMTP, "smtps": readSMTP, "mqtt": readMQTT, "mqtts": readMQTT,
		"http": readWebhook, "https": readWebhook,
	}
	for _, scheme := range Shouted() {
		all[scheme] = readShouted
	}
	return all
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
//	mattermost://HOST/TOKEN, mattermost://HOST/TOKEN/CHANNEL
//	smtp://USER:PASSWORD@HOST:587/?from=ADDRESS&to=ADDRESS,ADDRESS
//	https://HOST/PATH (a webhook: it gets JSON with title, text and priority)
//
//	mqtt://USER:PASSWORD@HOST:1883/TOPIC (a broker; see Home)
//	teams://…, signal://… and what else Schemes names, as shoutrrr writes them
//
// A service in the house without TLS is ntfy, gotify or matrix with ?scheme=http, smtp with ?tls=off, mqtt://, or http:// for a webhook.
func Parse(text string) (*Channel, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" && !slices.Contains(Shouted(), u.Scheme) {
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
	c := &Channel{shown: shown(u), secrets: secrets(u), service: s, limit: limit}
	switch s.(type) {
	case mailer:
		c.limit = mailLimit
	case shouted:
		c.limit = shoutLimit
	}
	c.home = hosted(u.Scheme) && atHome(u.Hostname())
	return c, nil
}

// String returns the channel without its secrets: "ntfy://ntfy.sh/…".
func (c *Channel) String() string { return c.shown }
