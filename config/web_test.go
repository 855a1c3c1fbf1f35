package config

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

func page(t *testing.T) router.Config {
	t.Helper()
	text, err := os.ReadFile("testdata/good/page.toml")
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, string(text))
}

func TestFullPage(t *testing.T) {
	cfg := page(t)
	at := netip.MustParseAddrPort
	equal(t, "web", cfg.Web, router.Web{
		On:       true,
		Listen:   []netip.AddrPort{at("192.168.1.2:80"), at("10.1.1.1:8080"), at("[fd00::2]:80")},
		TLS:      []netip.AddrPort{at("0.0.0.0:443")},
		Password: "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		Names:    []string{"router.example", "house"},
	})
	equal(t, "pair", cfg.Pair, router.Pair{Peer: netip.MustParseAddr("192.168.1.3"), Secret: "4c1f0a6de85b2793", Port: 61112, Beat: 50 * time.Millisecond, Keep: 30 * time.Minute})
	equal(t, "alert", cfg.Alert, router.Alert{
		Wait: 90 * time.Second, Heartbeat: "https://hc-ping.com/one", Every: 10 * time.Minute,
		To: []router.AlertTo{
			{URL: "ntfy://ntfy.sh/a-topic-that-nobody-guesses", Events: []string{"wan", "router"}},
			{URL: "http://192.168.1.10:8123/api/webhook/x"},
		},
	})
}

func TestThePageAndAlertsByDefault(t *testing.T) {
	lan := "[lan]\ninterface = \"lan0\"\naddress = \"192.168.1.1/24\"\n"
	equal(t, "web", parsed(t, lan+"[web]\n").Web, router.Web{On: true})
	equal(t, "no web", parsed(t, lan).Web, router.Web{})
	equal(t, "without a house", parsed(t, "[web]\nlisten = \"127.0.0.1:8080\"\n").Web,
		router.Web{On: true, Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8080")}})
	equal(t, "alert", parsed(t, "[alert]\n").Alert, router.Alert{Wait: time.Minute, Remind: 24 * time.Hour, Every: 5 * time.Minute})
	line := parsed(t, "[[wan]]\nname = \"fibre\"\ninterface = \"wan0\"\nheartbeat = \"https://hc-ping.com/two\"\n").WANs[0]
	equal(t, "a line's heartbeat", line.Heartbeat, "https://hc-ping.com/two")
}
