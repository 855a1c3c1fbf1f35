package channel

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// mosquitto is the broker of Debian, and a reader of all that is published there.
type mosquitto struct {
	t      *testing.T
	port   int
	url    string // of a channel
	dir    string
	broker *exec.Cmd
	lines  chan string // "TOPIC TEXT"
}

func newMosquitto(t *testing.T) *mosquitto {
	t.Helper()
	m := &mosquitto{t: t, port: 1883, dir: t.TempDir()}
	users := filepath.Join(m.dir, "users")
	if out, err := exec.Command("mosquitto_passwd", "-b", "-c", users, "me", secret).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous false\npassword_file %s\nuser root\npersistence true\npersistence_location %s/\nlog_dest stderr\n", m.port, users, m.dir)
	if err := os.WriteFile(m.dir+"/conf", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.url = fmt.Sprintf("mqtt://me:%s@127.0.0.1:%d/house/router", secret, m.port)
	m.start()
	m.read()
	return m
}

func (m *mosquitto) start() {
	m.t.Helper()
	m.broker = exec.Command("mosquitto", "-c", m.dir+"/conf")
	out, err := m.broker.StderrPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.broker.Start(); err != nil {
		m.t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for said.Scan() && !strings.Contains(said.Text(), "running") {
	}
	go func() {
		for said.Scan() {
		}
	}()
	m.t.Cleanup(m.stop)
}

func (m *mosquitto) stop() {
	if m.broker.ProcessState == nil {
		_ = m.broker.Process.Signal(os.Interrupt) // it saves what it keeps
		_ = m.broker.Wait()
	}
}

// read starts a reader of everything, and waits until it reads.
func (m *mosquitto) read() {
	m.t.Helper()
	m.lines = make(chan string, 1000)
	m.follow(m.client("mosquitto_sub", "-v", "-t", "#"))
	m.say("test/ready", "yes")
	m.await("test/ready yes")
}

func (m *mosquitto) client(name string, args ...string) *exec.Cmd {
	return exec.Command(name, append([]string{"-h", "127.0.0.1", "-p", fmt.Sprint(m.port), "-u", "me", "-P", secret}, args...)...)
}

func (m *mosquitto) follow(reader *exec.Cmd) {
	out, err := reader.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := reader.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = reader.Process.Kill(); _ = reader.Wait() })
	lines := m.lines
	go func() {
		for said := bufio.NewScanner(out); said.Scan(); {
			lines <- said.Text()
		}
	}()
}

// say publishes, retained.
func (m *mosquitto) say(topic, text string) {
	m.t.Helper()
	if out, err := m.client("mosquitto_pub", "-r", "-q", "1", "-t", topic, "-m", text).CombinedOutput(); err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
}

// await returns the next line that begins so.
func (m *mosquitto) await(begins string) string {
	m.t.Helper()
	var seen []string
	for late := time.After(20 * time.Second); ; {
		select {
		case line := <-m.lines:
			if strings.HasPrefix(line, begins) {
				return line
			}
			seen = append(seen, line)
		case <-late:
			m.t.Fatalf("no %q, but %q", begins, seen)
		}
	}
}

// kept is what the broker keeps, by topic.
func (m *mosquitto) kept() map[string]string {
	m.t.Helper()
	out, err := m.client("mosquitto_sub", "-v", "-t", "#", "--retained-only", "-W", "1").Output()
	if len(out) == 0 {
		m.t.Fatalf("it keeps nothing: %v", err) // it ends with an error, by its time limit
	}
	all := map[string]string{}
	for line := range strings.Lines(string(out)) {
		topic, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[topic] = text
	}
	return all
}

// house is a router whose facts change.
type house struct {
	mu      sync.Mutex
	facts   Facts
	changed chan struct{}
	conn    net.Conn // to the broker
}

// cut breaks the connection.
func (h *house) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.conn.(*net.TCPConn).CloseWrite()
}

func (h *house) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conn = conn
	return conn, err
}

func (h *house) now() (Facts, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.facts, h.changed
}

func (h *house) set(f Facts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.facts = f
	close(h.changed)
	h.changed = make(chan struct{})
}

func twoLines() Facts {
	rtt, loss, used := 8100*time.Microsecond, 0.02, uint64(1_500_000_000)
	return Facts{
		Router: "main", Version: "1.2", Verdict: "ok", Sentence: "Internet works, on fibre.", Active: "fibre",
		Lines: []Line{{"fibre", "up", &rtt, &loss, nil}, {"lte 5g", "up", nil, nil, &used}},
	}
}

// home runs a Home, and returns what ends it.
func home(t *testing.T, url string, h *house) (stop func()) {
	t.Helper()
	home, err := NewHome(url, h.now, func() []Way { return nil }, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	home.channel.direct = h.dial
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- home.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestHomeAssistantFindsTheRouter(t *testing.T) {
	m := newMosquitto(t)
	h := &house{facts: twoLines(), changed: make(chan struct{})}
	stop := home(t, m.url, h)
	defer stop()
	m.await("house/router/main/status online")
	line := m.await("house/router/main/state")
	want := `house/router/main/state {"active":"fibre","problem":false,"router":"main","sentence":"Internet works, on fibre.","verdict":"ok","wans":{` +
		`"fibre":{"loss_percent":2,"name":"fibre","rtt_ms":8.1,"state":"up","used_bytes":null},` +
		`"lte_205g":{"loss_percent":null,"name":"lte 5g","rtt_ms":null,"state":"up","used_bytes":1500000000}}}`
	if line != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	kept := m.kept()
	for _, topic := range []string{
		"sensor/twinpath_main/verdict", "sensor/twinpath_main/active", "binary_sensor/twinpath_main/problem", "event/twinpath_main/message",
		"sensor/twinpath_main/fibre_state", "sensor/twinpath_main/fibre_rtt", "sensor/twinpath_main/fibre_loss",
		"sensor/twinpath_main/lte_205g_state", "sensor/twinpath_main/lte_205g_used",
	} {
		var config struct {
			ID           string `json:"unique_id"`
			State        string `json:"state_topic"`
			Availability string `json:"availability_topic"`
			Device       struct{ Identifiers []string }
		}
		if err := json.Unmarshal([]byte(kept["homeassistant/"+topic+"/config"]), &config); err != nil {
			t.Fatalf("%s: %v", topic, err)
		}
		if !strings.HasPrefix(config.ID, "twinpath_main_") || !strings.HasPrefix(config.State, "house/router/") || config.Availability != "house/router/main/status" || config.Device.Identifiers[0] != "twinpath_main" {
			t.Errorf("%s: %+v", topic, config)
		}
	}
	if kept["homeassistant/sensor/twinpath_main/fibre_used/config"] != "" {
		t.Error("of a line whose data nobody counts")
	}

	worse := twoLines()
	worse.Verdict, worse.Active, worse.Lines = "backup", "lte 5g", worse.Lines[1:] // and the fibre is no more
	h.set(worse)
	if line := m.await(`house/router/main/state {"active":"lte 5g"`); !strings.Contains(line, `"problem":true`) {
		t.Error(line)
	}
	stop()
	m.await("house/router/main/status offline")
	for topic := range m.kept() {
		if strings.Contains(topic, "fibre") {
			t.Errorf("Home Assistant still has %s", topic)
		}
	}
}

func TestAnEarlierRunsLinesAreTakenAway(t *testing.T) {
	m := newMosquitto(t)
	m.say("homeassistant/sensor/twinpath_main/dsl_state/config", `{"name":"of a line that is gone"}`)
	m.say("homeassistant/sensor/twinpath_other/dsl_state/config", `{"name":"of another router"}`)
	h := &house{changed: make(chan struct{})} // not known yet
	defer home(t, m.url, h)()
	h.set(twoLines())
	m.await("house/router/main/state")
	m.await("homeassistant/sensor/twinpath_main/dsl_state/config")
	kept := m.kept()
	if kept["homeassistant/sensor/twinpath_main/dsl_state/config"] != "" || kept["homeassistant/sensor/twinpath_other/dsl_state/config"] == "" || kept["homeassistant/sensor/twinpath_main/fibre_state/config"] == "" {
		t.Errorf("%v", kept)
	}
	// Home Assistant starts, and has forgotten everything.
	m.say("homeassistant/status", "online")
	m.await("homeassistant/sensor/twinpath_main/fibre_state/config {")
	m.await("house/router/main/state")
}

func TestABrokerThatRestarts(t *testing.T) {
	m := newMosquitto(t)
	h := &house{facts: twoLines(), changed: make(chan struct{})}
	stop := home(t, m.url, h)
	defer stop()
	m.await("house/router/main/state")
	m.stop()
	m.start()
	m.read()
	m.await("house/router/main/status online")
}

func TestARouterThatDies(t *testing.T) {
	m := newMosquitto(t)
	h := &house{facts: twoLines(), changed: make(chan struct{})}
	before, files := runtime.NumGoroutine(), open(t)
	stop := home(t, m.url, h)
	m.await("house/router/main/state")
	h.cut() // without a good-bye
	m.await("house/router/main/status offline")
	m.await("house/router/main/status online") // a second later
	stop()
	m.await("house/router/main/status offline")
	settle(t, before, files)
}

func TestMessagesByMQTT(t *testing.T) {
	m := newMosquitto(t)
	c, err := Parse(m.url)
	if err != nil {
		t.Fatal(err)
	}
	never := Way{Dial: func(context.Context, string, string) (net.Conn, error) {
		panic("a broker in the house is reached directly")
	}}
	if err := c.Send(t.Context(), never, Message{Title: "fibre is down", Text: "ü", Priority: High, ID: "7", Fields: map[string]string{"wan": "fibre"}}); err != nil {
		t.Fatal(err)
	}
	want := `house/router/message {"event_type":"message","fields":{"wan":"fibre"},"id":"7","priority":"high","resolved":false,"text":"ü","title":"fibre is down"}`
	if line := m.await("house/router/message"); line != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	before, files := runtime.NumGoroutine(), open(t)
	for range 50 {
		if err := c.Send(t.Context(), Way{}, outage); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, before, files)

	wrong, err := Parse(strings.Replace(m.url, secret, "another-"+secret, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := wrong.Send(t.Context(), Way{}, outage); err == nil || !strings.Contains(err.Error(), "not Authorized") || shows(err.Error()) {
		t.Error(err)
	}
	m.stop()
	if err := c.Send(t.Context(), Way{}, outage); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
	settle(t, before, files)
}

// open is how many files this process has open.
func open(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// settle waits for what ends by itself, and finds what does not.
func settle(t *testing.T, goroutines, files int) {
	t.Helper()
	for range 500 {
		if runtime.NumGoroutine() <= goroutines && open(t) <= files {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d goroutines and %d files, %d and %d before:\n%s", runtime.NumGoroutine(), open(t), goroutines, files, stacks[:runtime.Stack(stacks, true)])
}
