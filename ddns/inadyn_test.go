package ddns

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twinpath/twinpath/router"
)

// provider is a server that keeps names, and what it was asked for.
type provider struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
	look  func() // while inadyn runs
}

// newProvider answers by the last part of the path: status and text.
func newProvider(t *testing.T) *provider {
	if _, err := exec.LookPath("inadyn"); err != nil {
		t.Skip(err)
	}
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		p.mu.Lock()
		p.asked = append(p.asked, fmt.Sprintf("%s %s by %s %s", r.URL.Query().Get("h"), r.URL.Query().Get("a"), user, password))
		p.mu.Unlock()
		if p.look != nil {
			p.look()
		}
		var status int
		var text string
		if _, err := fmt.Sscanf(r.URL.Path, "/%d/%s", &status, &text); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
		fmt.Fprintln(w, text)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) entry(path string) router.DDNS {
	return router.DDNS{Provider: Custom, Hosts: []string{"home.example.org", "nas.example.org"}, User: `it's "$(reboot)" \${HOME}`, Password: `pa'ss #\w"`,
		Server: p.URL, Path: path + "?h=%h&a=%i"}
}

func TestInadynTells(t *testing.T) {
	p := newProvider(t)
	p.look = func() { // the secret is in nobody's arguments, environment or files
		out, _ := exec.Command("sh", "-c", `cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ "${TMPDIR:-/tmp}"/twinpath-ddns-*/* 2>/dev/null`).Output()
		if strings.Contains(string(out), "pa'ss") || !strings.Contains(string(out), "--once") {
			t.Errorf("others see %q", out)
		}
	}
	for _, text := range []string{"203.0.113.2", "2001:4860:4860::2"} {
		if err := Inadyn(t.Context(), p.entry("/200/good"), netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		var want []string
		for _, host := range p.entry("").Hosts {
			want = append(want, fmt.Sprintf("%s %s by %s %s", host, text, p.entry("").User, p.entry("").Password))
		}
		if !slices.Equal(p.asked, want) {
			t.Errorf("the provider was asked %q, want %q", p.asked, want)
		}
		p.asked = nil
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "twinpath-ddns-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestInadynSaysWhyNot(t *testing.T) {
	p := newProvider(t)
	gone := router.DDNS{Provider: Custom, Hosts: []string{"home.example.org"}, Server: "http://" + closed(t), Path: "/x?%i"}
	for name, c := range map[string]struct {
		entry   router.DDNS
		want    string
		refused bool
	}{
		"password": {p.entry("/401/badauth"), "the provider does not take user name or password", true},
		"name":     {p.entry("/200/nohost"), `the provider says "[200 OK] nohost"`, true},
		"overload": {p.entry("/500/later"), `the provider says "[500 Internal Server Error] later"`, false},
		"gone":     {gone, "connect to 127.0.0.1: Connection refused", false},
		"unknown":  {router.DDNS{Provider: "nobody@example.net", Hosts: []string{"home.example.org"}}, "inadyn knows no provider nobody@example.net", true},
	} {
		err := Inadyn(t.Context(), c.entry, netip.MustParseAddr("203.0.113.2"))
		if err == nil || err.Error() != c.want || errors.Is(err, ErrRefused) != c.refused {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Inadyn(ctx, p.entry("/200/good"), netip.MustParseAddr("203.0.113.2")); err == nil {
		t.Error("it runs although it is not to")
	}
}

// closed is an address of this machine where nobody answers.
func closed(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestCleanHidesSecrets(t *testing.T) {
	e := router.DDNS{User: "token-123", Password: "hunter22"}
	got := clean("no such\ttoken-123 hunter22 "+strings.Repeat("x", 200), e)
	if strings.Contains(got, "token-123") || strings.Contains(got, "hunter22") || len([]rune(got)) > 101 || !strings.HasPrefix(got, "no such … … xxx") {
		t.Errorf("%q", got)
	}
}

// Versions call a name's file differently, and one name may be the end of another.
func TestToldIn(t *testing.T) {
	dir := t.TempDir()
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one, two := netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr("2001:db8::2")
	hosts := []string{"home.example.org", "my-home.example.org", "nas.example.org"}
	wants := func(a netip.Addr, want string) {
		t.Helper()
		if got := fmt.Sprint(slices.Sorted(maps.Keys(toldIn(dir, hosts, a)))); got != want {
			t.Errorf("%v is told for %s, want %s", a, got, want)
		}
	}
	write("home.example.org.cache", nowhere)
	write("default@he.net-my-home.example.org.cache", "203.0.113.2")
	write("home.example.org", "203.0.113.2")
	wants(one, "[my-home.example.org]")
	write("custom-home.example.org.cache", "203.0.113.2\n")
	write("nas.example.org.cache", "2001:db8::2")
	wants(one, "[home.example.org my-home.example.org]")
	wants(two, "[nas.example.org]")
}

// TestReasonsOfLaterVersions has what inadyn 2.13 says, which Debian 12 does not have.
func TestReasonsOfLaterVersions(t *testing.T) {
	for said, want := range map[string]string{
		"Fatal error in DDNS server response: Authentication failure\nError response from DDNS server, exiting!":      "the provider does not take user name or password",
		"Fatal error in DDNS server response: DDNS server response not OK\nError response from DDNS server, exiting!": `the provider says "DDNS server response not OK"`,
		"Temporary error in DDNS server response: DDNS server busy, retry later\nWill retry again in 600 sec ...":     `the provider says "DDNS server busy, retry later"`,
		"Update forced for alias a, new IP# 203.0.113.2\nHTTP(S) Transaction failed, error 3: Failed connecting":      "ask the provider: error 3: Failed connecting",
		"Update forced for alias a, new IP# 203.0.113.2":                                                              `inadyn says "Update forced for alias a, new IP# 203.0.113.2"`,
		"": "run inadyn: it says nothing",
	} {
		var lines []string
		if said != "" {
			lines = strings.Split(said, "\n")
		}
		if got := reason(router.DDNS{}, lines, nil); got.Error() != want || errors.Is(got, ErrRefused) != strings.HasPrefix(said, "Fatal") {
			t.Errorf("%q becomes %q, want %q", said, got, want)
		}
	}
}
