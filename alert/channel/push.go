package channel

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// ntfy publishes to a topic (docs.ntfy.sh/publish, "publish as JSON").
type ntfy struct{ url, topic, basic string }

func readNtfy(u *url.URL) (service, error) {
	topic := strings.Trim(u.Path, "/")
	if topic == "" || strings.Contains(topic, "/") {
		return nil, errors.New("names no topic\nhint: for example ntfy://ntfy.sh/a-topic-that-nobody-guesses")
	}
	return ntfy{url: scheme(u) + "://" + u.Host + "/", topic: topic, basic: basic(u)}, nil
}

// basic is the header of RFC 7617 for a URL's user; empty without one.
func basic(u *url.URL) string {
	if u.User == nil {
		return ""
	}
	password, _ := u.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
}

func authorized(by string) http.Header {
	if by == "" {
		return nil
	}
	return http.Header{"Authorization": {by}}
}

func (s ntfy) send(ctx context.Context, e *errand, m Message) error {
	body := map[string]any{"topic": s.topic, "message": cut(m.Text, 4000)} // bytes; larger ones become attachments
	if m.Title != "" {
		body["title"] = m.Title
	}
	if m.Text == "" {
		body["message"] = m.Title
	}
	if p := [...]int{0, 2, 3, 4, 5}[min(m.Priority, Urgent)]; p > 0 {
		body["priority"] = p
	}
	return e.do(ctx, call{url: s.url, header: authorized(s.basic), json: body}, nil)
}

// telegram speaks the Bot API (core.telegram.org/bots/api#sendmessage).
type telegram struct {
	token string
	chats []string
}

func readTelegram(u *url.URL) (service, error) {
	s := telegram{token: u.User.String(), chats: list(u, "chats", "channels")}
	if !strings.Contains(s.token, ":") || len(s.chats) == 0 {
		return nil, errors.New("names no bot's token or no chats\nhint: telegram://123456:TOKEN@telegram?chats=ID")
	}
	return s, nil
}

func (s telegram) send(ctx context.Context, e *errand, m Message) error {
	var errs []error
	for _, chat := range s.chats {
		body := map[string]any{"chat_id": chat, "text": cut(m.Whole(), 4096), "disable_notification": m.Priority == Low}
		errs = append(errs, e.do(ctx, call{url: "https://api.telegram.org/bot" + s.token + "/sendMessage", json: body}, nil))
	}
	return each(errs)
}

// pushover speaks its Message API (pushover.net/api).
type pushover struct {
	token, user string
	devices     []string
}

func readPushover(u *url.URL) (service, error) {
	s := pushover{user: u.Host, devices: list(u, "devices")}
	token, there := u.User.Password() // shoutrrr's form: pushover://shoutrrr:TOKEN@USER
	if s.token = token; !there && u.User != nil {
		s.token = u.User.Username()
	}
	if s.token == "" {
		return nil, errors.New("names no application's token\nhint: pushover://TOKEN@USER")
	}
	return s, nil
}

func (s pushover) send(ctx context.Context, e *errand, m Message) error {
	form := url.Values{"token": {s.token}, "user": {s.user}, "title": {cut(m.Title, 250)}, "message": {cut(m.Text, 1024)}}
	if m.Text == "" {
		form.Set("title", "")
		form.Set("message", cut(m.Title, 1024))
	}
	form.Set("priority", [...]string{"0", "-1", "0", "1", "1"}[min(m.Priority, Urgent)]) // 2 would go on until somebody answers
	if len(s.devices) > 0 {
		form.Set("device", strings.Join(s.devices, ","))
	}
	return e.do(ctx, call{url: "https://api.pushover.net/1/messages.json", form: form}, nil)
}

// gotify posts to an application of a server of one's own (gotify.net/docs/pushmsg).
type gotify struct{ url, token string }

func readGotify(u *url.URL) (service, error) {
	dir, token := path.Split(strings.TrimRight(u.Path, "/"))
	if token == "" {
		return nil, errors.New("names no application's token\nhint: gotify://HOST/TOKEN")
	}
	return gotify{url: scheme(u) + "://" + u.Host + path.Join("/", dir, "message"), token: token}, nil
}

func (s gotify) send(ctx context.Context, e *errand, m Message) error {
	body := map[string]any{"title": m.Title, "message": m.Text, "priority": [...]int{5, 2, 5, 8, 10}[min(m.Priority, Urgent)]}
	if m.Text == "" {
		body["title"], body["message"] = "", m.Title
	}
	return e.do(ctx, call{url: s.url, header: http.Header{"X-Gotify-Key": {s.token}}, json: body}, nil)
}
