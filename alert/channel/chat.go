package channel

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// discord posts to a webhook (discord.com/developers/docs/resources/webhook#execute-webhook).
type discord struct{ id, token string }

func readDiscord(u *url.URL) (service, error) {
	if u.User.Username() == "" {
		return nil, errors.New("names no webhook's token\nhint: discord://TOKEN@WEBHOOK-ID")
	}
	return discord{id: u.Host, token: u.User.Username()}, nil
}

func (s discord) send(ctx context.Context, c *Channel, m Message) error {
	body := map[string]any{"content": cut(m.whole(), 2000), "allowed_mentions": map[string]any{"parse": []string{}}}
	return c.do(ctx, call{url: "https://discord.com/api/webhooks/" + url.PathEscape(s.id) + "/" + url.PathEscape(s.token), json: body}, nil)
}

// slack posts to an incoming webhook (api.slack.com/messaging/webhooks).
type slack struct{ path string }

// readSlack takes slack://T…/B…/X…, and shoutrrr's slack://hook:T…-B…-X…@webhook.
func readSlack(u *url.URL) (service, error) {
	text := u.Host + u.Path
	if password, there := u.User.Password(); there {
		text = strings.ReplaceAll(password, "-", "/")
	}
	if !regexp.MustCompile(`^[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+$`).MatchString(text) {
		return nil, errors.New("is not the end of a webhook's address\nhint: slack://T…/B…/X…")
	}
	return slack{text}, nil
}

func (s slack) send(ctx context.Context, c *Channel, m Message) error {
	plain := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(m.whole())
	return c.do(ctx, call{url: "https://hooks.slack.com/services/" + s.path, json: map[string]any{"text": plain}}, nil)
}

// matrix sends into rooms that the owner of the token is in (Matrix client-server API v1.11, §8.6.2).
type matrix struct {
	url, token string
	rooms      []string
}

func readMatrix(u *url.URL) (service, error) {
	token, _ := u.User.Password()
	if u.User.Username() != "" || token == "" {
		return nil, errors.New("names no access token; a password would log in once more with each message\nhint: matrix://:TOKEN@HOST/?rooms=…")
	}
	s := matrix{url: scheme(u) + "://" + u.Host + "/_matrix/client/v3/", token: token, rooms: list(u, "rooms", "room")}
	for _, room := range s.rooms {
		if room[0] != '!' && room[0] != '#' {
			return nil, errors.New("a room begins with ! or #\nhint: # is written %23")
		}
	}
	if len(s.rooms) == 0 {
		return nil, errors.New("names no rooms\nhint: matrix://:TOKEN@HOST/?rooms=!ID:HOST, or an alias with # written as %23")
	}
	return s, nil
}

func (s matrix) send(ctx context.Context, c *Channel, m Message) error {
	var errs []error
	for _, room := range s.rooms {
		errs = append(errs, s.say(ctx, c, room, m))
	}
	return errors.Join(errs...)
}

func (s matrix) say(ctx context.Context, c *Channel, room string, m Message) error {
	auth := http.Header{"Authorization": {"Bearer " + s.token}}
	if room[0] == '#' {
		var found struct {
			Room string `json:"room_id"`
		}
		if err := c.do(ctx, call{method: http.MethodGet, url: s.url + "directory/room/" + url.PathEscape(room), header: auth}, &found); err != nil {
			return err
		}
		room = found.Room
	}
	to := s.url + "rooms/" + url.PathEscape(room) + "/send/m.room.message/" + rand.Text()
	return c.do(ctx, call{method: http.MethodPut, url: to, header: auth, json: map[string]any{"msgtype": "m.text", "body": m.whole()}}, nil)
}

// webhook posts JSON to an address of the owner's choice.
type webhook struct{ url, basic string }

func readWebhook(u *url.URL) (service, error) {
	bare := *u
	bare.User, bare.Fragment = nil, ""
	return webhook{url: bare.String(), basic: basic(u)}, nil
}

func (s webhook) send(ctx context.Context, c *Channel, m Message) error {
	body := map[string]any{"title": m.Title, "text": m.Text, "priority": m.Priority.String()}
	return c.do(ctx, call{url: s.url, header: authorized(s.basic), json: body}, nil)
}

// mqtt is known, so that a configuration may name it, but not spoken.
type mqtt struct{}

func readMQTT(*url.URL) (service, error) { return mqtt{}, nil }

func (mqtt) send(context.Context, *Channel, Message) error {
	return errors.New("this version cannot send to mqtt")
}
