package wizard_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/wizard"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not as in %s (-update writes it):\n%s", path, got)
	}
}

// hashed is what every password becomes here.
const hashed = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"

// box is the facts of a box with these ports.
func box(ports ...wizard.Port) wizard.Facts {
	return wizard.Facts{
		Ports: ports, Hostname: "twinpath", Setup: true, Claim: "K7QM-4XRD",
		Hash: func(string) (string, error) { return hashed, nil },
		Rand: func() string { return "abcdefghijklmnopqrstuvwxyz" },
	}
}

func port(n int, leads wizard.Leads, why string) wizard.Port {
	return wizard.Port{
		Name: fmt.Sprintf("eth%d", n), MAC: fmt.Sprintf("02:00:00:00:00:%02x", n), Driver: "r8169",
		Carrier: leads != wizard.NoCable, Leads: leads, Why: why,
	}
}

func empty(n int) wizard.Port { return port(n, wizard.NoCable, "no cable") }
func silent(n int) wizard.Port {
	return port(n, wizard.ToHouse, "nobody answers: this is the house's side")
}
func modem(n int) wizard.Port {
	p := port(n, wizard.ToPPPoE, `a PPPoE line ("a\b" answers)`)
	p.Concentrator = `a"b\c`
	return p
}

// offer is a port on which a DHCP server at .1 offers an address.
func offer(n int, own string) wizard.Port {
	p := port(n, wizard.ToDHCP, "a DHCP server offers "+own)
	p.Network = netip.MustParsePrefix(own)
	b := p.Network.Addr().As4()
	b[3] = 1
	p.Gateway = netip.AddrFrom4(b)
	p.DNS = []netip.Addr{p.Gateway}
	return p
}

func phone() wizard.Port {
	p := offer(0, "172.20.10.2/28")
	p.Name, p.MAC, p.Driver, p.Mobile = "usb0", "02:00:00:00:01:00", "ipheth", true
	return p
}

var homes = []struct {
	name  string
	facts wizard.Facts
}{
	{"two lines by DHCP", box(offer(0, "198.51.100.7/24"), offer(1, "203.0.113.7/24"), silent(2))},
	{"a modem and a phone", box(modem(0), silent(1), phone())},
	{"one line", box(offer(0, "192.168.77.5/24"), empty(1))},
	{"one port", box(offer(0, "192.168.1.50/24"))},
	{"one port and a phone", box(offer(0, "192.168.1.50/24"), phone())},
	{"nothing plugged in", box(empty(0), empty(1))},
	{"two cables into one network", box(offer(0, "192.168.8.2/24"), offer(1, "192.168.8.3/24"), silent(2))},
	{"second of two", joined(box(offer(0, "192.168.77.130/24"), offer(1, "203.0.113.7/24")))},
}

func joined(f wizard.Facts) wizard.Facts {
	f.Joined = &wizard.Pairing{
		Router: "twinpath", LAN: netip.MustParsePrefix("192.168.77.3/24"), Peer: netip.MustParseAddr("192.168.77.2"),
		Virtual: netip.MustParsePrefix("192.168.77.1/24"), Link: netip.MustParsePrefix("fe80::51/64"), ID: 51, Priority: 50, Version: 3, Secret: "abcdefghijklmnop",
		DHCP: [2]netip.Addr{netip.MustParseAddr("192.168.77.100"), netip.MustParseAddr("192.168.77.199")}, Domain: "home.arpa",
	}
	return f
}

// accept takes every proposal, and types only what nobody can propose.
func accept(t *testing.T, d *wizard.Draft, f wizard.Facts) (asked, typed int) {
	t.Helper()
	for _, p := range d.Pages(f) {
		values := map[string]string{}
		for _, q := range d.Questions(p, f) {
			asked++
			values[q.ID] = q.Value
			if q.Value == "" && !q.Optional {
				typed++
				values[q.ID] = "correct horse"
			}
		}
		if wrong := d.Answer(p, f, values); len(wrong) > 0 {
			t.Errorf("page %s: %+v", p, wrong)
		}
	}
	return asked, typed
}

// good fails when package config has anything to say about a text.
func good(t *testing.T, text []byte) {
	t.Helper()
	if _, problems := config.Parse("twinpath.toml", text); len(problems) > 0 {
		t.Fatalf("%v\n%s", problems, text)
	}
}

func TestHomes(t *testing.T) {
	var all strings.Builder
	for _, home := range homes {
		t.Run(home.name, func(t *testing.T) {
			d := wizard.New(home.facts)
			asked, typed := accept(t, d, home.facts)
			text := d.TOML(nil)
			good(t, text)
			fmt.Fprintf(&all, "==== %s: %d questions, %d typed\n%s\n", home.name, asked, typed, text)
		})
	}
	golden(t, "homes.txt", all.String())
}

// The default home is done with nothing typed but the password, twice.
// A box that is a device of the house becomes its second router without another network device: what its page answers to the
// owner's last click travels on that.
func TestAMemberJoinsOnItsOwnDevice(t *testing.T) {
	f := box(offer(0, "192.168.77.130/24"), phone())
	d := wizard.New(f)
	f.Joined = joined(f).Joined
	if wrong := d.Answer(wizard.Twins, f, map[string]string{"pair.role": "second"}); len(wrong) > 0 {
		t.Fatalf("%+v", wrong)
	}
	accept(t, d, f)
	text := d.TOML(nil)
	good(t, text)
	for _, line := range []string{`interface = "eth0"`, `address = "192.168.77.3/24"`, `interface = "usb*"`, `addresses = ["192.168.77.1/24", "fe80::51/64"]`} {
		if !strings.Contains(string(text), "\n"+line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	if strings.Contains(string(text), "peer.gateway") || strings.Contains(string(text), `kind = "peer"`) {
		t.Errorf("the way of a member is left in\n%s", text)
	}
}

func TestTheDefaultHomeTypesOnlyThePassword(t *testing.T) {
	f := homes[0].facts
	asked, typed := accept(t, wizard.New(f), f)
	t.Logf("%d questions shown, %d of them typed", asked, typed)
	if typed != 2 {
		t.Errorf("%d answers were typed, not only the password and its repetition", typed)
	}
}

// variants are every combination of what can be said about pair and alert.
func variants() []map[wizard.Page]map[string]string {
	var all []map[wizard.Page]map[string]string
	alerts := []map[string]string{
		{"alert.kind": "none"}, {"alert.kind": "ntfy"},
		{"alert.kind": "telegram", "alert.token": "123:ABC_d-e", "alert.chat": "-100123"},
		{"alert.kind": "email", "alert.server": "mail.example.org:587", "alert.user": "me@example.org", "alert.password": `p/ä"s:@%`, "alert.from": "me@example.org", "alert.to": "you@example.org"},
		{"alert.kind": "webhook", "alert.url": "https://192.0.2.1/hook?x=1"},
	}
	for _, role := range []string{"single", "first"} {
		for _, alert := range alerts {
			all = append(all, map[wizard.Page]map[string]string{wizard.Twins: {"pair.role": role}, wizard.Alerts: alert})
		}
	}
	return all
}

// Whatever is plugged in where and whatever is answered, the file is good, and gives the same answers again.
func TestEveryAnswerIsAConfiguration(t *testing.T) {
	ports := []func(int) wizard.Port{
		empty, silent, modem,
		func(n int) wizard.Port { return offer(n, fmt.Sprintf("100.64.%d.7/10", n)) },
		func(n int) wizard.Port { return offer(n, "10.1.2.3/8") },
		func(n int) wizard.Port { return offer(n, "192.168.77.9/32") },
		func(n int) wizard.Port {
			p := phone()
			p.Name, p.MAC = fmt.Sprintf("usb%d", n), fmt.Sprintf("02:00:00:00:01:%02x", n)
			return p
		},
		func(n int) wizard.Port { return port(n, wizard.ToSomebody, "leads into the same network") },
	}
	count := 0
	try := func(f wizard.Facts, some []map[wizard.Page]map[string]string) {
		for _, answers := range some {
			d := wizard.New(f)
			accept(t, d, f)
			for _, p := range []wizard.Page{wizard.Twins, wizard.Alerts} {
				if !slices.Contains(d.Pages(f), p) || p == wizard.Twins && d.House.Member {
					continue
				}
				if wrong := d.Answer(p, f, answers[p]); len(wrong) > 0 {
					t.Fatalf("%s: %+v", p, wrong)
				}
			}
			whole(t, d, f)
		}
	}
	for _, first := range ports {
		f := box(first(0))
		if len(wizard.New(f).House.Ports) > 0 {
			try(f, variants())
		}
		for _, second := range ports {
			for _, third := range ports {
				f := box(first(0), second(1), third(2))
				if len(wizard.New(f).House.Ports) > 0 {
					try(f, variants()[count%len(variants()):][:1])
					count++
				}
			}
		}
	}
}

// whole fails unless the draft makes a good file that gives the same answers and stays as it is.
func whole(t *testing.T, d *wizard.Draft, f wizard.Facts) {
	t.Helper()
	text := d.TOML(nil)
	good(t, text)
	if to := d.Alert.Address(); to != "" {
		if _, err := channel.Parse(to); err != nil {
			t.Fatalf("%s: %v", to, err)
		}
	}
	again, err := wizard.From(text, f)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := answersOf(again, f), answersOf(d, f); got != want {
		t.Fatalf("the file gives other answers:\n%s\nnot\n%s\n%s", got, want, text)
	}
	if got := again.TOML(text); string(got) != string(text) {
		t.Fatalf("nothing was changed, but the file was:\n%s\nwas\n%s", got, text)
	}
	accept(t, again, f)
	if got := again.TOML(text); string(got) != string(text) {
		t.Fatalf("every proposal was accepted, but the file changed:\n%s\nwas\n%s", got, text)
	}
	var twin wizard.Draft
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &twin); err != nil {
		t.Fatal(err)
	}
	if got := twin.TOML(nil); string(got) != string(text) {
		t.Fatalf("JSON lost something:\n%s\nnot\n%s", got, text)
	}
}

// answersOf are the questions with their values, without what only a person reads.
func answersOf(d *wizard.Draft, f wizard.Facts) string {
	var w strings.Builder
	for _, p := range d.Pages(f) {
		for _, q := range d.Questions(p, f) {
			if q.ID == "alert.topic" && d.Alert.Kind != "ntfy" {
				continue
			}
			fmt.Fprintf(&w, "%s = %s\n", q.ID, q.Value)
		}
	}
	return w.String()
}
