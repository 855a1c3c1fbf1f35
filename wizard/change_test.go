package wizard_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/wizard"
)

// owned is a file as an owner keeps it: with comments, and with much that the wizard knows nothing of.
const owned = `# Our house. Do not touch without asking Kim.

[router]
name = "main"

[lan]
interface = "eth2"   # the blue cable
address   = "192.168.1.1/24"
ipv6      = "off"

  [lan.dhcp]
  range = ["192.168.1.100", "192.168.1.199"]
  lease = "2h"

[[lan.host]]
mac = "02:00:00:00:00:10"
address = "192.168.1.10"
name = "nas"

# The fast one.
[[wan]]
name = "fibre"
interface = "eth0"
mtu = 1492   # measured

  [wan.health]
  interval = "2s"

  [[wan.check]]
  ping = "1.1.1.1"

  [[wan.check]]
  ping = "9.9.9.9"

# The slow one.
[[wan]]
name = "cable"
interface = "eth1"
cost = 30
static = { address = "203.0.113.2/24", gateway = "203.0.113.1", dns = ["203.0.113.1"] }

# ---- rules ----

[[policy]]
device = "02:00:00:00:00:22"
wan = "fibre"

[firewall]
[[firewall.forward]]
proto = "tcp"
port = 443
to = "192.168.1.10"
wan = ["cable", "fibre"]

[web]
listen = ["192.168.1.1:80"]
password = "` + hashed + `"
`

var ownedFacts = func() wizard.Facts {
	f := box(offer(0, "198.51.100.7/24"), silent(1), silent(2), empty(3))
	f.Setup = false
	return f
}()

func from(t *testing.T, text string) *wizard.Draft {
	t.Helper()
	good(t, []byte(text))
	d, err := wizard.From([]byte(text), ownedFacts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func answer(t *testing.T, d *wizard.Draft, p wizard.Page, values ...string) {
	t.Helper()
	given := map[string]string{}
	for i := 0; i < len(values); i += 2 {
		given[values[i]] = values[i+1]
	}
	if wrong := d.Answer(p, ownedFacts, given); len(wrong) > 0 {
		t.Fatalf("%+v", wrong)
	}
}

// changed is what of a file is another than it was, as the page shows it.
func changed(t *testing.T, old string, d *wizard.Draft) string {
	t.Helper()
	text := d.TOML([]byte(old))
	good(t, text)
	var w strings.Builder
	for _, l := range wizard.Diff(old, string(text)) {
		if l.Sign != ' ' {
			w.WriteString(string(l.Sign) + l.Text + "\n")
		}
	}
	return w.String()
}

func TestOnlyWhatWasAnsweredChanges(t *testing.T) {
	for _, c := range []struct {
		name string
		page wizard.Page
		give []string
		want string
	}{
		{"nothing", wizard.Home, nil, ""},
		{"the router's name", wizard.Home, []string{"house.name", "attic"}, "-name = \"main\"\n+name = \"attic\"\n"},
		{"the range", wizard.Home, []string{"house.last", "192.168.1.150"},
			"-  range = [\"192.168.1.100\", \"192.168.1.199\"]\n+  range = [\"192.168.1.100\", \"192.168.1.150\"]\n"},
		{"the address, with the page's", wizard.Home, []string{"house.address", "192.168.1.2/24"},
			"-address   = \"192.168.1.1/24\"\n+address   = \"192.168.1.2/24\"\n-listen = [\"192.168.1.1:80\"]\n+listen = [\"192.168.1.2:80\"]\n"},
		{"a name for the house", wizard.Home, []string{"house.domain", "home.arpa"}, "+dns = { domain = \"home.arpa\" }\n"},
		{"no more addresses", wizard.Home, []string{"house.dhcp", "no"},
			"-  [lan.dhcp]\n-  range = [\"192.168.1.100\", \"192.168.1.199\"]\n-  lease = \"2h\"\n-\n"},
		{"a line's name everywhere", wizard.Internet, []string{"line.0.name", "glass"},
			"-name = \"fibre\"\n+name = \"glass\"\n-wan = \"fibre\"\n+wan = \"glass\"\n-wan = [\"cable\", \"fibre\"]\n+wan = [\"cable\", \"glass\"]\n"},
		{"the order", wizard.Internet, []string{"line.0.turn", "2", "line.1.turn", "1"}, "+cost = 30\n-cost = 30\n+cost = 0\n"},
		{"both at once", wizard.Internet, []string{"line.1.turn", "1"}, "-cost = 30\n+cost = 0\n"},
		{"a line's kind", wizard.Internet, []string{"line.1.kind", "dhcp"},
			"-static = { address = \"203.0.113.2/24\", gateway = \"203.0.113.1\", dns = [\"203.0.113.1\"] }\n+kind = \"dhcp\"\n"},
		{"the provider's servers", wizard.Internet, []string{"line.1.dns", ""},
			"-static = { address = \"203.0.113.2/24\", gateway = \"203.0.113.1\", dns = [\"203.0.113.1\"] }\n" +
				"+static = { address = \"203.0.113.2/24\", gateway = \"203.0.113.1\" }\n"},
		{"a user name", wizard.Internet, []string{"line.0.kind", "pppoe", "line.0.user", "me", "line.0.password", `a"b`},
			"+kind = \"pppoe\"\n+pppoe = { user = \"me\", password = \"a\\\"b\" }\n"},
		{"paid by the megabyte", wizard.Internet, []string{"line.0.metered", "yes"}, "+metered = true\n+failback = \"move\"\n"},
		{"the cable is elsewhere", wizard.Ports, []string{"port.eth0", "unused", "port.eth3", "line:fibre"},
			"-interface = \"eth0\"\n+interface = \"02:00:00:00:00:03\"\n"},
		{"one more port", wizard.Ports, []string{"port.eth3", "house"},
			"-interface = \"eth2\"   # the blue cable\n+ports = [\"eth2\", \"02:00:00:00:00:03\"]\n"},
		{"an alert", wizard.Alerts, []string{"alert.kind", "ntfy", "alert.topic", "top"},
			"+\n+# Whom to tell when something breaks.\n+[[alert.to]]\n+url = \"ntfy://ntfy.sh/top\"\n"},
		{"a password", wizard.Password, []string{"password.one", "correct horse", "password.two", "correct horse"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := from(t, owned)
			answer(t, d, c.page, c.give...)
			if got := changed(t, owned, d); got != c.want {
				t.Errorf("changed:\n%s\nnot\n%s", got, c.want)
			}
		})
	}
}

// A line more, one line less, and a pair: whole sections come and go, comments and all.
func TestSectionsComeAndGo(t *testing.T) {
	d := from(t, owned)
	answer(t, d, wizard.Ports, "port.eth3", "line")
	answer(t, d, wizard.Internet, "line.2.name", "third")
	answer(t, d, wizard.Twins, "pair.role", "first")
	answer(t, d, wizard.Alerts, "alert.kind", "ntfy", "alert.topic", "top")
	more := string(d.TOML([]byte(owned)))
	golden(t, "more.toml", more)
	good(t, []byte(more))

	d = from(t, more)
	answer(t, d, wizard.Ports, "port.eth3", "unused")
	answer(t, d, wizard.Twins, "pair.role", "single")
	answer(t, d, wizard.Alerts, "alert.kind", "none")
	if got := string(d.TOML([]byte(more))); got != owned {
		t.Errorf("there and back changed it:\n%s", got)
	}
}

// A pair gets an address for IPv6, too; one that was made without stays as it is.
func TestWhatAPairShares(t *testing.T) {
	const one, both = `addresses = ["192.168.1.1/24"]`, `addresses = ["192.168.1.1/24", "fe80::51/64"]`
	text := strings.Replace(owned, `ipv6      = "off"`, "", 1)
	d := from(t, text)
	answer(t, d, wizard.Twins, "pair.role", "first")
	made := string(d.TOML([]byte(text)))
	good(t, []byte(made))
	if !strings.Contains(made, both) {
		t.Errorf("no %s in\n%s", both, made)
	}
	for _, text := range []string{made, strings.Replace(made, both, one, 1)} {
		if got := string(from(t, text).TOML([]byte(text))); got != text {
			t.Errorf("it does not stay as it is:\n%s", got)
		}
	}
}

// Files are written in many ways. The meaning is kept in each.
func TestOtherWaysToWrite(t *testing.T) {
	for name, text := range map[string]string{
		"dotted":      "router.name = \"main\"\nlan.interface = \"eth2\"\nlan.address = \"192.168.1.1/24\"\n[[wan]]\nname=\"fibre\"\ninterface=\"eth0\"\n",
		"inline":      "lan = { interface = \"eth2\", address = \"192.168.1.1/24\" }\nwan = [ { name = \"fibre\", interface = \"eth0\" } ]\n",
		"no newline":  "[lan]\ninterface = \"eth2\"\naddress = \"192.168.1.1/24\"\n[[wan]]\nname = \"fibre\"\ninterface = \"eth0\"",
		"other order": "[[wan]]\nname = \"fibre\"\ninterface = \"eth0\"\n[lan]\nports = [\"eth2\"]\naddress = \"192.168.1.1/24\"\n[router]\n",
		"sub first":   "[lan.dhcp]\nrange = [\"192.168.1.100\", \"192.168.1.199\"]\n[[wan]]\nname = \"fibre\"\ninterface = \"eth0\"\n[lan]\nports = [\"eth2\"]\naddress = \"192.168.1.1/24\"\n",
		"windows":     "[lan]\r\ninterface = \"eth2\"\r\naddress = \"192.168.1.1/24\"\r\n[[wan]]\r\nname = \"fibre\"\r\ninterface = \"eth0\"\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			d := from(t, text)
			answer(t, d, wizard.Home, "house.name", "attic", "house.domain", "home.arpa", "house.address", "192.168.1.2/24", "house.dhcp", "yes")
			answer(t, d, wizard.Internet, "line.0.name", "glass", "line.0.kind", "pppoe", "line.0.user", "me", "line.0.password", "secret")
			answer(t, d, wizard.Twins, "pair.role", "first")
			answer(t, d, wizard.Ports, "port.eth3", "line")
			answer(t, d, wizard.Password, "password.one", "correct horse", "password.two", "correct horse")
			changed := d.TOML([]byte(text))
			good(t, changed)
			again := from(t, string(changed))
			if got, want := answersOf(again, ownedFacts), answersOf(d, ownedFacts); got != want {
				t.Errorf("the file gives other answers:\n%s\nnot\n%s\n%s", got, want, changed)
			}
			if string(again.TOML(changed)) != string(changed) {
				t.Errorf("it does not stay as it is:\n%s", changed)
			}
		})
	}
}

// A file that package config refuses does not stop the wizard either.
func TestBadFiles(t *testing.T) {
	for _, text := range []string{
		"[lan]\naddress = \"192.168.1.1/24\"\ninterface = \"eth2\"\n[web]\nlisten = [[1], [1]]\n",
		"[lan]\naddress = \"fd00::1/64\"\nports = [1]\n[[vrrp]]\naddresses = \"fd00::2/64\"\n", "lan = 5\n", "[[wan]]\nname = 5\n",
	} {
		d, err := wizard.From([]byte(text), ownedFacts)
		if err != nil {
			continue // its types are wrong: nothing to begin with
		}
		d.Answer(wizard.Home, ownedFacts, map[string]string{"house.address": "192.168.1.2/24", "house.dhcp": "yes"})
		d.Answer(wizard.Twins, ownedFacts, map[string]string{"pair.role": "first"})
		if out := d.TOML([]byte(text)); len(out) == 0 {
			t.Errorf("%q is gone", text)
		}
	}
}

func TestWhatTheRestOfTheFileNeeds(t *testing.T) {
	for _, c := range []struct {
		page            wizard.Page
		id, value, want string
	}{
		{wizard.Ports, "port.eth0", "unused", "the line fibre is named by the [[firewall.forward]] in line 49"},
		{wizard.Home, "house.address", "192.168.2.1/24", "192.168.1.10 would not be in the network 192.168.2.0/24 any more"},
		{wizard.Home, "house.address", "203.0.113.9/24", "the network 203.0.113.0/24 overlaps 203.0.113.0/24 of the line cable"},
		{wizard.Internet, "line.0.name", "cable", "two lines are called cable"},
	} {
		d := from(t, owned)
		wrong := d.Answer(c.page, ownedFacts, map[string]string{c.id: c.value})
		if len(wrong) == 0 || !strings.HasPrefix(wrong[0].Problem, c.want) || wrong[0].ID != c.id {
			t.Errorf("%s = %s: %+v", c.id, c.value, wrong)
		}
		if len(wrong) > 0 && wrong[0].Value != c.value {
			t.Errorf("what was typed is lost: %q", wrong[0].Value)
		}
	}
}

// Whatever is typed for a channel is one that package alert knows, or it is refused.
func TestChannels(t *testing.T) {
	for _, scheme := range channel.Schemes() {
		d := from(t, owned)
		url := scheme + "://a:b@192.168.1.9/x"
		if wrong := d.Answer(wizard.Alerts, ownedFacts, map[string]string{"alert.kind": "other", "alert.url": url}); len(wrong) > 0 {
			t.Errorf("%s: %+v", url, wrong)
		}
	}
	for _, c := range [][3]string{
		{"other", "alert.url", "gopher://x/"}, {"other", "alert.url", "http://example.org/"}, {"other", "alert.url", "x"},
		{"webhook", "alert.url", "ntfy://ntfy.sh/x"}, {"ntfy", "alert.topic", "a/b"}, {"ntfy", "alert.server", "a b"},
		{"telegram", "alert.token", "a@b"}, {"email", "alert.to", "nobody"},
	} {
		d := from(t, owned)
		if wrong := d.Answer(wizard.Alerts, ownedFacts, map[string]string{"alert.kind": c[0], c[1]: c[2]}); len(wrong) != 1 || wrong[0].ID != c[1] {
			t.Errorf("%v: %+v", c, wrong)
		}
	}
}

// FuzzFrom: no text makes the wizard panic; what package config accepts it leaves as it is, and what it makes of it with
// every proposal accepted is as good.
func FuzzFrom(f *testing.F) {
	for _, pattern := range []string{"../config/testdata/good/*.toml", "../config/testdata/bad/*.toml", "../packaging/twinpath.toml", "testdata/*.toml"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatalf("%s: no files (%v)", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add([]byte(owned))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := wizard.From(text, ownedFacts)
		if err != nil {
			return
		}
		out := d.TOML(text)
		if _, problems := config.Parse("f", text); len(problems) > 0 {
			return
		}
		if strings.TrimSpace(string(text)) == "" { // a new file
			return
		}
		if string(out) != string(text) {
			t.Fatalf("nothing was answered, and it changed:\n%s\nwas\n%s", out, text)
		}
		d.Answer(wizard.Home, ownedFacts, map[string]string{"house.name": "attic"})
		d.Answer(wizard.Alerts, ownedFacts, map[string]string{"alert.kind": "ntfy", "alert.topic": "top", "alert.server": "ntfy.sh"})
		if _, problems := config.Parse("f", d.TOML(text)); len(problems) > 0 {
			t.Fatalf("%v\n%s", problems, d.TOML(text))
		}
	})
}
