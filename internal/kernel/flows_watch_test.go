package kernel

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/router"
)

// flowRules mark as the real ruleset does: what comes in at once, what leaves when it is translated.
const flowRules = `table inet test {
	chain arrives { type filter hook prerouting priority mangle; iifname "wan0" ct state new ct mark set 0x100; }
	chain forwarded { type nat hook prerouting priority dstnat; iifname "wan0" ip protocol tcp tcp dport 8443 dnat ip to 192.168.1.10:443; }
	chain leaves { type nat hook postrouting priority srcnat;
		oifname "wan0" udp dport 4000 ct mark set 0x200
		oifname "wan0" udp dport 4001 ct mark set 0x200100
		oifname "wan0" ct mark & 0xff00 == 0 ct mark set 0x100
		oifname "wan0" meta nfproto ipv4 masquerade; }
}
`

// watched is what a watch has told.
type watched struct {
	t       testing.TB
	changes chan flow.Change
	flows   map[flow.Flow]bool
	begun   bool // the list
	first   bool // not yet all of it
}

var quiet = slog.New(slog.DiscardHandler)

func onlyFirst(m firewall.Mark) bool { return m == firewall.MarkOf(0) }

// watch starts a watch that has told nothing yet.
func (b *box) watch(w *flowWatch) *watched {
	b.t.Helper()
	seen := &watched{b.t, make(chan flow.Change, 10000), make(map[flow.Flow]bool), false, true}
	w.own, w.tell = onlyFirst, func(c flow.Change) { seen.changes <- c }
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error)
	go func() { ended <- b.Do(func() error { return w.run(ctx) }) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-ended; err == nil {
			b.t.Error("the watch ended without a word")
		}
	})
	return seen
}

// until takes news in until the flows are as wanted, and returns how long that took.
func (w *watched) until(what string, good func() bool) time.Duration {
	w.t.Helper()
	start := time.Now()
	limit := time.After(10 * time.Second)
	for w.first || !good() {
		select {
		case c := <-w.changes:
			w.take(c)
		case <-limit:
			w.t.Fatalf("%s: not within 10 s; there are %d flows, such as %s", what, len(w.flows), w)
		}
	}
	return time.Since(start)
}

func (w *watched) take(c flow.Change) {
	w.t.Helper()
	if c.Anew == w.begun || c.More && !w.first {
		w.t.Errorf("a change with anew %v and more %v", c.Anew, c.More)
	}
	w.begun, w.first = true, c.More
	for _, f := range c.Ended {
		if !w.flows[f] {
			w.t.Errorf("%v has ended, and was not told of", f)
		}
		delete(w.flows, f)
	}
	for _, f := range c.Begun {
		if w.flows[f] {
			w.t.Errorf("%v has begun twice", f)
		}
		w.flows[f] = true
	}
}

func (w *watched) String() string {
	var all []string
	for f := range w.flows {
		if all = append(all, f.String()); len(all) == 10 {
			break
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// has waits for a flow from the client, whatever its own port.
func (w *watched) has(what, to string, protocol uint8) (f flow.Flow) {
	w.t.Helper()
	destination := netip.MustParseAddrPort(to)
	took := w.until(what, func() bool {
		for f = range w.flows {
			if _, d := f.Ends(); f.Protocol == protocol && d == destination {
				return true
			}
		}
		return false
	})
	source, _ := f.Ends()
	if a := source.Addr().String(); a != "192.168.1.10" && a != "2001:db8:10::10" {
		w.t.Errorf("%s: %v does not come from the client", what, f)
	}
	w.t.Logf("%s: %v after %v", what, f, took)
	return f
}

func (w *watched) gone(what string, f flow.Flow) {
	w.t.Helper()
	w.t.Logf("%s: gone after %v", what, w.until(what, func() bool { return !w.flows[f] }))
}

// flowHome is a box with a client, a server and the rules that mark.
func flowHome(t *testing.T) (b *box, client, server *sandbox.Namespace) {
	t.Helper()
	b = newBox(t)
	client, server = b.settle()
	// As of a router's plan: a line's network has no route of its own, so that nothing but the house is near.
	for _, line := range []string{
		"ip addr flush dev wan0 scope global", "ip addr add 198.51.100.2/24 dev wan0 noprefixroute",
		"ip addr add 2001:db8:1::2/64 dev wan0 nodad noprefixroute",
		"ip route add default via 198.51.100.1 dev wan0 onlink", "ip route add ::/0 via 2001:db8:1::1 dev wan0 onlink",
	} {
		b.must(line)
	}
	if _, err := b.Feed("nft -f -", "flush ruleset\n"+flowRules); err != nil {
		t.Fatal(err)
	}
	return b, client, server
}

// send lets a host send one datagram, from a port of its choice if that is not zero.
func send(t *testing.T, from *sandbox.Namespace, port int, to string) {
	t.Helper()
	err := from.Do(func() error {
		d := net.Dialer{}
		if port != 0 {
			d.LocalAddr = &net.UDPAddr{Port: port}
		}
		c, err := d.Dial("udp", to)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("x"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchFlows(t *testing.T) {
	b, client, server := flowHome(t)
	early := dialThrough(t, client, server, "198.51.100.1:7000")
	watch := newFlowWatch(quiet, nil, nil)
	watch.every = time.Second
	w := b.watch(watch)
	first := w.has("TCP that was there", "198.51.100.1:7000", 6)

	six := dialThrough(t, client, server, "[2001:db8:1::1]:7001")
	sixth := w.has("TCP of IPv6", "[2001:db8:1::1]:7001", 6)
	send(t, client, 0, "198.51.100.1:53")
	w.has("UDP", "198.51.100.1:53", 17)
	for address, protocol := range map[string]uint8{"198.51.100.1": 1, "2001:db8:1::1": 58} {
		if _, err := client.Run("ping -c1 -W2 -e 4711 " + address); err != nil {
			t.Fatal(err)
		}
		if f := w.has("echo", net.JoinHostPort(address, "0"), protocol); f.From != 4711 {
			t.Errorf("an echo of identifier %d, want 4711", f.From)
		}
	}

	inside := dialThrough(t, server, client, "192.168.1.10:443", "198.51.100.2:8443")
	port := inside.LocalAddr().(*net.TCPAddr).Port
	forwarded := w.has("a forwarded port", fmt.Sprintf("198.51.100.1:%d", port), 6)
	if forwarded.From != 443 {
		t.Errorf("%v comes from another port than the client's", forwarded)
	}
	inside6 := dialThrough(t, server, client, "[2001:db8:10::10]:444")
	port = inside6.LocalAddr().(*net.TCPAddr).Port
	w.has("from outside, IPv6", fmt.Sprintf("[2001:db8:1::1]:%d", port), 6)

	_ = inside.Close()
	w.gone("closed by both", forwarded)
	_ = six.(*net.TCPConn).SetLinger(0)
	_ = six.Close()
	w.gone("reset", sixth)
	_ = early.Close()
	w.gone("closed, and nobody listened when it began", first)
}

func TestWatchFlowsLeavesOutTheRest(t *testing.T) {
	b, client, _ := flowHome(t)
	w := b.watch(newFlowWatch(quiet, nil, nil))
	w.until("nothing", func() bool { return true })
	for _, to := range []string{"198.51.100.1:4000", "198.51.100.1:4001", "192.168.1.1:53"} {
		send(t, client, 0, to) // by another line, lent, to the router
	}
	send(t, b.Namespace, 0, "198.51.100.1:123")
	send(t, client, 0, "198.51.100.1:5000")
	w.has("the last one", "198.51.100.1:5000", 17)
	if len(w.flows) != 1 {
		t.Errorf("told of %s", w)
	}
}

func TestWatchFlowsCountsAgain(t *testing.T) {
	b, _, _ := flowHome(t)
	mark := firewall.MarkOf(0)
	b.fill(many(100, mark)...) // while nobody listens
	counting := newFlowWatch(quiet, nil, nil)
	counting.every = 100 * time.Millisecond
	w := b.watch(counting)
	w.until("what was there", func() bool { return len(w.flows) == 100 })
	b.vacate(router.Vacate{WAN: "fibre", Mark: mark})
	w.until("the end that nobody told of", func() bool { return len(w.flows) == 0 })
}

// Two whole pieces, of which the second is the last.
func TestWatchFlowsBeginsInPieces(t *testing.T) {
	b, _, _ := flowHome(t)
	b.fill(many(2*flow.Piece, firewall.MarkOf(0))...)
	w := b.watch(newFlowWatch(quiet, nil, nil))
	w.until("what was there", func() bool { return len(w.flows) == 2*flow.Piece })
}

func TestWatchFlowsMakesUpForWhatIsLost(t *testing.T) {
	b, _, _ := flowHome(t)
	deaf := newFlowWatch(quiet, nil, nil)
	deaf.size, deaf.every = 4096, time.Hour
	w := b.watch(deaf)
	w.until("nothing", func() bool { return true })
	b.fill(many(3000, firewall.MarkOf(0))...)
	w.until("all of them", func() bool { return len(w.flows) == 3000 })
	b.vacate(router.Vacate{WAN: "fibre", Mark: firewall.MarkOf(0)})
	w.until("the end of all", func() bool { return len(w.flows) == 0 })
}

// A flow that begins and ends within a moment is nobody's news, and one that ended and began again has not changed.
func TestWatchFlowsSettles(t *testing.T) {
	var told []flow.Change
	w := newFlowWatch(quiet, nil, func(c flow.Change) { told = append(told, c) })
	f, g := flow.Flow{From: 1}, flow.Flow{From: 2}
	for _, step := range []struct {
		batch map[flow.Flow]bool
		want  string
	}{
		{map[flow.Flow]bool{f: true, g: false}, "1 begun, 0 ended"},
		{map[flow.Flow]bool{f: true}, "nothing"},
		{map[flow.Flow]bool{f: false, g: true}, "1 begun, 1 ended"},
	} {
		told = nil
		for f, there := range step.batch {
			w.batch[f] = there
		}
		w.settle()
		got := "nothing"
		if len(told) > 0 {
			got = fmt.Sprintf("%d begun, %d ended", len(told[0].Begun), len(told[0].Ended))
		}
		if got != step.want || len(w.batch) != 0 {
			t.Errorf("%v: told %s, want %s", step.batch, got, step.want)
		}
	}
}

// The time to list so many flows, which is done at least every ten seconds and takes a hundredth of the time at most.
func BenchmarkCountFlows(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000} {
		b.Run(fmt.Sprintf("flows=%d", n), func(b *testing.B) {
			box := newBox(b)
			box.settle()
			box.fill(many(n, firewall.MarkOf(0))...)
			err := box.Do(func() error {
				w := newFlowWatch(quiet, onlyFirst, func(flow.Change) {})
				if err := w.open(); err != nil {
					return err
				}
				defer w.close()
				for b.Loop() {
					if err := w.count(b.Context(), false); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// The time to take a flow that begins and ends in, without what conntrack itself has to do to tell of it.
func BenchmarkWatchFlows(b *testing.B) {
	const n = 2000
	box := newBox(b)
	box.settle()
	flows := many(n, firewall.MarkOf(0))
	told := 0
	err := box.Do(func() error {
		w := newFlowWatch(quiet, onlyFirst, func(c flow.Change) { told += len(c.Begun) + len(c.Ended) })
		if err := w.open(); err != nil {
			return err
		}
		defer w.close()
		for b.Loop() {
			b.StopTimer()
			box.fill(flows...)
			b.StartTimer()
			if err := w.read(flowMost, false); err != nil {
				return err
			}
			w.settle()
			b.StopTimer()
			if _, err := box.kernel.Vacate(router.Vacate{WAN: "fibre", Mark: firewall.MarkOf(0)}); err != nil {
				return err
			}
			b.StartTimer()
			if err := w.read(flowMost, false); err != nil {
				return err
			}
			w.settle()
		}
		return nil
	})
	if err != nil || told != 2*n*b.N {
		b.Fatalf("told of %d, %v; want %d", told, err, 2*n*b.N)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n*b.N), "µs/flow")
}
