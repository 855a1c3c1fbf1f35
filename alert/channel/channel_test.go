package channel

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

const secret = "s3cr3tThatNobodyMaySee"

// asked is a request as a service sees it.
type asked struct {
	method, url, auth, key string
	body                   map[string]any
	form                   url.Values
}

// services stands for every host there is, and answers what the test says.
type services struct {
	mu     sync.Mutex
	asked  []asked
	status int
	text   string
}

func (s *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, _ := io.ReadAll(r.Body)
	a := asked{method: r.Method, auth: r.Header.Get("Authorization"), key: r.Header.Get("X-Gotify-Key")}
	a.url = map[bool]string{true: "https://", false: "http://"}[r.TLS != nil] + r.Host + r.URL.EscapedPath()
	if json.Unmarshal(text, &a.body) != nil {
		a.form, _ = url.ParseQuery(string(text))
	}
	s.asked = append(s.asked, a)
	if s.status != 0 {
		if s.status/100 == 3 {
			w.Header().Set("Location", "https://elsewhere.example/")
		}
		w.WriteHeader(s.status)
	}
	if strings.Contains(a.url, "/directory/room/") {
		_, _ = io.WriteString(w, `{"room_id":"!found:example"}`)
		return
	}
	_, _ = io.WriteString(w, s.text)
}

// reach has a channel reach the services of the test, whatever host it names, by the way that it returns.
func reach(t *testing.T, s *services, address string) (*Channel, Way) {
	t.Helper()
	c, err := Parse(address)
	if err != nil {
		t.Fatalf("%s: %v", address, err)
	}
	plain, encrypted := httptest.NewServer(s), httptest.NewTLSServer(s)
	t.Cleanup(plain.Close)
	t.Cleanup(encrypted.Close)
	c.tls = &tls.Config{InsecureSkipVerify: true}
	c.direct = func(ctx context.Context, network, address string) (net.Conn, error) {
		server := plain
		if strings.HasSuffix(address, ":443") {
			server = encrypted
		}
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	return c, Way{Name: "fibre", Dial: c.direct}
}

// send is reach and Send.
func send(t *testing.T, s *services, address string, m Message) error {
	t.Helper()
	c, way := reach(t, s, address)
	return c.Send(t.Context(), way, m)
}

var outage = Message{Title: "fibre is down", Text: "No answer for 60 s.\nThe house is on <lte> & works.", Priority: High}

func TestEachServiceGetsItsOwnForm(t *testing.T) {
	whole := "fibre is down\nNo answer for 60 s.\nThe house is on <lte> & works."
	for _, c := range []struct {
		address, url, auth, key string
		body                    map[string]any
		form                    map[string]string
	}{
		{address: "ntfy://ntfy.sh/topic", url: "https://ntfy.sh/", body: map[string]any{"topic": "topic", "title": outage.Title, "message": outage.Text, "priority": 4.0}},
		{address: "ntfy://:tk_1@192.168.1.9:8080/topic?scheme=http", url: "http://192.168.1.9:8080/", auth: "Basic OnRrXzE=", body: map[string]any{"topic": "topic"}},
		{address: "telegram://12345:AA-b_c@telegram?chats=-100", url: "https://api.telegram.org/bot12345:AA-b_c/sendMessage", body: map[string]any{"chat_id": "-100", "text": whole}},
		{address: "pushover://tok@user", url: "https://api.pushover.net/1/messages.json", form: map[string]string{"token": "tok", "user": "user", "title": outage.Title, "message": outage.Text, "priority": "1"}},
		{address: "pushover://shoutrrr:tok@user/?devices=phone", url: "https://api.pushover.net/1/messages.json", form: map[string]string{"token": "tok", "device": "phone"}},
		{address: "discord://Tok-en@42", url: "https://discord.com/api/webhooks/42/Tok-en", body: map[string]any{"content": whole}},
		{address: "slack://T0/B1/xYz", url: "https://hooks.slack.com/services/T0/B1/xYz", body: map[string]any{"text": "fibre is down\nNo answer for 60 s.\nThe house is on &lt;lte&gt; &amp; works."}},
		{address: "slack://hook:T0-B1-xYz@webhook", url: "https://hooks.slack.com/services/T0/B1/xYz"},
		{address: "gotify://push.example/Atoken", url: "https://push.example/message", key: "Atoken", body: map[string]any{"title": outage.Title, "message": outage.Text, "priority": 8.0}},
		{address: "gotify://push.example:8443/under/Atoken?disabletls=yes", url: "http://push.example:8443/under/message", key: "Atoken"},
		{address: "matrix://:syt_x@matrix.example/?rooms=!room:example", url: "https://matrix.example/_matrix/client/v3/rooms/%21room:example/send/m.room.message/", auth: "Bearer syt_x", body: map[string]any{"msgtype": "m.text", "body": whole}},
		{address: "matrix://:syt_x@matrix.example/?rooms=%23home:example", url: "https://matrix.example/_matrix/client/v3/rooms/%21found:example/send/m.room.message/", auth: "Bearer syt_x"},
		{address: "https://me:pw@hook.example/in/1?a=b", url: "https://hook.example/in/1", auth: "Basic bWU6cHc=", body: map[string]any{"title": outage.Title, "text": outage.Text, "priority": "high"}},
		{address: "mattermost://bot@chat.example/hook-7/alerts", url: "https://chat.example/hooks/hook-7", body: map[string]any{"text": whole, "username": "bot", "channel": "alerts"}},
		{address: "mattermost://192.168.1.9/hook-7?disabletls=yes", url: "http://192.168.1.9/hooks/hook-7"},
		{address: "http://192.168.1.9:8123/api/webhook/x", url: "http://192.168.1.9:8123/api/webhook/x", body: map[string]any{"title": outage.Title}},
	} {
		s := new(services)
		if err := send(t, s, c.address, outage); err != nil {
			t.Errorf("%s: %v", c.address, err)
			continue
		}
		got := s.asked[len(s.asked)-1]
		if !strings.HasPrefix(got.url, c.url) || got.auth != c.auth || got.key != c.key {
			t.Errorf("%s: asked %+v", c.address, got)
		}
		for key, want := range c.body {
			if got.body[key] != want {
				t.Errorf("%s: %s is %q, want %q", c.address, key, got.body[key], want)
			}
		}
		for key, want := range c.form {
			if got.form.Get(key) != want {
				t.Errorf("%s: %s is %q, want %q", c.address, key, got.form.Get(key), want)
			}
		}
	}
}

// TestWordsThatAreNoSecrets: what an owner needs to mend it stays readable.
func TestWordsThatAreNoSecrets(t *testing.T) {
	for address, word := range map[string]string{
		"telegram://12345678:abcdefghi@telegram?chats=-1001234567":                   "lookup api.telegram.org: no such chat -1001234567",
		"slack://hook:T0000000-B0000000-xYzxYzxYz@webhook":                           "the webhook is gone",
		"smtp://person%40example.com:abcdefghi@mail.example/?to=someone@example.com": "550 someone@example.com: person@example.com may not write to them",
		"ntfy://person:abcdefghi@push.example/alerts-7f3a":                           "person may not write at push.example",
	} {
		c, err := Parse(address)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if got := c.scrub(word); got != word {
			t.Errorf("%s: %q became %q", address, word, got)
		}
	}
}

func TestTheServicesOwnWords(t *testing.T) {
	for status, c := range map[int]struct{ text, want string }{
		403: {"{\"error\":\n\t\"forbidden\x07\"}", `send to ntfy://ntfy.sh/…: it answers 403 Forbidden: {"error": "forbidden"}`},
		500: {strings.Repeat("é", 300), "send to ntfy://ntfy.sh/…: it answers 500 Internal Server Error: " + strings.Repeat("é", 200) + "…"},
		302: {"", "send to ntfy://ntfy.sh/…: it answers with a redirect (302)\nhint: name the address that it leads to"},
		599: {"", "send to ntfy://ntfy.sh/…: it answers 599"},
	} {
		s := &services{status: status, text: c.text}
		err := send(t, s, "ntfy://ntfy.sh/topic", outage)
		if err == nil || err.Error() != c.want {
			t.Errorf("%d: %v", status, err)
		}
		if len(s.asked) != 1 {
			t.Errorf("%d: %d requests, want 1", status, len(s.asked))
		}
	}
}

func TestASilentServiceIsGivenUp(t *testing.T) {
	for _, address := range []string{"ntfy://ntfy.sh/topic", "smtp://mail.example/?to=a@b.example", "mqtt://broker.example/x"} {
		synctest.Test(t, func(t *testing.T) {
			c, err := Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			dial := func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go func() { _, _ = io.Copy(io.Discard, theirs) }() // takes everything, says nothing
				return ours, nil
			}
			err = c.Send(t.Context(), Way{Dial: dial}, outage)
			if err == nil || !strings.HasSuffix(err.Error(), "no answer within "+c.limit.String()) {
				t.Errorf("%s: %v", address, err)
			}
		})
	}
}

func TestEveryChatIsTold(t *testing.T) {
	s := &services{status: 400, text: "chat not found"}
	err := send(t, s, "telegram://12345:x@telegram?chats=1,@two", Message{Title: "test"})
	if len(s.asked) != 2 || s.asked[0].body["chat_id"] != "1" || s.asked[1].body["chat_id"] != "@two" || s.asked[0].body["text"] != "test" {
		t.Errorf("%+v", s.asked)
	}
	if err == nil || strings.Count(err.Error(), "chat not found") != 2 {
		t.Error(err)
	}
}

func TestWhatIsNoChannel(t *testing.T) {
	for address, want := range map[string]string{
		"":                     "not a URL\nhint: for example ntfy://ntfy.sh/a-topic-that-nobody-guesses",
		"%zz://" + secret:      "not a URL",
		"fax://0123/" + secret: "no known service\nhint: known are bark, discord, googlechat, gotify, http, https, ifttt, join, lark, matrix, mattermost, mqtt, mqtts, notifiarr, ntfy, opsgenie, pagerduty, pushbullet, pushover, rocketchat, signal, slack, smtp, smtps, teams, telegram, wecom, zulip",
		"ntfy://ntfy.sh":       "ntfy: names no topic",
		"telegram://" + secret + "@telegram?chats=1":  "telegram: names no bot's token or no chats",
		"telegram://1:2@telegram":                     "telegram: names no bot's token or no chats",
		"pushover://user":                             "pushover: names no application's token",
		"discord://42":                                "discord: names no webhook's token",
		"slack://" + secret:                           "slack: is not the end of a webhook's address",
		"gotify://push.example/":                      "gotify: names no application's token",
		"matrix://me:" + secret + "@m.example":        "matrix: names no access token",
		"matrix://:" + secret + "@m.example":          "matrix: names no rooms",
		"matrix://:" + secret + "@m.example?rooms=x":  "matrix: a room begins with ! or #",
		"smtp://me:" + secret + "@mail.example":       "smtp: names nobody to write to",
		"smtp://mail.example/?to=" + secret:           "smtp: from or to is not a mail address",
		"smtp://mail.example/?to=a@b.example&tls=off": "smtp: must not be without TLS: the server is not in the house",
		"smtps://192.168.1.9/?to=a@b.example&tls=off": "smtps: cannot be without TLS on this port",
		"mattermost://chat.example/":                  "mattermost: names no webhook's token",
		"mqtt://me:" + secret + "@broker.example/x":   "mqtt: would send the password in the clear",
		"mqtt://broker.example/a/%23":                 "mqtt: the topic must not have + or #",
		"smtp://mail.example/?to=a@b%0d%0aX:y":        "smtp: from or to is not a mail address",
	} {
		c, err := Parse(address)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v, %v", address, c, err)
		}
	}
}
