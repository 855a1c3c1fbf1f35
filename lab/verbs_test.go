package lab

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

// lookUp asks a server for example.org from the box, empty when it does not answer.
func lookUp(t *testing.T, b *Box, server string) string {
	t.Helper()
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
		err = b.space.Do(func() (err error) {
			conn, err = new(net.Dialer).DialContext(ctx, "udp4", server+":53")
			return err
		})
		return conn, err
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	found, err := r.LookupNetIP(ctx, "ip4", "example.org.")
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[0].String()
}

func answers(t *testing.T, b *Box, address string) bool {
	t.Helper()
	_, err := b.Run("ping -c1 -W1 " + address)
	return err == nil
}

func carrier(t *testing.T, b *Box, device string) bool {
	t.Helper()
	out, err := b.Run("ip -o link show " + device)
	must(t, err)
	return strings.Contains(out, "LOWER_UP")
}

func TestCutAndPlug(t *testing.T) {
	h, b, d := plain(t, "fibre")
	must(t, h.Cut("main", "fibre"))
	if carrier(t, b, "wan0") || !carrier(t, b, "wan1") {
		t.Error("after a cut of fibre wan0 has a carrier, or wan1 has none")
	}
	if _, err := d.Seen(t.Context()); err == nil {
		t.Error("the device is online by a cut cable")
	}
	must(t, h.Plug("main", "fibre"))
	if !carrier(t, b, "wan0") {
		t.Error("after plugging wan0 has no carrier")
	}
	online(t, d)
	if err := h.Cut("main", "dsl"); err == nil || !strings.Contains(err.Error(), "main has no cable to dsl") {
		t.Errorf("cut of an unknown line: %v", err)
	}
}

func TestBlackholeKeepsTheCarrier(t *testing.T) {
	h, b, _ := plain(t, "fibre")
	gateway := h.Lines[0].Gateway().String()
	for _, c := range []struct {
		depth        Depth
		first, other bool
	}{{Beyond, true, false}, {Whole, false, false}, {Alive, true, true}} {
		must(t, h.Blackhole("fibre", c.depth))
		if !carrier(t, b, "wan0") {
			t.Errorf("%s: wan0 lost its carrier", c.depth)
		}
		if c.first { // after Whole the neighbour is asked for again once a second
			eventually(t, c.depth.String()+": the first hop answers", func() bool { return answers(t, b, gateway) })
		} else if answers(t, b, gateway) {
			t.Errorf("%s: the first hop answers", c.depth)
		}
		if got := answers(t, b, "1.1.1.1"); got != c.other {
			t.Errorf("%s: the Internet answers: %t, want %t", c.depth, got, c.other)
		}
		if got := lookUp(t, b, gateway) != ""; got != c.other {
			t.Errorf("%s: the resolver answers: %t, want %t", c.depth, got, c.other)
		}
	}
}

func TestLose(t *testing.T) {
	h, _, d := plain(t, "fibre")
	must(t, h.Lose("fibre", 20))
	p, err := d.StartUDP(UDPInterval)
	must(t, err)
	eventually(t, "1,000 probes are sent", func() bool { return p.Since(p.start).Sent >= 1000 })
	r := p.Stop()
	// The kernel's random numbers have no seed: 20 % of 1,000 within eight standard deviations.
	if share := float64(r.Lost) / float64(r.Sent); share < 0.10 || share > 0.30 {
		t.Errorf("20 %% loss: %s", r)
	}
	if err := h.Lose("fibre", 101); err == nil {
		t.Error("101 % loss is accepted")
	}
}

func TestKillTarget(t *testing.T) {
	h, b, _ := plain(t, "fibre")
	must(t, h.KillTarget("1.1.1.1"))
	if answers(t, b, "1.1.1.1") || !answers(t, b, "8.8.8.8") {
		t.Error("after killing 1.1.1.1 it answers, or 8.8.8.8 does not")
	}
	must(t, h.ReviveTarget("1.1.1.1"))
	if !answers(t, b, "1.1.1.1") {
		t.Error("1.1.1.1 is not back")
	}
}

func TestPortalAndDNS(t *testing.T) {
	h, b, d := plain(t, "fibre")
	status := func() string {
		out, _ := d.Run("curl -s -m 1 -o /dev/null -w %{http_code}:%{redirect_url} http://1.1.1.1/")
		return out
	}
	must(t, h.Portal("fibre"))
	if got, want := status(), "302:http://login.fibre.example/"; got != want {
		t.Errorf("behind the portal: %q, want %q", got, want)
	}
	if !answers(t, b, "1.1.1.1") || lookUp(t, b, "8.8.8.8") == "" {
		t.Error("the portal stops pings or DNS")
	}
	if _, err := d.Seen(t.Context()); err == nil {
		t.Error("the portal lets UDP pass")
	}
	must(t, h.Heal("fibre"))
	if got := status(); got != "204:" {
		t.Errorf("after the portal: %q, want 204", got)
	}
	must(t, h.KillDNS("fibre"))
	for _, server := range []string{"8.8.8.8", h.Lines[0].Gateway().String()} {
		if got := lookUp(t, b, server); got != "" {
			t.Errorf("dead DNS answers: %s says %s", server, got)
		}
	}
	if got := status(); got != "204:" {
		t.Errorf("dead DNS stops web pages by address: %q", got)
	}
}

func TestRenumber(t *testing.T) {
	h, b, d := plain(t, "fibre")
	must(t, h.Renumber(t.Context(), "fibre", "198.18.7.0/24"))
	if _, err := d.Seen(t.Context()); err == nil {
		t.Error("the old network is still routed")
	}
	_, err := b.Run("ip addr flush dev wan0")
	must(t, err)
	must(t, b.SetUp(ByHand{ISP: "fibre", Masquerade: true}))
	online(t, d)
	from, err := d.Seen(t.Context())
	must(t, err)
	if want := "198.18.7.10"; from.String() != want {
		t.Errorf("the Internet sees %s, want %s", from, want)
	}
}

func TestPathMTU(t *testing.T) {
	home := Default()
	home.ISPs[0].MTU = 1492
	h, err := Build(t.Context(), home)
	must(t, err)
	t.Cleanup(h.Close)
	b := h.Boxes[0]
	must(t, b.SetUp(ByHand{ISP: "fibre", Masquerade: true}))
	eventually(t, "the line answers", func() bool { return answers(t, b, "1.1.1.1") })
	if out, err := b.Run("ping -c1 -W1 -M do -s 1464 1.1.1.1"); err != nil { // 1464 + 28 = 1492
		t.Errorf("%v: %s", err, out)
	}
	if out, err := b.Run("ping -c1 -W1 -M do -s 1465 1.1.1.1"); err == nil || !strings.Contains(out, "1492") {
		t.Errorf("one byte more: %v: %s, want the provider to say 1492", err, out)
	}
}
