package wizard_test

import (
	"strings"
	"testing"

	"github.com/twinpath/twinpath/wizard"
)

// wired is a file with all that the wizard does not ask about lines, names and the house's IPv6.
const wired = `[lan]
interface = "eth2"
address = "192.168.1.1/24"
ipv6 = "translate"
prefix = "fd6c:7a1e:90b3::/64"

[[wan]]
name = "fibre"
interface = "eth0"
kind = "pppoe"
pppoe = { user = "me@isp", password = "secret", service = "internet", dial = "active" }
vlan = 7
mac = "02:00:00:00:00:77"
ipv6 = "off"
shape = { down = "95Mbit", up = "38Mbit" }

[[wan]]
name = "mobile"
interface = "usb*"
cost = 50

[firewall]
offload = "off"

[[firewall.forward]]
proto = "tcp"
port = "443"
to = "::10"

[[ddns]]
provider = "duckdns.org"
host = "home.duckdns.org"
wan = "fibre"
`

func wiredDraft(t *testing.T, ports ...wizard.Port) *wizard.Draft {
	t.Helper()
	d, err := wizard.From([]byte(wired), box(ports...))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLinesKeepWhatIsNotAsked(t *testing.T) {
	for _, c := range []struct {
		name string
		give []string
		want string
	}{
		{"nothing", nil, ""},
		{"another name", []string{"line.0.name", "glass"}, "-name = \"fibre\"\n+name = \"glass\"\n-wan = \"fibre\"\n+wan = \"glass\"\n"},
		{"another VLAN", []string{"line.0.vlan", "40"}, "-vlan = 7\n+vlan = 40\n"},
		{"no VLAN", []string{"line.0.vlan", ""}, "-vlan = 7\n"},
		{"another password", []string{"line.0.password", "other"},
			"-pppoe = { user = \"me@isp\", password = \"secret\", service = \"internet\", dial = \"active\" }\n" +
				"+pppoe = { user = \"me@isp\", password = \"other\", service = \"internet\", dial = \"active\" }\n"},
		{"a phone is metered anyway", []string{"line.1.metered", "yes"}, ""},
		{"one that is not says so", []string{"line.1.metered", "no"}, "+metered = false\n"},
	} {
		d := wiredDraft(t, modem(0), silent(2), phone())
		answer(t, d, wizard.Internet, c.give...)
		if got := changed(t, wired, d); got != c.want {
			t.Errorf("%s changes\n%swant\n%s", c.name, got, c.want)
		}
	}
}

func TestNewPhoneThatIsFree(t *testing.T) {
	f := box(offer(0, "198.51.100.7/24"), silent(1), phone())
	d := wizard.New(f)
	if wrong := d.Answer(wizard.Internet, f, map[string]string{"line.1.metered": "no"}); len(wrong) > 0 {
		t.Fatalf("%+v", wrong)
	}
	text := string(d.TOML(nil))
	if good(t, []byte(text)); strings.Count(text, "metered = false") != 1 {
		t.Errorf("whoever says that a phone is free has to be heard:\n%s", text)
	}
}

func TestVLANIsANumber(t *testing.T) {
	for _, text := range []string{"0", "4095", "x", "-7"} {
		d := wiredDraft(t, modem(0), silent(2), phone())
		if wrong := d.Answer(wizard.Internet, ownedFacts, map[string]string{"line.0.vlan": text}); len(wrong) != 1 || wrong[0].Hint == "" {
			t.Errorf("%q is taken: %+v", text, wrong)
		}
	}
}

// A line that a name follows cannot be taken away.
func TestNamesHoldTheirLine(t *testing.T) {
	d := wiredDraft(t, modem(0), silent(2), phone())
	if where := d.Named["fibre"]; !strings.Contains(where, "[[ddns]] in line 3") {
		t.Errorf("fibre is named by %q", where)
	}
}
