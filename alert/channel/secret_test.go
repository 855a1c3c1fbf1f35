package channel

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// addresses have secret in every place that opens something. (Those of shoutrrr are in package shout's tests.)
var addresses = map[string]string{
	"ntfy://ntfy.sh/…":            "ntfy://ntfy.sh/" + secret,
	"ntfy://push.example/…":       "ntfy://me:" + secret + "@push.example/topic",
	"telegram://…":                "telegram://12345:" + secret + "@telegram?chats=1,2",
	"pushover://…":                "pushover://" + secret + "@" + secret,
	"discord://…":                 "discord://" + secret + "@" + secret,
	"slack://…":                   "slack://hook:T0-B0-s3cr3tThatNobodyMaySee@webhook",
	"gotify://push.example/…":     "gotify://push.example/" + secret,
	"matrix://m.example/…":        "matrix://:" + secret + "@m.example/?rooms=!a:b",
	"mattermost://chat.example/…": "mattermost://chat.example/" + secret,
	"https://hook.example/…":      "https://me:" + secret + "@hook.example/" + secret + "?key=" + secret,
	"https://key.example/…":       "https://" + secret + "@key.example/",
	"http://192.168.1.9/…":        "http://me:" + secret + "@192.168.1.9/" + secret + "?" + secret,
	"smtp://mail.example/…":       "smtp://me:" + secret + "@mail.example/?to=a@b.example",
	"smtp://192.168.1.9/…":        "smtp://me:" + secret + "@192.168.1.9/?to=a@b.example&tls=off",
	"mqtt://192.168.1.9/…":        "mqtt://me:" + secret + "@192.168.1.9/topic",
	"mqtts://broker.example/…":    "mqtts://me:" + secret + "@broker.example/topic",
	"smtps://mail.example:1/…":    "smtps://me:" + secret + "@mail.example:1/?to=a@b.example",
}

// shows reports whether a text shows a part of the secret, in any of the forms that it goes over the line in.
func shows(text string) bool {
	forms := []string{"s3cr3t", "NobodyMay", "\x1b", `Post "`}
	for _, said := range []string{secret, secret + ":", "me:" + secret, "\x00me\x00" + secret} {
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(said))[4:20])
	}
	return slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, form) })
}

// fault is a way in which a service or the line to it goes wrong, to a server's answer or to its connection.
type fault struct {
	answer http.HandlerFunc
	line   func(net.Conn)
}

func faults() map[string]fault {
	all := map[string]fault{
		"refused": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, "no such token: "+secret+"\x1b[2J\n"+url.QueryEscape(secret))
		}},
		"redirected": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example/"+secret)
			w.WriteHeader(307)
		}},
		"sent back": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(400)
			dump, _ := httputil.DumpRequest(r, true)
			_, _ = w.Write(dump)
		}},
		"another protocol": {line: func(conn net.Conn) { _, _ = io.Copy(conn, conn) }}, // an echo
		"a rude mail server": {line: func(conn net.Conn) {
			fmt.Fprint(conn, "220 hello\r\n")
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				if strings.HasPrefix(lines.Text(), "EHLO") {
					fmt.Fprint(conn, "250-x\r\n250 AUTH PLAIN LOGIN\r\n")
				} else {
					fmt.Fprintf(conn, "550 what is %s %s?\r\n", lines.Text(), secret)
				}
			}
		}},
	}
	for n := range 12 { // sent back, and cut off at any point
		all[fmt.Sprintf("cut %d", n)] = fault{line: func(conn net.Conn) {
			_, _ = io.CopyN(conn, conn, rand.Int64N(400))
		}}
	}
	return all
}

// wrong returns a way to a service with this fault, encrypted where the client is.
func (f fault) wrong(t *testing.T, encryption *tls.Config) Way {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if encryption != nil {
		listener = tls.NewListener(listener, encryption)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go f.serve(listener)
	return Way{Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
}

func (f fault) serve(listener net.Listener) {
	if f.answer != nil {
		_ = http.Serve(listener, f.answer)
		return
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			f.line(conn)
		}()
	}
}

func TestNoErrorHoldsASecret(t *testing.T) {
	for _, scheme := range Schemes() {
		tested := slices.Contains(Shouted(), scheme)
		for _, address := range addresses {
			tested = tested || strings.HasPrefix(address, scheme+":")
		}
		if !tested {
			t.Errorf("%s is not tested", scheme)
		}
	}
	certified := httptest.NewTLSServer(nil)
	t.Cleanup(certified.Close)
	for shown, address := range addresses {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			failEveryWay(t, shown, address, certified.TLS)
		})
	}
}

// failEveryWay sends over a line with each fault, in each of which a service may be left waiting.
func failEveryWay(t *testing.T, shown, address string, encryption *tls.Config) {
	c, err := Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if c.String() != shown {
		t.Errorf("shown as %s, want %s", c, shown)
	}
	c.limit = 200 * time.Millisecond
	c.tls = &tls.Config{InsecureSkipVerify: true}
	tell := func(name string, way Way) {
		c.direct = way.Dial
		if err := c.Send(t.Context(), way, outage); err == nil || shows(err.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	inClear := strings.HasPrefix(address, "smtp://") || c.home
	for name, f := range faults() {
		if inClear || name == "another protocol" {
			tell(name, f.wrong(t, nil))
		} else {
			tell(name, f.wrong(t, encryption))
		}
	}
	tell("no such host", Way{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: address + secret}}
	}})
}
