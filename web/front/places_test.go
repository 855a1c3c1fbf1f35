package front

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/router"
)

func parsed(t *testing.T, text string) router.Config {
	t.Helper()
	cfg, problems := config.Parse("twinpath.toml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return cfg
}

const (
	lanOnly = "[lan]\ninterface = \"lan0\"\naddress = \"192.168.1.2/24\"\n"
	shared  = "[[vrrp]]\nname = \"lan\"\nid = 51\ninterface = \"lan0\"\naddresses = [\"192.168.1.1/24\", \"fd00::1/64\"]\n"
	ownMAC  = shared + "virtual_mac = true\n"
)

// g is a machine with lan0 and wan0; holder are addresses that somebody has.
func g(t *testing.T, text string, holder map[string]string) ground {
	on := ground{cfg: parsed(t, text), index: map[string]int{"lan0": 2, "wan0": 3, "vr2-51-4": 4}, holder: map[netip.Addr]string{}}
	if on.cfg.LAN.Interface != "" {
		on.lan = "lan0"
	}
	for a, device := range holder {
		on.holder[netip.MustParseAddr(a)] = device
	}
	return on
}

func TestWhereTheSocketsAre(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		holder map[string]string
		want   string
	}{
		"no section":              {lanOnly, nil, ""},
		"the LAN":                 {lanOnly + "[web]\n", nil, "[::]:80 lan0"},
		"shared":                  {lanOnly + shared + "[web]\n", nil, "[::]:80 lan0"},
		"shared with its own MAC": {lanOnly + ownMAC + "[web]\n", nil, "[::]:80 lan0"},
		"held with its own MAC":   {lanOnly + ownMAC + "[web]\n", map[string]string{"192.168.1.1": "vr2-51-4"}, "192.168.1.1:80 vr2-51-4, [::]:80 lan0"},
		"listed, not there yet":   {lanOnly + "[web]\nlisten = [\"192.168.1.2:8080\"]\n", nil, "192.168.1.2:8080 lan0"},
		"listed, shared":          {lanOnly + shared + "[web]\nlisten = [\"192.168.1.1:80\"]\n", nil, "192.168.1.1:80 lan0"},
		"with TLS":                {lanOnly + "[web]\ntls = [\"192.168.1.2:443\"]\n", nil, "192.168.1.2:443 lan0 tls, [::]:80 lan0"},
		"without LAN":             {"[web]\nlisten = [\"203.0.113.9:80\"]\n" + strings.Replace(shared, "lan0", "eth0", 1), map[string]string{"203.0.113.9": "wan0"}, "203.0.113.9:80 wan0"},
		"without LAN, not there":  {"[web]\nlisten = [\"203.0.113.9:80\"]\n" + strings.Replace(shared, "lan0", "eth0", 1), nil, "203.0.113.9:80 "},
		"listed with its own MAC": {lanOnly + ownMAC + "[web]\nlisten = [\"192.168.1.1:80\"]\n", nil, ""},
		"listed, held as its own": {lanOnly + ownMAC + "[web]\nlisten = [\"192.168.1.1:80\"]\n", map[string]string{"192.168.1.1": "vr2-51-4"}, "192.168.1.1:80 vr2-51-4"},
	} {
		var got []string
		for _, p := range g(t, c.text, c.holder).wanted() {
			text := p.at.String() + " " + p.device
			if p.secure {
				text += " tls"
			}
			got = append(got, text)
		}
		slices.Sort(got)
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: got %q, want %q", name, text, c.want)
		}
	}
}

func TestWhatIsNotOpened(t *testing.T) {
	d := &Doors{Lines: func() []string { return []string{"wan0"} }}
	on := g(t, lanOnly+"[web]\n", nil)
	at := netip.MustParseAddrPort("203.0.113.9:80")
	for device, want := range map[string]string{
		"":     "open the page at 203.0.113.9:80: no interface has that address",
		"usb0": "open the page at 203.0.113.9:80: there is no interface usb0",
		"wan0": "open the page at 203.0.113.9:80: wan0 leads to the Internet\nhint: list addresses of the house in [web] listen",
	} {
		if _, err := d.opened(place{at: at, device: device}, on); err == nil || err.Error() != want {
			t.Errorf("on %q: %v, want %s", device, err, want)
		}
	}
}

func TestURLs(t *testing.T) {
	cfg := parsed(t, lanOnly+shared+"[web]\ntls = [\"192.168.1.2:443\", \"192.168.1.2:8443\"]\n")
	const want = "http://192.168.1.2/ http://192.168.1.1/ http://[fd00::1]/ https://192.168.1.2/ https://192.168.1.2:8443/"
	if got := strings.Join(URLs(cfg), " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	const alone = "http://192.168.1.2/ https://192.168.1.2/ https://192.168.1.2:8443/"
	if got := strings.Join(own(cfg), " "); got != alone {
		t.Errorf("of this router alone: got %s\nwant %s", got, alone)
	}
	if got := URLs(parsed(t, lanOnly)); len(got) != 0 {
		t.Errorf("without [web]: %v", got)
	}
}

func TestNames(t *testing.T) {
	cfg := parsed(t, "[router]\nname = \"Main\"\n"+lanOnly+"dns = { domain = \"home.arpa\" }\n[web]\nnames = [\"router.example\"]\n")
	const want = "main main.home.arpa main.local router.example twinpath twinpath.home.arpa twinpath.local"
	if got := strings.Join(namesOf(cfg, "localhost.localdomain"), " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for name, want := range map[string]bool{"a-1": true, "-a": false, "a-": false, "": false, "a.b": false, "a_b": false, "127": true, strings.Repeat("a", 64): false} {
		if plainName(name) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
}
