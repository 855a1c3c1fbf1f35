package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/web"
	"github.com/twinpath/twinpath/wizard"
)

// typist types one line after the other, and leaves what was typed on the screen.
type typist struct {
	lines  []string
	screen *bytes.Buffer
}

// Read implements io.Reader: one line each.
func (y *typist) Read(p []byte) (int, error) {
	if len(y.lines) == 0 {
		return 0, io.EOF
	}
	line := y.lines[0] + "\n"
	y.lines = y.lines[1:]
	y.screen.WriteString(line)
	return copy(p, line), nil
}

// sit is a visit to a box with two lines by DHCP, with what its owner will type.
func sit(t *testing.T, file string, lines ...string) (*visit, *bytes.Buffer) {
	t.Helper()
	screen := new(bytes.Buffer)
	port := func(name, mac, network, why string) wizard.Port {
		p := wizard.Port{Name: name, MAC: mac, Driver: "r8169", Carrier: true, Leads: wizard.ToHouse, Why: why}
		if network != "" {
			p.Leads, p.Network = wizard.ToDHCP, netip.MustParsePrefix(network)
			p.Gateway = p.Network.Masked().Addr().Next()
		}
		return p
	}
	text, _ := os.ReadFile(file)
	return &visit{
		dialog: newDialog(stdio{&typist{lines, screen}, screen, screen}), file: file, old: string(text),
		facts: wizard.Facts{
			Hostname: "twinpath", Rand: func() string { return "abcdefghijklmnopqrstuvwxyz" },
			Hash: func(string) (string, error) {
				return "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", nil
			},
			Ports: []wizard.Port{
				port("eth0", "02:00:00:00:00:00", "198.51.100.7/24", "a DHCP server offers the network 198.51.100.0/24"),
				port("eth1", "02:00:00:00:00:01", "203.0.113.7/24", "a DHCP server offers the network 203.0.113.0/24"),
				port("eth2", "02:00:00:00:00:02", "", "nobody answers: this is the house's side"),
			},
		},
	}, screen
}

// accepted is Enter for the 19 questions of the default home before its password.
func accepted(then ...string) []string {
	return append(make([]string, 19), then...)
}

func TestWizardTranscript(t *testing.T) {
	file := filepath.Join(t.TempDir(), "twinpath.toml")
	lines := []string{"?", "", "b"}                              // explain the first port; go back from the second one
	lines = append(lines, "", "", "", "fi bre")                  // a name that is none
	lines = append(lines, accepted()[3:]...)                     // everything else as proposed
	lines = append(lines, "short", "correct horse", "wrong one") // passwords that will not do
	lines = append(lines, "correct horse", "correct horse", "y")
	v, screen := sit(t, file, lines...)
	if err := v.converse(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, screen)
	}
	golden(t, "wizard.txt", strings.ReplaceAll(screen.String(), file, "/etc/twinpath/twinpath.toml"))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(screen.String(), string(text)) {
		t.Errorf("what was shown is not what was written:\n%s", text)
	}
	if stat, err := os.Stat(file); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("the file is for everybody to read: %v %v", stat.Mode(), err)
	}
}

func TestWizardLeftInTheMiddleWritesNothing(t *testing.T) {
	for n := range 24 {
		file := filepath.Join(t.TempDir(), "twinpath.toml")
		v, screen := sit(t, file, accepted("correct horse", "correct horse")[:min(n, 21)]...)
		if err := v.converse(t.Context()); err != saidError(no) {
			t.Errorf("after %d answers: %v", n, err)
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("after %d answers the file was written", n)
		}
		if !strings.HasSuffix(screen.String(), "Nothing was changed.\n") {
			t.Errorf("after %d answers it says\n%s", n, screen)
		}
	}
}

func TestWizardInterrupted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "twinpath.toml")
	v, _ := sit(t, file)
	in, _ := io.Pipe()
	v.dialog = newDialog(stdio{in, io.Discard, io.Discard})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.converse(ctx); err != saidError(no) {
		t.Errorf("after Ctrl-C: %v", err)
	}
}

// daemonFor answers on a socket, and notes the verbs.
func daemonFor(t *testing.T) (*web.Client, *[]string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	verbs := new([]string)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*verbs = append(*verbs, strings.TrimPrefix(r.URL.Path, "/api/v1/")+" "+r.URL.Query().Get("confirm"))
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return web.NewClient(socket), verbs
}

func TestWizardAppliesThroughTheDaemon(t *testing.T) {
	for _, c := range []struct {
		answers []string
		want    string
		status  error
	}{
		{[]string{"y", "y"}, "apply 1m30s,confirm ", nil},
		{[]string{"y", "n"}, "apply 1m30s,revert ", saidError(no)},
		{[]string{"y"}, "apply 1m30s,revert ", saidError(no)}, // the connection broke: the new network is the reason, perhaps
		{[]string{"n"}, "", saidError(no)},
	} {
		client, verbs := daemonFor(t)
		v, screen := sit(t, filepath.Join(t.TempDir(), "twinpath.toml"), accepted(append([]string{"correct horse", "correct horse"}, c.answers...)...)...)
		v.client, v.running = client, true
		if err := v.converse(t.Context()); err != c.status {
			t.Errorf("%v: %v\n%s", c.answers, err, screen)
		}
		if got := strings.Join(*verbs, ","); got != c.want {
			t.Errorf("%v: the daemon was asked %q, not %q", c.answers, got, c.want)
		}
	}
}

func TestWizardChangesAnOldFile(t *testing.T) {
	file := write(t, "# ours\n"+good)
	v, screen := sit(t, file)
	v.dialog = newDialog(stdio{&byQuestion{screen: screen, answers: map[string]string{"What is this router called?": "attic"}}, screen, screen})
	if err := v.converse(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, screen)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "# ours\n") || !strings.Contains(string(text), `name = "attic"`) {
		t.Errorf("the file is now\n%s\n%s", text, screen)
	}
}

func TestWizardSaysWhichCableMoved(t *testing.T) {
	v, screen := sit(t, filepath.Join(t.TempDir(), "twinpath.toml"), "w")
	looks := 0
	v.cables = func() map[string]bool {
		looks++
		return map[string]bool{"eth0": true, "eth1": looks != 2}
	}
	if err := v.converse(t.Context()); err != saidError(no) {
		t.Fatalf("%v\n%s", err, screen)
	}
	if !strings.Contains(screen.String(), "You unplugged eth1.") {
		t.Errorf("it says\n%s", screen)
	}
}

// The order of the lines is asked one by one, and counts together only.
func TestWizardTurnsTheLinesAround(t *testing.T) {
	lines := accepted("correct horse", "correct horse", "y")
	lines[5], lines[9] = "2", "1"
	v, screen := sit(t, filepath.Join(t.TempDir(), "twinpath.toml"), lines...)
	if err := v.converse(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, screen)
	}
	text, err := os.ReadFile(v.file)
	if err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Parse(v.file, text)
	if len(problems) > 0 || cfg.WANs[0].Cost != 50 || cfg.WANs[1].Cost != 0 {
		t.Errorf("%v\n%s", problems, text)
	}
}

// byQuestion answers what it knows and takes every other proposal.
type byQuestion struct {
	screen  *bytes.Buffer
	answers map[string]string
	seen    int
	count   int
}

// Read implements io.Reader.
func (b *byQuestion) Read(p []byte) (int, error) {
	if b.count++; b.count > 60 { // more than there are questions
		return 0, io.EOF
	}
	shown := b.screen.String()[b.seen:]
	b.seen = b.screen.Len()
	for question, answer := range b.answers {
		if strings.Contains(shown, question) {
			return copy(p, answer+"\n"), nil
		}
	}
	if strings.HasSuffix(shown, "> ") {
		return copy(p, "correct horse\n"), nil
	}
	return copy(p, "\n"), nil
}
