package lab

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// keeper is a provider of names in the Internet, at an address that is nobody's there: only to such a one passwords go unencrypted.
const keeper = "10.9.8.7"

// TestNamesFollowTheHouse has a provider told of the line that carries the house, over that line, by the real inadyn.
func TestNamesFollowTheHouse(t *testing.T) {
	t.Parallel()
	place := Default()
	place.Tag = fmt.Sprintf("n%d-", tags.Add(1))
	h, err := Build(t.Context(), place)
	must(t, err)
	t.Cleanup(h.Close)
	must(t, ip(h.internet.space, "addr add "+keeper+"/32 dev lo"))
	told := make(chan string, 16)
	must(t, h.serveHTTP(h.internet.space, 8245, func(w http.ResponseWriter, r *http.Request) {
		at, _ := netip.ParseAddrPort(r.RemoteAddr)
		by := h.LineOf(at.Addr().Unmap())
		user, password, _ := r.BasicAuth()
		told <- fmt.Sprintf("%s is %s by %s for %s:%s", r.URL.Query().Get("host"), r.URL.Query().Get("ip"), by, user, password)
		fmt.Fprintln(w, "good")
	}))
	b := h.Boxes[0]
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", b.Log())
		}
	})
	must(t, b.Start(t.Context(), built(t), quick()+`
[[ddns]]
provider = "custom"
host     = "home.example.org"
user     = "kim"
password = "kitchen-sink"
server   = "http://`+keeper+`:8245"
path     = "/update?host=%h&ip=%i"
`))
	next := func(line string) {
		t.Helper()
		s := await(t, b, line+" carries", carriedBy(line))
		i := slices.IndexFunc(s.WANs, func(w WANStatus) bool { return w.Name == line })
		want := fmt.Sprintf("home.example.org is %s by %s for kim:kitchen-sink", s.WANs[i].Address, line)
		select {
		case got := <-told:
			if got != want {
				t.Errorf("the provider hears %q, want %q", got, want)
			}
		case <-time.After(45 * time.Second):
			t.Fatalf("the provider hears nothing of %s", line)
		}
	}
	await(t, b, "both lines are up", on("fibre"))
	next("fibre")
	must(t, h.Cut("main", "fibre"))
	next("lte")
	select {
	case extra := <-told:
		t.Errorf("and then %q", extra)
	case <-time.After(2 * time.Second):
	}
	if strings.Contains(b.Log(), "kitchen-sink") {
		t.Error("the password is in the log")
	}
}
