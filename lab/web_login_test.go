package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinpath/twinpath/lab/chromium"
)

// logsIn types the password of the lab into the page, and presses Enter.
func (v *visitor) logsIn(base string) {
	v.t.Helper()
	v.open(base + "/login")
	v.write("#password", PagePassword)
	must(v.t, v.page.Press(v.t.Context(), "Enter"))
	v.awaits(patience, `location.pathname != "/login" && document.readyState == "complete"`)
}

// twoDevices is a house with a laptop and a tablet.
func twoDevices() Home {
	h := Default()
	h.Clients = append(h.Clients, Client{Name: "tablet", Address: "192.168.1.101/24", Gateway: "192.168.1.1"})
	return h
}

// curl prints the status of the answer.
const curl = "curl -s -m 5 -o /dev/null -w %{http_code} "

// strange are requests that a browser does not send by itself, and what they get.
func strange() map[string]string {
	return map[string]string{
		gatewayPage + "/":                                                                   "200",
		"-H Host:main " + gatewayPage + "/":                                                 "200",
		"-H Host:LOCALHOST.:80 " + gatewayPage + "/":                                        "200",
		"-H Host:rebound.example " + gatewayPage + "/":                                      "421",
		"-H Host:198.51.100.1 " + gatewayPage + "/":                                         "421",
		"-H Host: --http1.0 " + gatewayPage + "/":                                           "400",
		"-X PUT " + gatewayPage + "/":                                                       "405",
		"--path-as-is " + gatewayPage + "/../etc/passwd":                                    "404",
		"--path-as-is " + gatewayPage + "/%2e%2e/etc/passwd":                                "404",
		"--path-as-is " + gatewayPage + "//example.org":                                     "404",
		gatewayPage + "/settings/config":                                                    "401",
		"-d x=1 " + gatewayPage + "/settings/apply":                                         "401",
		"-X POST " + gatewayPage + "/api/v1/apply":                                          "401",
		"-H Origin:http://other.example -d password=x " + gatewayPage + "/login":            "403",
		"-H Sec-Fetch-Site:cross-site -d password=x " + gatewayPage + "/login":              "403",
		"-H Origin:http://other.example -X POST " + gatewayPage + "/api/v1/drain?wan=fibre": "403",
	}
}

// TestPageGuards sends what a browser never does by itself, and looks from where the page must not be.
func TestPageGuards(t *testing.T) {
	h, b, d := home(t, Default(), withPage())
	s := await(t, b, "both lines are up", on("fibre"))
	eventually(t, "the page answers", func() bool { out, _ := d.Run("curl -s -m 1 " + gatewayPage + "/whoami"); return out == "main\n" })
	for line, want := range strange() {
		if out, err := d.Run(curl + line); err != nil || out != want {
			t.Errorf("%s: %s (%v), want %s", line, out, err, want)
		}
	}
	t.Run("10 MB", func(t *testing.T) {
		_, err := d.Run("truncate -s 10M /run/large")
		must(t, err)
		began := time.Now()
		out, _ := d.Run(curl + "-H Expect: --data-binary @/run/large " + gatewayPage + "/login") // the connection is closed under it
		if took := time.Since(began); out != "413" || took > 2*time.Second {
			t.Errorf("%s after %s, want 413 at once", out, round(took))
		}
	})
	t.Run("not from a line", func(t *testing.T) { houseOnly(t, h, b, s.WANs[0].Address) })
}

// houseOnly tries from a provider's side, and looks where the box listens.
func houseOnly(t *testing.T, h *House, b *Box, own string) {
	provider := h.Lines[0].space
	_, err := provider.Run("ip route replace 192.168.1.0/24 via " + own + " dev access")
	must(t, err)
	for _, address := range []string{own, "192.168.1.1"} {
		if out, err := provider.Run("curl -s -m 1 http://" + address + "/whoami"); err == nil {
			t.Errorf("the provider sees the page at %s: %q", address, out)
		}
	}
	out, err := b.Run("ss -Hlntu")
	must(t, err)
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if !strings.Contains(line, "%lan0:80") {
			t.Errorf("listening elsewhere: %s", line)
		}
	}
}

// TestPageLogin logs in through the page, and floods it with wrong passwords.
func TestPageLogin(t *testing.T) {
	h, b, d := home(t, twoDevices(), withPage())
	await(t, b, "both lines are up", on("fibre"))
	chrome := browser(t, d)
	owner := visit(t, chrome)
	owner.opens(gatewayPage + "/settings")
	owner.awaits(patience, `location.pathname == "/login"`)
	owner.audit("login")
	owner.shot("login")
	owner.write("#password", "not this one")
	owner.post("/login")
	owner.reads("not the password")
	owner.page.Forgive("status of 401")
	owner.write("#password", PagePassword)
	owner.post("/login")
	owner.awaits(patience, `location.pathname == "/settings"`)
	var cookies string
	if owner.eval("document.cookie", &cookies); cookies != "" {
		t.Errorf("a script can read the session: %q", cookies)
	}
	owner.page.Forgive("DocumentCookie") // which that was
	out, err := d.Run("curl -s -m 5 -D - -o /dev/null -d password=" + PagePassword + " " + gatewayPage + "/login")
	must(t, err)
	for _, line := range strings.Split(out, "\n") {
		if strings.HasPrefix(strings.ToLower(line), "set-cookie:") && !(strings.Contains(line, "SameSite=Strict") && strings.Contains(line, "HttpOnly")) {
			t.Errorf("a loose cookie: %s", line)
		}
	}
	t.Run("pages of the owner", func(t *testing.T) { ownersPages(t, owner) })
	owner.post("/logout")

	t.Run("a flood does not lock the owner out", func(t *testing.T) { floods(t, h, chrome, owner) })
}

// ownersPages looks at each of them.
func ownersPages(t *testing.T, owner *visitor) {
	v := *owner
	v.t = t
	for _, name := range []string{"settings", "config", "kept", "password", "alert", "house", "pair", "drain"} {
		path := "/settings/" + name
		switch name {
		case "settings":
			path = "/settings"
		case "drain":
			path += "?wan=fibre"
		}
		v.open(gatewayPage + path)
		v.see(chromium.View{Width: 320, Height: 800, Dark: true, Phone: true})
		v.fits()
		v.shot("owner-" + name + "-320-dark")
		v.audit(name + " 320 dark")
		v.see(chromium.View{Width: 1280, Height: 800})
		v.shot("owner-" + name + "-1280-light")
		v.audit(name + " 1280 light")
	}
}

// floods types wrong passwords from a browser that nobody knows, and sends them from two devices, while the owner logs in with theirs.
func floods(t *testing.T, h *House, chrome *chromium.Browser, owner *visitor) {
	stranger := visit(t, chrome)
	stranger.open(gatewayPage + "/login")
	const tries = 8 // more than are free
	for range tries {
		if strings.Contains(stranger.text("main"), "Too many") {
			break
		}
		stranger.write("#password", "guess after guess")
		stranger.post("/login")
	}
	stranger.reads("Too many")
	stranger.shot("login-wait")
	stranger.audit("login with a wait")
	stranger.page.Forgive("status of 401", "status of 429")

	var crowd sync.WaitGroup
	const each = 25
	for _, d := range h.Devices {
		for range 4 {
			crowd.Go(func() {
				for range each {
					_, _ = d.Run("curl -s -m 10 -o /dev/null -d password=wrong " + gatewayPage + "/login") // its answer is not what is measured
				}
			})
		}
	}
	known := *owner
	known.t = t
	began := time.Now()
	known.logsIn(gatewayPage)
	took := time.Since(began)
	t.Logf("in the flood the owner is in after %s", round(took))
	if took > 5*time.Second {
		t.Errorf("the owner waited %s behind those who guess", round(took))
	}
	crowd.Wait()
	out, err := h.Devices[1].Run(fmt.Sprintf("curl -s -m 10 -D - -o /dev/null -d password=%s %s/login", PagePassword, gatewayPage))
	if err != nil || !strings.Contains(out, " 429 ") || !strings.Contains(strings.ToLower(out), "retry-after:") {
		t.Errorf("a guesser's next try: %v\n%s\nwant 429 with Retry-After", err, out)
	}
}

// TestPageHoldsAgainstSlowClients keeps a thousand connections that say next to nothing, and opens the page.
func TestPageHoldsAgainstSlowClients(t *testing.T) {
	h, b, d := home(t, twoDevices(), withPage())
	await(t, b, "both lines are up", on("fibre"))
	v := visit(t, browser(t, d))
	v.opens(gatewayPage + "/")
	const addresses, each = 20, 50
	tablet := h.Devices[1]
	held := 0
	for i := range addresses {
		from := fmt.Sprintf("192.168.1.%d", 120+i)
		_, err := tablet.Run("ip addr add " + from + "/24 dev eth0")
		must(t, err)
		for range each {
			conn, err := tablet.dialFrom(t.Context(), from, "192.168.1.1:80")
			if err != nil {
				continue // refused is as good
			}
			held++
			t.Cleanup(func() { _ = conn.Close() })
			_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHo")) // and nothing more; a closed one is as good
		}
	}
	t.Logf("%d connections are held", held)
	began := time.Now()
	fresh := visit(t, browser(t, d))
	fresh.open(gatewayPage + "/")
	fresh.reads("fibre")
	took := time.Since(began)
	t.Logf("the page opens in %s, the browser's start included", round(took))
	if took > 5*time.Second {
		t.Errorf("the page opens after %s", round(took))
	}
	must(t, h.Cut("main", "fibre"))
	v.shows(await(t, b, "the house is on lte", carriedBy("lte"))) // who was there before still hears
}

// dialFrom is Dial for TCP with one of several addresses of the device.
func (d *Device) dialFrom(ctx context.Context, own, address string) (conn net.Conn, err error) {
	from := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(own), 0))}
	err = d.space.Do(func() (err error) {
		conn, err = from.DialContext(ctx, "tcp4", address)
		return err
	})
	return conn, err
}
