package drill

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/twinpath/twinpath/router"
)

// site6 is site, by IPv4 and IPv6 or by IPv4 only.
func site6(t *testing.T, network string) string {
	t.Helper()
	l, err := net.Listen(network, ":0")
	if err != nil {
		t.Skipf("no %s here: %v", network, err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(megabyte))
	_ = s.Listener.Close()
	s.Listener = l
	s.StartTLS()
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "https://example.com:" + port + "/1MB"
}

// tried6 proves a line of this machine's loopback that has IPv6. Whether pings are answered depends on who runs the test.
func tried6(t *testing.T, fetch string, server netip.AddrPort) (Proof, string) {
	t.Helper()
	var all strings.Builder
	p := Prove(t.Context(), Task{
		Line: Line{Name: "lte", Control: free, DNS: []netip.AddrPort{server}, MTU: 1500, Targets6: []string{"::1"}, MTU6: 1500}, Fetch: fetch, Name: "example.org",
	}, func(s router.DrillStep) {
		all.WriteString(s.What + map[bool]string{true: " ok: ", false: " fails: "}[s.OK] + s.Detail + "\n")
	})
	return p, all.String()
}

func TestProveIPv6(t *testing.T) {
	p, steps := tried6(t, site6(t, "tcp"), nameServer(t, 0, false))
	if p.Broken != "" || p.Broken6 != "" || !p.Six || p.Hole6 || p.Bytes != 1e6 {
		t.Errorf("%+v", p)
	}
	wantSteps(t, steps, "fetch ok", "dns6 ok: ::1 for example.com", "tls6 ok: example.com in ")
	if strings.Index(steps, "ping6") < strings.Index(steps, "fetch") {
		t.Errorf("IPv6 comes first:\n%s", steps)
	}
}

func TestALineWithIPv4Only(t *testing.T) {
	p, steps := tried(t, site(t, megabyte), nameServer(t, 0, false))
	if p.Six || strings.Contains(steps, "ping6") {
		t.Errorf("%+v\n%s", p, steps)
	}
}

// TestBrokenIPv6 keeps no line from carrying the house.
func TestBrokenIPv6(t *testing.T) {
	p, steps := tried6(t, site6(t, "tcp4"), nameServer(t, 0, false))
	if p.Broken != "" || p.Broken6 != "no answer" && p.Broken6 != "no TLS connection to example.com: connection refused" {
		t.Errorf("%+v", p)
	}
	wantSteps(t, steps, "tls6 fails: connection refused")
}

func TestAHostWithoutIPv6(t *testing.T) {
	p, steps := tried6(t, "https://127.0.0.1:9/", nameServer(t, dnsmessage.RCodeSuccess, false))
	if strings.Contains(steps, "tls6") {
		t.Errorf("%+v\n%s", p, steps)
	}
	wantSteps(t, steps, "dns6 ok: 127.0.0.1 is no name")
	_, steps = tried6(t, site6(t, "tcp"), nameServer(t, dnsmessage.RCodeNameError, false))
	wantSteps(t, steps, "dns6 ok: example.com has no IPv6 address")
}

func TestWhatBecomesOfIPv6(t *testing.T) {
	with := &router.WANSnapshot{Name: "fibre", IPv6: &router.IPv6View{State: "up"}}
	for name, c := range map[string]struct {
		proof Proof
		now   *router.WANSnapshot
		says  string
	}{
		"works":         {Proof{Line: "lte", Six: true, MTU6: 1500}, with, "IPv6 works on lte, too."},
		"broken":        {Proof{Line: "lte", Six: true, Broken6: "no answer"}, with, "IPv6 does not work on lte: no answer. What can uses IPv4."},
		"a hole":        {Proof{Line: "lte", Six: true, MTU6: 1400, Hole6: true}, with, "IPv6 packets of more than 1400 bytes vanish on lte."},
		"none":          {Proof{Line: "lte"}, with, "lte has no IPv6: what uses it over fibre now uses IPv4 then."},
		"none on both":  {Proof{Line: "lte"}, &router.WANSnapshot{Name: "fibre"}, ""},
		"nobody to ask": {Proof{Line: "lte"}, nil, ""},
	} {
		if got := over6(c.proof, c.now); got != c.says {
			t.Errorf("%s: it says %q, want %q", name, got, c.says)
		}
	}
}

func TestTheRemedy(t *testing.T) {
	for fixed, want := range map[bool]string{true: "mtu = 1400 in its [[wan]] helps", false: "it is measured now, and TCP told to send smaller ones"} {
		if got := (Line{Fixed: fixed}).remedy(1400); got != want {
			t.Errorf("fixed %t: %q, want %q", fixed, got, want)
		}
	}
}
