package channel

import (
	"context"
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

func (s discord) send(ctx context.Context, e *errand, m Message) error {
	body := map[string]any{"content": cut(m.Whole(), 2000), "allowed_mentions": map[string]any{"parse": []string{}}}
	return e.do(ctx, call{url: "https://discord.com/api/webhooks/" + url.PathEscape(s.id) + "/" + url.PathEscape(s.token), json: body}, nil)
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

func (s slack) send(ctx context.Context, e *errand, m Message) error {
	plain := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(m.Whole())
	return e.do(ctx, call{url: "https://hooks.slack.com/services/" + s.path, json: map[string]any{"text": plain}}, nil)
}

// mattermost posts to an incoming webhook (developers.mattermost.com/integrate/webhooks/incoming).
type mattermost struct{ url, user, channel string }

// readMattermost takes shoutrrr's form.
func readMattermost(u *url.URL) (service, error) {
	token, channel, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if token == "" || u.Host == "" || strings.Contains(channel, "/") {
		return nil, errors.New("names no webhook's token\nhint: mattermost://HOST/TOKEN, or mattermost://HOST/TOKEN/CHANNEL")
	}
	return mattermost{url: scheme(u) + "://" + u.Host + "/hooks/" + url.PathEscape(token), user: u.User.Username(), channel: channel}, nil
}

func (s mattermost) send(ctx context.Context, e *errand, m Message) error {
	body := map[string]any{"text": m.Whole()}
	if s.user != "" {
		body["username"] = s.user
	}
	if s.channel != "" {
		body["channel"] = s.channel
	}
	return e.do(ctx, call{url: s.url, json: body}, nil)
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

func (s matrix) send(ctx context.Context, e *errand, m Message) error {
	var errs []error
	for _, room := range s.rooms {
		errs = append(errs, s.say(ctx, e, room, m))
	}
	return each(errs)
}

func (s matrix) say(ctx context.Context, e *errand, room string, m Message) error {
	auth := http.Header{"Authorization": {"Bearer " + s.token}}
	if room[0] == '#' {
		var found struct {
			Room string `json:"room_id"`
		}
		if err := e.do(ctx, call{method: http.MethodGet, url: s.url + "directory/room/" + url.PathEscape(room), header: auth}, &found); err != nil {
			return err
		}
		room = found.Room
	}
	to := s.url + "rooms/" + url.PathEscape(room) + "/send/m.room.message/" + m.key() // a transaction: taken once
	return e.do(ctx, call{method: http.MethodPut, url: to, header: auth, json: map[string]any{"msgtype": "m.text", "body": m.Whole()}}, nil)
}

// webhook posts JSON to an address of the owner's choice.
type webhook struct{ url, basic string }

func readWebhook(u *url.URL) (service, error) {
	bare := *u
	bare.User, bare.Fragment = nil, ""
	return webhook{url: bare.String(), basic: basic(u)}, nil
}

func (s webhook) send(ctx context.Context, e *errand, m Message) error {
	return e.do(ctx, call{url: s.url, header: authorized(s.basic), json: told(m)}, nil)
}
