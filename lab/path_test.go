package lab

import (
	"encoding/json"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// megabyteAt is a page of a million bytes.
func megabyteAt(six bool) string {
	if six {
		return "https://[" + EchoAddress6 + "]/"
	}
	return "https://" + EchoAddress + "/"
}

// loads reports whether a device gets a page of a million bytes within three seconds; in the lab it takes a hundredth of that.
func loads(t *testing.T, d *Device, six bool) bool {
	t.Helper()
	out, _ := d.Run("curl -sk -m 3 -o /dev/null -w %{size_download} " + megabyteAt(six))
	t.Logf("of %s came %s bytes", megabyteAt(six), out)
	return out == "1000000"
}

// wantLoads checks that large things come and go.
func wantLoads(t *testing.T, when string, d *Device, six bool) {
	t.Helper()
	if !loads(t, d, six) {
		t.Errorf("%s a large page hangs", when)
	}
	server := echoServer()
	if six {
		server = echoServer6()
	}
	_, err := d.Run("ip link set eth0 gso_max_segs 1") // a hole in the lab takes the kernel's large buffers for large packets
	must(t, err)
	conn, err := d.Dial(t.Context(), "tcp", server.String())
	must(t, err)
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
	const bytes = 200_000
	go func() { _, _ = conn.Write(make([]byte, bytes)) }()
	if n, err := io.ReadFull(conn, make([]byte, bytes)); err != nil {
		t.Errorf("%s of %d bytes that were sent %d came back: %v", when, bytes, n, err)
	}
}

// wantTold checks that the router says what the hole does not: what is no TCP, as QUIC, sends smaller packets then.
func wantTold(t *testing.T, d *Device, target string) {
	t.Helper()
	out, err := d.Run("ping -c1 -W1 -M do -s 1400 " + target)
	if err == nil || !regexp.MustCompile(`mtu ?= ?1400`).MatchString(out) {
		t.Errorf("a large ping: %v: %s, want the router to say 1400", err, out)
	}
}

// opens reports whether a device gets a page without content.
func opens(d *Device, six bool) bool {
	host := EchoAddress
	if six {
		host = "[" + EchoAddress6 + "]"
	}
	out, _ := d.Run("curl -s -m 3 -o /dev/null -w %{http_code} http://" + host + "/")
	return out == "204"
}

// wantHang checks that small pages load and large ones hang: the owner sees a line that works.
func wantHang(t *testing.T, when string, d *Device, six bool) {
	t.Helper()
	if !opens(d, six) {
		t.Errorf("%s a small page does not load", when)
	}
	if loads(t, d, six) {
		t.Errorf("%s a large page loads: there is no black hole", when)
	}
}

// countLarge has a provider count large pings, and largePings reads how many there were.
func countLarge(t *testing.T, l *Line) {
	t.Helper()
	_, err := l.space.Feed("nft -f -", `table inet counted { counter large { }
	chain c { type filter hook prerouting priority -300; iifname "access" meta l4proto { icmp, ipv6-icmp } meta length > 500 counter name large; }; }`)
	must(t, err)
}

func largePings(t *testing.T, l *Line) int {
	t.Helper()
	n, err := counterOf(l.space, "inet", "counted", "large")
	must(t, err)
	return n
}

// wanOf is what the daemon says of a line.
func wanOf(t *testing.T, b *Box, wan string) router.WANSnapshot {
	t.Helper()
	body, err := b.Get(t.Context(), "/api/v1/status")
	must(t, err)
	var s router.Snapshot
	must(t, json.Unmarshal(body, &s))
	for _, w := range s.WANs {
		if w.Name == wan {
			return w
		}
	}
	return router.WANSnapshot{}
}

// pathOf is what the daemon says of what fits through a line.
func pathOf(t *testing.T, b *Box, wan string) router.PathView {
	t.Helper()
	if w := wanOf(t, b, wan); w.Path != nil {
		return *w.Path
	}
	return router.PathView{}
}

// sized is quick with an mtu of the first line.
func sized(mtu string) string {
	return strings.Replace(quick(), "interface = \"wan0\"\n", "interface = \"wan0\"\nmtu       = "+mtu+"\n", 1)
}

// measured waits until the daemon has found out what fits, and returns it without the time.
func measured(t *testing.T, b *Box, wan string, is func(router.PathView) bool) router.PathView {
	t.Helper()
	var p router.PathView
	for end := time.Now().Add(15 * time.Second); !is(p) && time.Now().Before(end); time.Sleep(look) {
		p = pathOf(t, b, wan)
	}
	if p.Checked.IsZero() || time.Since(p.Checked) > time.Minute {
		t.Errorf("it was found %s", p.Checked)
	}
	p.Checked = time.Time{}
	return p
}

// TestABlackHoleForLargePackets has a page hang by a router that knows nothing of it, and load by one that has looked.
func TestABlackHoleForLargePackets(t *testing.T) {
	t.Parallel()
	tagged := Default()
	tagged.Tag = "hole-"
	h, err := Build(t.Context(), tagged)
	must(t, err)
	t.Cleanup(h.Close)
	l, b, d := h.Lines[0], h.Boxes[0], h.Devices[0]
	must(t, h.Narrow("fibre", 1400))
	countLarge(t, l)
	must(t, b.SetUp(ByHand{ISP: "fibre", Masquerade: true}))
	eventually(t, "the line answers", func() bool { return answers(t, b, "1.1.1.1") })
	wantHang(t, "without Twinpath", d, false)
	for _, line := range []string{"ip addr flush dev wan0", "ip route flush default", "nft flush ruleset"} {
		_, err = b.Run(line)
		must(t, err)
	}
	must(t, b.Start(t.Context(), built(t), sized("1500")))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", b.Log())
		}
	})
	await(t, b, "both lines are up", on("fibre"))
	wantHang(t, "with mtu = 1500", d, false)
	if p, n := pathOf(t, b, "fibre"), largePings(t, l); p != (router.PathView{}) || n != 0 {
		t.Errorf("with mtu = 1500 it was measured by %d pings: %+v", n, p)
	}
	start := time.Now()
	if out, done := call(t, b, "apply", file(t, sized(`"auto"`))); !done {
		t.Fatal(out)
	}
	hole := router.PathView{MTU4: 1400, Hole4: true}
	if p := measured(t, b, "fibre", found4); p != hole {
		t.Errorf("found out: %+v", p)
	}
	t.Logf("found out after %s by %d pings", time.Since(start), largePings(t, l))
	awaitEvent(t, b, start, "fibre swallows packets of more than 1400 bytes without a word (a path MTU black hole): TCP is told to send smaller ones.")
	wantLoads(t, "afterwards", d, false)
	wantTold(t, d, "1.1.1.1")
	if fibre, lte := wanOf(t, b, "fibre").MTU, wanOf(t, b, "lte").MTU; fibre != 1400 || lte != 1500 {
		t.Errorf("fibre has %d, lte %d", fibre, lte)
	}
	recalled(t, h, hole)
}

// recalled restarts the daemon: what was found holds at once, and nobody is told again. Then the hole goes.
func recalled(t *testing.T, h *House, hole router.PathView) {
	t.Helper()
	b, d := h.Boxes[0], h.Devices[0]
	must(t, b.Stop())
	start := time.Now()
	must(t, b.Restart(t.Context()))
	await(t, b, "the house is on fibre", carriedBy("fibre"))
	wantLoads(t, "after a restart", d, false)
	again := func(p router.PathView) bool { return !p.Checked.Before(start.Truncate(time.Second)) }
	if p := measured(t, b, "fibre", again); p != hole {
		t.Errorf("after a restart: %+v", p)
	}
	for _, e := range history(t, b, start) {
		if strings.Contains(e.Sentence, "black hole") {
			t.Errorf("it says again %q", e.Sentence)
		}
	}
	must(t, b.Stop())
	must(t, h.Narrow("fibre", 0))
	must(t, b.Restart(t.Context()))
	awaitEvent(t, b, start, "fibre lets packets of 1500 bytes through again: the path MTU black hole is gone.")
	if p := measured(t, b, "fibre", func(p router.PathView) bool { return p.MTU4 == 1500 }); p != (router.PathView{MTU4: 1500}) {
		t.Errorf("without the hole: %+v", p)
	}
}

func found4(p router.PathView) bool { return p.MTU4 != 0 }

// TestAShortPathThatSaysSo is no black hole.
func TestAShortPathThatSaysSo(t *testing.T) {
	t.Parallel()
	short := Default()
	short.Tag = "short-"
	short.ISPs[0].MTU = 1400
	start := time.Now()
	_, b, d := home(t, short, quick())
	await(t, b, "both lines are up", on("fibre"))
	if p := measured(t, b, "fibre", found4); p != (router.PathView{MTU4: 1400}) {
		t.Errorf("found out: %+v", p)
	}
	wantLoads(t, "afterwards", d, false)
	for _, e := range history(t, b, start) {
		if strings.Contains(e.Sentence, "black hole") {
			t.Errorf("it says %q", e.Sentence)
		}
	}
}

// TestABlackHoleOfIPv6 is TestABlackHoleForLargePackets for a house that has IPv6.
func TestABlackHoleOfIPv6(t *testing.T) {
	t.Parallel()
	tagged := dual()
	tagged.Tag = "hole6-"
	h, err := Build(t.Context(), tagged)
	must(t, err)
	t.Cleanup(h.Close)
	l, b, d := h.Lines[0], h.Boxes[0], h.Devices[0]
	must(t, h.Narrow("fibre", 1400))
	countLarge(t, l)
	_, err = d.Run("sysctl -w net.ipv6.conf.eth0.accept_ra_mtu=0") // as a device behind another router in the house
	must(t, err)
	must(t, b.Start(t.Context(), built(t), sized("1500")))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", b.Log())
		}
	})
	await(t, b, "both lines are up", on("fibre"))
	var own netip.Addr
	for end := time.Now().Add(30 * time.Second); !own.IsValid() && time.Now().Before(end); time.Sleep(look) {
		own = d.Preferred6(l.IPv6())
	}
	eventually(t, "the laptop has IPv6", func() bool { _, err := d.Seen6(t.Context()); return err == nil })
	wantHang(t, "with mtu = 1500", d, true)
	if n := largePings(t, l); n != 0 {
		t.Errorf("with mtu = 1500 it was measured by %d pings", n)
	}
	start := time.Now()
	if out, done := call(t, b, "apply", file(t, sized(`"auto"`))); !done {
		t.Fatal(out)
	}
	hole := router.PathView{MTU4: 1400, Hole4: true, MTU6: 1400, Hole6: true}
	if p := measured(t, b, "fibre", func(p router.PathView) bool { return p.MTU4 != 0 && p.MTU6 != 0 }); p != hole {
		t.Errorf("found out: %+v", p)
	}
	t.Logf("found out after %s by %d pings", time.Since(start), largePings(t, l))
	wantLoads(t, "afterwards", d, true)
	wantTold(t, d, "1.1.1.1")
	wantTold(t, d, "2606:4700:4700::1111")
	wantLoads(t, "afterwards", d, false)
}
