package ladder

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/incident"
	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/store"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Tests(m.Run)) }

const far = "198.51.100.1"

// home is this machine behind a modem, the provider's first router and a far one, with a host at the end.
type home struct {
	t                       *testing.T
	modem, first, core, end *sandbox.Namespace
	view                    router.Snapshot
	climber                 *Climber
	shelf                   *shelf
}

func command(t *testing.T, line string) {
	t.Helper()
	if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
}

func (h *home) in(ns *sandbox.Namespace, lines ...string) {
	h.t.Helper()
	for _, line := range lines {
		if _, err := ns.Run(line); err != nil {
			h.t.Fatal(err)
		}
	}
}

func newHome(t *testing.T) *home {
	h := &home{t: t, shelf: &shelf{}}
	for name, ns := range map[string]**sandbox.Namespace{"modem": &h.modem, "first": &h.first, "core": &h.core, "end": &h.end} {
		var err error
		if *ns, err = sandbox.Add(name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = (*ns).Remove() })
		h.in(*ns, "sysctl -q net.ipv4.ip_forward=1")
	}
	command(t, "ip link add wan0 type veth peer name in netns modem")
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", "wan0").Run() }) // before the namespaces, with which it would go
	command(t, "ip addr add 192.168.178.20/24 dev wan0; ip link set wan0 up")
	h.in(h.modem, "ip addr add 192.168.178.1/24 dev in", "ip link set in up", "ip link add out type veth peer name in netns first",
		"ip addr add 203.0.113.6/29 dev out", "ip link set out up")
	h.in(h.first, "ip addr add 203.0.113.1/29 dev in", "ip link set in up", "ip link add out type veth peer name in netns core",
		"ip addr add 203.0.113.9/30 dev out", "ip link set out up", "ip route add 192.168.178.0/24 via 203.0.113.6")
	h.in(h.core, "ip addr add 203.0.113.10/30 dev in", "ip link set in up", "ip link add out type veth peer name in netns end",
		"ip addr add 203.0.113.13/30 dev out", "ip link set out up", "ip route add 192.168.178.0/24 via 203.0.113.9",
		"ip route add 203.0.113.0/29 via 203.0.113.9")
	h.in(h.end, "ip addr add 203.0.113.14/30 dev in", "ip link set in up", "ip addr add "+far+"/32 dev lo", "ip route add default via 203.0.113.13")
	command(t, "ip route add default via 192.168.178.1 dev wan0")
	h.in(h.modem, "ip route add default via 203.0.113.1")
	h.in(h.first, "ip route add default via 203.0.113.10")
	h.in(h.core, "ip route add default via 203.0.113.14")
	h.resolver()
	h.view = router.Snapshot{Time: time.Now(), WANs: []router.WANSnapshot{{
		Name: "fibre", Kind: "dhcp", Interface: "wan0", State: "up", Since: time.Now().Add(-time.Minute), Address: "192.168.178.20",
		Gateway: "192.168.178.1", DNS: []string{"203.0.113.1"},
		Checks: []router.CheckSnapshot{{Target: "http http://" + far + "/204"}, {Target: "ping " + far}},
	}}}
	h.newClimber()
	return h
}

func (h *home) newClimber() {
	h.climber = New(Ports{View: h.snapshot, Links: h.links, Shelf: h.shelf, Log: slog.New(slog.DiscardHandler)})
}

func (h *home) snapshot() (*router.Snapshot, <-chan struct{}) { return &h.view, nil }

// links are what the kernel says of wan0.
func (h *home) links() ([]router.Link, error) {
	device, err := net.InterfaceByName("wan0")
	if err != nil {
		return nil, nil
	}
	return []router.Link{{Name: "wan0", Index: device.Index, Up: true, Carrier: device.Flags&net.FlagRunning != 0}}, nil
}

// carrier waits until the kernel says so: it does a moment later (linkwatch).
func (h *home) carrier(want bool) {
	h.t.Helper()
	for limit := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if links, _ := h.links(); len(links) == 1 && links[0].Carrier == want {
			return
		}
		if time.Now().After(limit) {
			h.t.Fatalf("the carrier is never %t", want)
		}
	}
}

// mostBytes is what the comment at climbFor promises.
const mostBytes = 4000

// traffic is what wan0 has carried, both ways, with the headers of Ethernet.
func (h *home) traffic() uint64 {
	h.t.Helper()
	out, err := exec.Command("ip", "-s", "-j", "link", "show", "wan0").Output()
	var links []struct {
		Stats map[string]struct{ Bytes uint64 } `json:"stats64"`
	}
	if err == nil {
		err = json.Unmarshal(out, &links)
	}
	if err != nil || len(links) != 1 {
		h.t.Fatalf("counters of wan0: %v: %s", err, out)
	}
	return links[0].Stats["rx"].Bytes + links[0].Stats["tx"].Bytes
}

// resolver answers every query at the provider's first router.
func (h *home) resolver() {
	var conn net.PacketConn
	if err := h.first.Do(func() (err error) { conn, err = net.ListenPacket("udp", "203.0.113.1:53"); return err }); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil {
				continue
			}
			m.Response, m.Additionals = true, nil
			if out, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(out, from)
			}
		}
	}()
}

// breaks has a router drop what comes in by a rule, and returns how to mend it.
func (h *home) breaks(ns *sandbox.Namespace, hook, rule string) func() {
	h.t.Helper()
	if _, err := ns.Feed("nft -f -", "table ip broken { chain c { type filter hook "+hook+" priority -300; "+rule+"; }; }"); err != nil {
		h.t.Fatal(err)
	}
	return func() { h.in(ns, "nft delete table ip broken") }
}

type shelf struct{ items []store.Item }

func (s *shelf) Put(key string, value []byte) error {
	s.items = []store.Item{{Key: key, Value: value}}
	return nil
}

func (s *shelf) All() ([]store.Item, error) { return s.items, nil }

// Each rung is broken in turn, on real routers in a row, after the line has worked for a while.
func TestEachRungBrokenInTurn(t *testing.T) {
	h := newHome(t)
	h.climber.learn(t.Context(), h.view.WANs[0])
	h.newClimber() // a restart
	h.climber.recall()
	const enough = time.Second // who answers does so at once; once the whole time is waited for
	for _, test := range []struct {
		name   string
		break_ func() (mend func())
		broken string // the first rung
		detail string // of it
		last   string

		patience time.Duration
	}{
		{"nothing", func() func() { return func() {} }, "", "", far, enough},
		{"the cable", func() func() {
			h.in(h.modem, "ip link set in down")
			h.carrier(false)
			return func() {
				h.in(h.modem, "ip link set in up")
				h.carrier(true)
			}
		}, "cable", "no cable in wan0, or nothing behind it has power", "invalid IP", enough},
		{"the lease", func() func() {
			h.view.WANs[0].Address, h.view.WANs[0].Reason = "", "nobody answers DHCP"
			return func() { h.view.WANs[0].Address = "192.168.178.20" }
		}, "address", "nobody answers DHCP", "invalid IP", enough},
		{"the modem", func() func() { return h.breaks(h.modem, "prerouting", "drop") }, "modem", "it does not answer; it did on ", "invalid IP", time.Minute},
		{"the line", func() func() { return h.breaks(h.first, "prerouting", "drop") }, "first hop", "it does not answer; it did on ", "192.168.178.1", enough},
		{"the provider", func() func() { return h.breaks(h.core, "prerouting", "drop") }, "outside",
			"the last router that answers is number 2 on the way (203.0.113.1); on ", "203.0.113.1", enough},
		{"far away", func() func() { return h.breaks(h.end, "prerouting", "drop") }, "outside",
			"the last router that answers is number 3 on the way (203.0.113.10); on ", "203.0.113.10", enough},
		{"the name server", func() func() { return h.breaks(h.first, "input", "udp dport 53 drop") }, "dns", "no answer", far, enough},
		{"the web", func() func() { return h.breaks(h.end, "input", "tcp dport 80 drop") }, "web", far + ":80: no answer", far, enough},
	} {
		t.Run(test.name, func(t *testing.T) {
			mend := test.break_()
			before := h.traffic()
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), test.patience)
			defer cancel()
			rungs, last := h.climber.Climb(ctx, "fibre")
			took, cost := time.Since(began), h.traffic()-before
			mend()
			if t.Logf("%d bytes in %s", cost, took); cost > mostBytes {
				t.Errorf("it cost %d bytes, want at most %d: the line may be metered", cost, mostBytes)
			}
			if took > min(climbFor, test.patience)+500*time.Millisecond {
				t.Errorf("took %s", took)
			}
			var first router.Rung
			for _, r := range rungs {
				if r.State != "ok" {
					first = r
					break
				}
			}
			if first.What != test.broken || test.broken != "" && (first.State != "broken" || !strings.HasPrefix(first.Detail, test.detail)) || last.String() != test.last {
				t.Errorf("got %+v, last %s\n%+v", first, last, rungs)
			}
		})
	}
}

func TestALineThatIsNotThere(t *testing.T) {
	h := newHome(t)
	if rungs, last := h.climber.Climb(t.Context(), "lte"); rungs != nil || last.IsValid() {
		t.Errorf("got %+v, %s", rungs, last)
	}
	command(t, "ip link del wan0")
	rungs, _ := h.climber.Climb(t.Context(), "fibre")
	if len(rungs) == 0 || rungs[0].State != "broken" || rungs[0].Detail != "there is no interface wan0" {
		t.Errorf("got %+v", rungs)
	}
}

func TestWhatIsLearnedAndWhen(t *testing.T) {
	h := newHome(t)
	w, now := &h.view.WANs[0], h.view.Time
	due := func() bool { return h.climber.due(now, &h.view, *w) }
	if !due() {
		t.Error("a line that has worked for a minute is not learned")
	}
	w.Since = now.Add(-29 * time.Second)
	if due() {
		t.Error("a line that has just come back is learned")
	}
	w.Since = now.Add(-time.Hour)
	h.climber.learn(t.Context(), *w)
	way := h.climber.way("fibre")
	if len(way.Hops) != 4 || way.Hops[3].Address != netip.MustParseAddr(far) {
		t.Errorf("learned %+v", way)
	}
	var kept map[string]incident.Way
	if err := json.Unmarshal(h.shelf.items[0].Value, &kept); err != nil || len(kept["fibre"].Hops) != 4 {
		t.Errorf("kept %s, %v", h.shelf.items[0].Value, err)
	}
	for _, test := range []struct {
		metered bool
		after   time.Duration
		want    bool
	}{{false, 59 * time.Minute, false}, {false, 61 * time.Minute, true}, {true, 23 * time.Hour, false}, {true, 25 * time.Hour, true}} {
		now, w.Metered = way.At.Add(test.after), test.metered
		if due() != test.want {
			t.Errorf("%+v: due is %t", test, due())
		}
	}
	w.State = "down"
	if due() {
		t.Error("a line that is down is learned")
	}
	// What fails while it is asked teaches nothing.
	mend := h.breaks(h.modem, "prerouting", "drop")
	w.State = "up"
	h.climber.learn(t.Context(), *w)
	mend()
	if again := h.climber.way("fibre"); len(again.Hops) != 4 {
		t.Errorf("it has unlearned: %+v", again)
	}
	h.view.WANs = nil
	h.climber.learn(t.Context(), router.WANSnapshot{Name: "fibre", Interface: "wan0", DNS: []string{far}})
	if len(h.climber.known) != 0 {
		t.Errorf("of lines that are no more there is %+v", h.climber.known)
	}
}

func TestWhomALineIsLookedAlongTo(t *testing.T) {
	for _, test := range []struct{ checks, dns, far, web string }{
		{"ping 1.1.1.1,tcp 9.9.9.9:443", "", "1.1.1.1", "9.9.9.9:443"},
		{"http https://a.example/204,ping a.example", "192.0.2.53", "192.0.2.53", "a.example:443"},
		{"http http://[2001:db8::1]:8080/x,dns 9.9.9.9", "", "9.9.9.9", "[2001:db8::1]:8080"},
		{"tcp 9.9.9.9:853", "", "9.9.9.9", "9.9.9.9:853"},
		{"ping 2606:4700:4700::1111", "", "2606:4700:4700::1111", "[2606:4700:4700::1111]:443"},
		{"", "", "invalid IP", ""},
	} {
		var w router.WANSnapshot
		for text := range strings.SplitSeq(test.checks, ",") {
			w.Checks = append(w.Checks, router.CheckSnapshot{Target: text})
		}
		if test.dns != "" {
			w.DNS = []string{test.dns}
		}
		if got := farHost(w); got.String() != test.far || webHost(w, got) != test.web {
			t.Errorf("%q: got %s, %q", test.checks, got, webHost(w, got))
		}
	}
}

// probe answers what it is told to.
type probe map[string]error

func (p probe) Probe(_ context.Context, c health.Check) (time.Duration, error) { return 1, p[c.Target] }

func TestOneNameServerIsEnough(t *testing.T) {
	down := errors.New("connection refused")
	p := probe{"192.0.2.1": down, "192.0.2.3": down}
	for _, test := range []struct {
		servers []string
		want    incident.Answer
	}{
		{nil, incident.Answer{Detail: "the line has named no name server"}},
		{[]string{"192.0.2.1", "192.0.2.2"}, incident.Answer{Asked: true, OK: true}},
		{[]string{"192.0.2.1", "192.0.2.3", "192.0.2.2"}, incident.Answer{Asked: true, Detail: "connection refused"}}, // two are asked
	} {
		if got := resolves(t.Context(), p, test.servers); got != test.want {
			t.Errorf("%q: got %+v, want %+v", test.servers, got, test.want)
		}
	}
}
