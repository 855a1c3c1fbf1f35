package lab

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/wizard"
)

// unboxed is a router that nobody has configured yet: the setup mode and the daemon run on it as in the image.
type unboxed struct {
	t     *testing.T
	house *House
	box   *Box
	setup *process
}

// file is the configuration that setup mode writes.
func (u *unboxed) file() string { return filepath.Join(u.box.dir, "run", "setup.toml") }

// claimCode is what the owner reads on the console.
const claimCode = "K7QM-4XRD"

func (u *unboxed) claim() string { return filepath.Join(u.box.dir, "run", "claim-code") }

// unbox is unboxAt for the house's first router.
func unbox(t *testing.T, h *House, ports string) *unboxed {
	t.Helper()
	return unboxAt(t, h, h.Boxes[0], ports)
}

// unboxAt starts the setup mode, then the daemon as the image's units do. Ports are those whose names fit the pattern; one that is
// called usb0 is a phone.
func unboxAt(t *testing.T, h *House, b *Box, ports string) *unboxed {
	t.Helper()
	u := &unboxed{t: t, house: h, box: b}
	t.Cleanup(func() {
		if t.Failed() && u.setup != nil {
			t.Logf("the setup mode's log:\n%s\nthe daemon's:\n%s", u.setup.output(), b.Log())
		}
	})
	must(t, os.MkdirAll(filepath.Dir(u.file()), 0o755))
	must(t, os.WriteFile(u.claim(), []byte(claimCode+"\n"), 0o600)) // as "twinpath prepare" does
	var err error
	u.setup, err = start(b.space, filepath.Join(b.dir, "setup.log"), built(t), "setup", "--config", b.Config(),
		"--file", u.file(), "--claim", u.claim(), "--socket", b.Socket(), "--ports", ports)
	must(t, err)
	u.awaits("the configuration of setup mode", func() bool { _, err := os.Stat(u.file()); return err == nil })
	b.daemon, err = start(b.space, filepath.Join(b.dir, "log"), built(t), "run", "--config", b.Config(),
		"--fallback", u.file(), "--state", b.State(), "--socket", b.Socket(), "--ports", ports)
	must(t, err)
	return u
}

// awaits is for what depends on looks along ports, seven seconds each.
func (u *unboxed) awaits(what string, is func() bool) {
	u.t.Helper()
	for end := time.Now().Add(40 * time.Second); !is(); time.Sleep(look) {
		if time.Now().After(end) {
			u.t.Fatalf("not within 40 s: %s", what)
		}
	}
}

// text is the configuration of setup mode, which must always be a good one.
func (u *unboxed) text() string {
	u.t.Helper()
	text, err := os.ReadFile(u.file())
	must(u.t, err)
	if _, problems := config.Parse("setup.toml", text); len(problems) > 0 {
		u.t.Errorf("setup.toml: %v", problems)
	}
	return string(text)
}

// leased makes the device ask for an address with somebody else's DHCP client, and returns it.
func leased(t *testing.T, d *Device) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "lease")
	must(t, os.WriteFile(script, []byte(`#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev eth0
ip addr add "$ip/$mask" dev eth0
ip route replace default via "$router"
echo "address $ip resolver $dns domain $domain"
`), 0o700))
	_, err := d.Run("ip addr flush dev eth0")
	must(t, err)
	out, err := d.Run("busybox udhcpc -f -q -n -t 20 -T 1 -i eth0 -s " + script)
	must(t, err)
	return out
}

// concentrator answers PPPoE discovery at the other end of a new cable of the box, until the test ends.
func (u *unboxed) concentrator(t *testing.T, device string) {
	t.Helper()
	space, err := u.house.space("bras")
	must(t, err)
	must(t, ip(u.box.space, fmt.Sprintf("link add %s type veth peer name access netns %s", device, space.Name)))
	must(t, ip(space, "link set access up"))
	var conn *packet.Conn
	var link *net.Interface
	must(t, space.Do(func() (err error) {
		if link, err = net.InterfaceByName("access"); err == nil {
			conn, err = packet.Listen(link, packet.Raw, unix.ETH_P_PPP_DISC, nil)
		}
		return err
	}))
	u.house.onClose(func() { _ = conn.Close() })
	u.house.tasks.Go(func() {
		frame := make([]byte, 2000)
		for {
			n, _, err := conn.ReadFrom(frame)
			if err != nil {
				return
			}
			if n > 20 && frame[15] == 0x09 { // PADI (RFC 2516 §5.1)
				_, _ = conn.WriteTo(pado(frame[:n], link.HardwareAddr), &packet.Addr{HardwareAddr: frame[6:12]})
			}
		}
	})
}

// pado is the offer of RFC 2516 §5.2: the question's tags, and a name before them.
func pado(padi []byte, own net.HardwareAddr) []byte {
	const name = "BRAS-7"
	asked := padi[20 : 20+int(binary.BigEndian.Uint16(padi[18:]))]
	answer := append(append(append([]byte{}, padi[6:12]...), own...), 0x88, 0x63, 0x11, 0x07, 0, 0)
	answer = binary.BigEndian.AppendUint16(answer, uint16(4+len(name)+len(asked)))
	answer = append(append(answer, 0x01, 0x02, 0, byte(len(name))), name...)
	return append(answer, asked...)
}

func TestSetupMode(t *testing.T) {
	h, err := Build(t.Context(), Default())
	must(t, err)
	t.Cleanup(h.Close)
	b, d := h.Boxes[0], h.Devices[0]
	u := &unboxed{t: t, house: h, box: b}
	u.concentrator(t, "wan2")
	built(t) // not what is measured
	began := time.Now()
	u = unbox(t, h, "[wl]an*")
	t.Logf("found out after %s:\n%s", round(time.Since(began)), u.text())
	for _, want := range []string{`ports = ["lan0"]`, `interface = "wan0"`, `interface = "wan1"`, `# wan2`, `"BRAS-7" answers`} {
		if !strings.Contains(u.text(), want) {
			t.Errorf("setup.toml lacks %s", want)
		}
	}
	await(t, b, "the house is online without a configuration", carriedBy("wan0"))

	t.Run("a device gets an address and a name server", func(t *testing.T) {
		out := leased(t, d)
		if !regexp.MustCompile(`address 192\.168\.77\.1\d\d resolver 192\.168\.77\.1 domain home\.arpa`).MatchString(out) {
			t.Errorf("the lease: %s", out)
		}
		online(t, d)
		if from, err := d.Seen(t.Context()); err != nil || h.LineOf(from) != "fibre" {
			t.Errorf("the Internet sees %s, %v, want it to come by the fibre line", from, err)
		}
		for name, want := range map[string]string{"twinpath.": "192.168.77.1", "twinpath.home.arpa.": "192.168.77.1", publicName: publicAddress} {
			if got := resolved(t, d, "192.168.77.1", name); got != want {
				t.Errorf("%s is %q, want %s", name, got, want)
			}
		}
	})
	t.Run("the page", func(t *testing.T) { u.page(d) })
	t.Run("the wizard's ports", func(t *testing.T) {
		var got []string
		for _, p := range u.ports() {
			got = append(got, p.Name+" "+p.Leads.String()+" "+p.Use)
		}
		if text := strings.Join(got, ", "); text != "lan0 house lan, wan0 dhcp wan wan0, wan1 dhcp wan wan1, wan2 pppoe " {
			t.Errorf("the ports are: %s", text)
		}
	})
	t.Run("nothing listens on a line", func(t *testing.T) { u.listens(`192\.168\.77\.1:|%br-lan[:\]]|%wan\d:546 `) })
	t.Run("a line that loses its cable stays a line", func(t *testing.T) {
		must(t, h.Cut("main", "fibre"))
		await(t, b, "the other line takes over", carriedBy("wan1"))
		online(t, d)
		if text := u.text(); !strings.Contains(text, `ports = ["lan0"]`) || !strings.Contains(text, `interface = "wan0"`) {
			t.Errorf("setup.toml after the cable was pulled:\n%s", text)
		}
		must(t, h.Plug("main", "fibre"))
	})
	t.Run("a configuration ends it", func(t *testing.T) { u.configured(strings.ReplaceAll(quick(), "192.168.1.1/24", "192.168.1.9/24")) })
}

// resolved asks a name server from the device.
func resolved(t *testing.T, d *Device, server, name string) string {
	t.Helper()
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.Dial(ctx, "udp4", server+":53")
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	found, err := r.LookupNetIP(ctx, "ip4", name)
	if err != nil || len(found) == 0 {
		t.Errorf("look up %s: %v", name, err)
		return ""
	}
	return found[0].String()
}

// page reads it as a browser in the house does.
func (u *unboxed) page(d *Device) {
	const curl = "curl -s -m 5 -w [%{http_code}] "
	for _, c := range []struct {
		line string
		want []string
	}{
		{curl + "http://192.168.77.1/", []string{"[200]", "Internet works, on wan0."}},
		{curl + "-H Host:twinpath http://192.168.77.1/", []string{"[200]"}},
		{curl + "-H Host:twinpath.home.arpa:80 http://192.168.77.1/", []string{"[200]"}},
		{curl + "-H Host:rebound.example http://192.168.77.1/", []string{"[421]"}},
		{curl + "http://192.168.77.1/etc/passwd", []string{"[404]"}},
		{curl + "http://192.168.77.1/login", []string{"[200]", "code"}},
		{curl + "-o /dev/null http://192.168.77.1/settings", []string{"[401]"}},
		{curl + "-H Origin:http://192.168.77.1 -d password=WRONG-WRONG http://192.168.77.1/login", []string{"[401]"}},
		{curl + "-o /dev/null -H Origin:http://192.168.77.1 -d password=k7qm4xrd http://192.168.77.1/login", []string{"[303]"}},
	} {
		out, err := d.Run(c.line)
		must(u.t, err)
		for _, phrase := range c.want {
			if !strings.Contains(out, phrase) {
				u.t.Errorf("%s: no %q in %s", c.line, phrase, out)
			}
		}
	}
}

// ports asks the daemon, through its socket, what the ports lead to.
func (u *unboxed) ports() []wizard.Port {
	u.t.Helper()
	response, err := u.box.api.Get("http://twinpath/api/v1/ports")
	must(u.t, err)
	defer response.Body.Close()
	var all []wizard.Port
	must(u.t, json.NewDecoder(response.Body).Decode(&all))
	return all
}

// listens fails when a socket of the box is open to more than the address or device of a pattern.
func (u *unboxed) listens(where string) {
	u.t.Helper()
	out, err := u.box.Run("ss -Hlntu")
	must(u.t, err)
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if !regexp.MustCompile(where).MatchString(line) {
			u.t.Errorf("listening elsewhere: %s", line)
		}
	}
}

// configured puts a configuration in place as an owner does, and expects setup mode to end and to leave nothing.
func (u *unboxed) configured(text string) {
	t := u.t
	t.Helper()
	must(t, os.WriteFile(u.box.Config(), []byte(text), 0o600))
	select {
	case <-u.setup.done:
	case <-time.After(patience):
		t.Fatal("setup mode goes on though there is a configuration")
	}
	if !u.setup.cmd.ProcessState.Success() {
		t.Errorf("setup mode ended with %s", u.setup.cmd.ProcessState)
	}
	left, err := filepath.Glob(filepath.Dir(u.file()) + "/*")
	must(t, err)
	if len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
	u.awaits("the page and dnsmasq are gone", func() bool {
		out, err := u.box.Run("ss -Hlntu")
		return err == nil && out == ""
	})
	u.awaits("the daemon takes the configuration over", func() bool {
		out, err := u.box.Run("ip -br link")
		return err == nil && !strings.Contains(out, "br-lan")
	})
	if all, err := u.box.processes(); err != nil || len(all) != 1 {
		t.Errorf("programs left: %v (%v), want the daemon alone", all, err)
	}
}

// A box with one port in a network that has a router is a device there, with a page and without a DHCP server.
func TestSetupModeOfAMember(t *testing.T) {
	h, err := Build(t.Context(), Home{
		ISPs:    []ISP{{Name: "family", Network: "192.168.1.0/24"}},
		Routers: []Router{{Name: "main", WANs: []string{"family"}, LAN: "192.168.9.1/24"}},
	})
	must(t, err)
	t.Cleanup(h.Close)
	u := unbox(t, h, "wan*")
	u.awaits("the box is a member of the family's network", func() bool { return strings.Contains(u.text(), `gateway = "192.168.1.1"`) })
	own := regexp.MustCompile(`address = "(192\.168\.1\.1\d\d)/24"`).FindStringSubmatch(u.text())
	if own == nil {
		t.Fatalf("no address of that network:\n%s", u.text())
	}
	await(t, u.box, "it is online by the family's router", carriedBy("router"))
	family := h.Lines[0].space
	u.awaits("the page is there for the family", func() bool {
		out, err := family.Run("curl -s -m 2 http://" + own[1] + "/")
		return err == nil && strings.Contains(out, "Internet works, on router.")
	})
	u.listens(`%wan0:80`)
	u.configured(without(t, quick(), "lte"))
}

// Two cables into one switch are no loop: one port stays out of the bridge, and our own DHCP server is no upstream.
func TestSetupModeOfTwoCables(t *testing.T) {
	h, err := Build(t.Context(), Home{Routers: []Router{{Name: "main", LAN: "192.168.9.1/24"}}})
	must(t, err)
	t.Cleanup(h.Close)
	b := h.Boxes[0]
	must(t, connect(b.space, "lan1", h.lan, "second", "lan"))
	u := unbox(t, h, "lan*")
	one := regexp.MustCompile(`(?m)^ports = \["lan(\d)"\]$`)
	const second = ": a second cable into a network"
	if !one.MatchString(u.text()) || strings.Count(u.text(), second) != 1 {
		t.Fatalf("not one of two ports:\n%s", u.text())
	}
	u.awaits("our DHCP server runs", func() bool { // it looks for others first
		out, err := b.Run("ss -Hlun")
		return err == nil && strings.Contains(out, ":67 ")
	})
	must(t, connect(b.space, "lan2", h.lan, "third", "lan"))
	u.awaits("the third cable was looked along", func() bool { return strings.Count(u.text(), second) == 2 })
	if !one.MatchString(u.text()) || strings.Contains(u.text(), "[[wan]]") {
		t.Errorf("not one of three ports:\n%s", u.text())
	}
}
