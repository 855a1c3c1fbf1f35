package shout_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/alert/channel/shout"
)

// TestMain makes the test's own program the one that package channel starts.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "shout" {
		trusting := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		if err := shout.Run(context.Background(), os.Stdin, os.Stdout, trusting); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const secret = "53cr3tThatNobodyMaySeeXyz012abcde" // 33 characters: some want 32 and more

// addresses are one of each service, with the secret wherever something opens it.
var addresses = map[string]string{
	"bark":       "bark://:" + secret + "@bark.example",
	"googlechat": "googlechat://chat.googleapis.com/v1/spaces/FOO/messages?key=" + secret + "&token=" + secret,
	"ifttt":      "ifttt://" + secret + "/?events=" + secret,
	"join":       "join://shoutrrr:" + secret + "@join/?devices=" + secret,
	"lark":       "lark://open.larksuite.com/" + secret,
	"notifiarr":  "notifiarr://" + secret,
	"opsgenie":   "opsgenie://api.opsgenie.com/" + secret,
	"pagerduty":  "pagerduty:///" + hex,
	"pushbullet": "pushbullet://o." + secret[:32] + "/" + secret,
	"rocketchat": "rocketchat://bot@chat.example/" + secret + "/" + secret + "/home",
	"signal":     "signal://me:" + secret + "@signal.example:8080/+15551234567/+15557654321",
	"teams":      "teams://11111111-4444-4444-8444-cccccccccccc@22222222-4444-4444-8444-cccccccccccc/33333333012222222222333333333344/44444444-4444-4444-8444-cccccccccccc/V2ESyij_" + secret + "?host=org.webhook.office.com",
	"wecom":      "wecom://" + secret,
	"zulip":      "zulip://bot%40chat.example:" + secret + "@chat.example/?stream=home&topic=x",
}

const hex = "53c2e7d1a0b94f86a1c3e5f7092b4d6c" // PagerDuty's keys are like this

// world stands for every host there is.
type world struct {
	mu     sync.Mutex
	server *httptest.Server
	plain  *httptest.Server
	dialed []string
	asked  []string // method, host, path
	bodies []string
	answer http.HandlerFunc
}

func newWorld(t *testing.T, answer http.HandlerFunc) *world {
	w := &world{answer: answer}
	w.server, w.plain = httptest.NewTLSServer(w), httptest.NewServer(w)
	t.Cleanup(w.server.Close)
	t.Cleanup(w.plain.Close)
	return w
}

func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	w.mu.Lock()
	w.asked, w.bodies = append(w.asked, r.Method+" "+r.Host+r.URL.Path), append(w.bodies, string(body)+r.URL.RawQuery)
	w.mu.Unlock()
	w.answer(out, r)
}

func (w *world) way() channel.Way {
	return channel.Way{Name: "fibre", Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		w.mu.Lock()
		w.dialed = append(w.dialed, address)
		w.mu.Unlock()
		return new(net.Dialer).DialContext(ctx, network, w.server.Listener.Addr().String())
	}}
}

var outage = channel.Message{Title: "fibre is down", Text: "No answer for 60 s.", Priority: channel.High}

func parsed(t *testing.T, address string) *channel.Channel {
	t.Helper()
	c, err := channel.Parse(address)
	if err != nil {
		t.Fatalf("%s: %v", address, err)
	}
	return c
}

// well is what each service says when it has taken a message; pushbullet says it back.
func well(out http.ResponseWriter, r *http.Request) {
	switch {
	case strings.Contains(r.Host, "pushbullet"):
		var push map[string]any
		_ = json.NewDecoder(r.Body).Decode(&push)
		push["active"] = true
		_ = json.NewEncoder(out).Encode(push)
	case strings.Contains(r.Host, "office.com"):
		_, _ = io.WriteString(out, "1")
	case strings.Contains(r.Host, "lark"): // whose 0 is another's 200
		_, _ = io.WriteString(out, `{"code":0}`)
	case strings.Contains(r.Host, "signal"):
		_, _ = io.WriteString(out, `{"timestamp":"1"}`)
	default:
		_, _ = io.WriteString(out, `{"code":200,"errcode":0,"result":"success","message":"success","status":"success","timestamp":1}`)
	}
}

func TestEachServiceGoesThroughTheDoor(t *testing.T) {
	for _, scheme := range channel.Shouted() {
		t.Run(scheme, func(t *testing.T) {
			w := newWorld(t, well)
			err := parsed(t, addresses[scheme]).Send(t.Context(), w.way(), outage)
			if err != nil || len(w.asked) != 1 || len(w.dialed) != 1 {
				t.Fatalf("%v; dialed %q, asked %q", err, w.dialed, w.asked)
			}
			got := strings.ReplaceAll(w.bodies[0], "+", " ")
			if !strings.Contains(got, outage.Title) || !strings.Contains(got, outage.Text) {
				t.Errorf("the message is not in %q", got)
			}
		})
	}
}

func TestWhatHasItsOwnDoorIsRefused(t *testing.T) {
	for _, scheme := range []string{"discord", "generic", "gotify", "logger", "matrix", "mattermost", "ntfy", "pushover", "slack", "smtp", "telegram"} {
		if slices.Contains(channel.Shouted(), scheme) {
			t.Errorf("%s is not proven here", scheme)
		}
	}
}

// faults are what services do instead of taking a message.
func faults() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"refused": func(out http.ResponseWriter, r *http.Request) {
			out.WriteHeader(401)
			_, _ = io.WriteString(out, "nobody is called "+r.URL.String()+"\x1b[2J")
		},
		"sent back": func(out http.ResponseWriter, r *http.Request) {
			dump, _ := httputil.DumpRequest(r, true)
			out.WriteHeader(500)
			_, _ = out.Write(dump)
		},
		"redirected": func(out http.ResponseWriter, r *http.Request) {
			http.Redirect(out, r, "https://elsewhere.example/"+secret, http.StatusTemporaryRedirect)
		},
		"a login page": func(out http.ResponseWriter, r *http.Request) {
			http.Redirect(out, r, "https://login.example/", http.StatusFound)
		},
		"hung up": func(out http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
	}
}

// shows reports whether a text has a part of what opens one of the addresses.
func shows(text string) bool {
	return slices.ContainsFunc([]string{secret[:8], "NobodyMay", hex[:8], "333333330122", "V2ESyij", "4444-8444", "\x1b"}, func(part string) bool { return strings.Contains(text, part) })
}

func TestNoFalseSuccessAndNoSecret(t *testing.T) {
	before := children(t)
	for _, scheme := range channel.Shouted() {
		t.Run(scheme, func(t *testing.T) {
			c, own := parsed(t, addresses[scheme]), secret
			if scheme == "pagerduty" {
				own = hex
			}
			tell := func(what string, way channel.Way) error {
				err := c.Send(t.Context(), way, outage)
				if err == nil || shows(err.Error()) || c.String() != scheme+"://…" {
					t.Errorf("%s, %s: %v", c, what, err)
				}
				return err
			}
			for what, answer := range faults() {
				w := newWorld(t, answer)
				err := tell(what, w.way())
				if slices.ContainsFunc(w.dialed, func(host string) bool { return strings.Contains(host, "elsewhere") || strings.Contains(host, "login") }) {
					t.Errorf("followed to %q", w.dialed)
				}
				if final, ok := err.(interface{ Permanent() bool }); !ok || final.Permanent() != (what == "refused" || what == "redirected" || what == "a login page") {
					t.Errorf("%s: permanent is wrong: %v", what, err)
				}
			}
			err := tell("no line", channel.Way{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: address + own}}
			}})
			if err != nil && !strings.Contains(err.Error(), "no such host") {
				t.Errorf("the reason is lost: %v", err)
			}
			tell("a line whose connections are no files", channel.Way{Dial: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				_ = theirs.Close()
				return ours, nil
			}})
		})
	}
	if after := children(t); after != before {
		t.Errorf("%d processes are left, %d before", after, before)
	}
}

func TestAWrongURL(t *testing.T) {
	for _, address := range []string{"opsgenie://api.opsgenie.com", "teams://" + secret, "pagerduty:///" + secret, "lark://" + secret + ".example/x", "zulip://" + secret, "wecom://"} {
		w := newWorld(t, well)
		err := parsed(t, address).Send(t.Context(), w.way(), outage)
		if err == nil || !strings.Contains(err.Error(), "the URL is not what it wants") || shows(err.Error()) || len(w.dialed) > 0 {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestSomeHaveIt: of several that a service tells, one already knows.
func TestSomeHaveIt(t *testing.T) {
	w := newWorld(t, nil)
	w.answer = func(out http.ResponseWriter, r *http.Request) {
		if len(w.asked) > 1 {
			out.WriteHeader(404)
		}
	}
	err := parsed(t, "ifttt://key12345/?events=one,two").Send(t.Context(), w.way(), outage)
	if partly, ok := err.(interface{ Partly() bool }); !ok || !partly.Partly() || err.Error() != "send to ifttt://…: it answers 404 Not Found" {
		t.Errorf("%v", err)
	}
}

// TestASilentServiceIsGivenUp: the process goes with whatever it waits for, and nobody can read what it was told.
func TestASilentServiceIsGivenUp(t *testing.T) {
	silent := make(chan struct{})
	w := newWorld(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	w.answer = func(http.ResponseWriter, *http.Request) {
		for _, text := range told(t) {
			if shows(text) {
				t.Errorf("for everybody to read: %q", text)
			}
		}
		cancel()
		<-silent
	}
	defer close(silent)
	before, files := runtime.NumGoroutine(), len(entries(t, "/proc/self/fd"))
	err := parsed(t, addresses["wecom"]).Send(ctx, w.way(), outage)
	if err == nil || err.Error() != "send to wecom://…: context canceled" {
		t.Error(err)
	}
	if n := children(t); n != 0 {
		t.Errorf("%d processes are left", n)
	}
	// Its one connection is the server's still.
	if after, now := runtime.NumGoroutine(), len(entries(t, "/proc/self/fd")); after > before+2 || now > files+1 {
		t.Errorf("%d goroutines and %d files, %d and %d before", after, now, before, files)
	}
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// own are the processes that this one has started.
func own(t *testing.T) []string {
	var dirs []string
	for _, task := range entries(t, "/proc/self/task") {
		text, _ := os.ReadFile("/proc/self/task/" + task + "/children") // the thread may have ended
		for _, pid := range strings.Fields(string(text)) {
			dirs = append(dirs, "/proc/"+pid)
		}
	}
	return dirs
}

func children(t *testing.T) int { return len(own(t)) }

// told is what everybody may read of them.
func told(t *testing.T) []string {
	var texts []string
	for _, dir := range own(t) {
		for _, file := range []string{"/cmdline", "/environ", "/comm"} {
			text, err := os.ReadFile(dir + file)
			if err != nil || len(text) == 0 {
				t.Errorf("%s%s: %v", dir, file, err)
			}
			texts = append(texts, string(text))
		}
	}
	if len(texts) == 0 {
		t.Error("no process")
	}
	return texts
}
