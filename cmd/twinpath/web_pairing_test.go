package main

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/wizard"
)

// firstOfTwo is what the wizard writes for the first router of a pair, as far as the second has to know it.
const firstOfTwo = `
[router]
name = "main"
[lan]
interface = "lan0"
address = "192.168.1.2/24"
[lan.dhcp]
range = ["192.168.1.100", "192.168.1.199"]
lease = "12h"
[web]
[pair]
peer = "192.168.1.3"
secret = "0123456789abcdef"
[[vrrp]]
name = "lan"
id = 51
addresses = ["192.168.1.1/24", "fe80::51/64"]
priority = 100
`

func TestOfferOf(t *testing.T) {
	for name, c := range map[string]struct {
		replace [2]string
		refusal string
	}{
		"first of two":    {},
		"alone":           {[2]string{"[pair]\npeer = \"192.168.1.3\"\nsecret = \"0123456789abcdef\"\n", ""}, "this router is not the first of two yet"},
		"nothing shared":  {[2]string{firstOfTwo[strings.Index(firstOfTwo, "[[vrrp]]"):], ""}, "the house has no virtual address"},
		"page elsewhere":  {[2]string{"[web]\n", "[web]\nlisten = [\"192.168.1.2:8080\"]\n"}, "the other router would look for this page at http://192.168.1.2/"},
		"page over TLS":   {[2]string{"[web]\n", "[web]\nlisten = [\"192.168.1.2:80\"]\ntls = [\"192.168.1.2:443\"]\n"}, ""},
		"page everywhere": {[2]string{"[web]\n", "[web]\nlisten = [\"192.168.1.2:80\", \"192.168.1.1:80\"]\n"}, ""},
	} {
		cfg, problems := config.Parse(name, []byte(strings.Replace(firstOfTwo, c.replace[0], c.replace[1], 1)))
		if len(problems) > 0 {
			t.Fatalf("%s: %v", name, problems)
		}
		at, got, err := offerOf(cfg)
		if c.refusal != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.refusal) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		want := wizard.Pairing{
			Router: "main", LAN: netip.MustParsePrefix("192.168.1.3/24"), Peer: netip.MustParseAddr("192.168.1.2"),
			Virtual: netip.MustParsePrefix("192.168.1.1/24"), Link: netip.MustParsePrefix("fe80::51/64"), ID: 51, Priority: 50, Version: 3, Secret: "0123456789abcdef",
			DHCP: [2]netip.Addr{netip.MustParseAddr("192.168.1.100"), netip.MustParseAddr("192.168.1.199")},
		}
		if err != nil || at != want.Peer || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: at %s, %+v, %v", name, at, got, err)
		}
	}
}
