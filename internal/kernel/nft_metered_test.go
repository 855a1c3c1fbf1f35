package kernel

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/internal/sandbox"
)

// metered is the house's policy with the first line paid by volume.
func (h *nftHouse) metered(uses ...firewall.Use) firewall.Policy {
	p := h.policy()
	p.Subnets = append(p.Subnets, netip.MustParsePrefix("2001:db8:1::/64"))
	p.WANs[0].Metered = true
	p.Uses = uses
	return p
}

// aside are the devices of the house: the client by its MAC address, and the server, which has IPv4 only, by its address.
var (
	theClient = firewall.Use{Devices: []string{"02:00:00:00:00:10"}}
	theServer = firewall.Use{Sources: []netip.Prefix{netip.MustParsePrefix("192.168.1.11/32")}}
)

func classed(u firewall.Use, c firewall.Class) firewall.Use { u.Class = c; return u }

// While a hundred rulesets come and go, not a packet is missed or counted twice: the other end of the line has counted the same.
func TestNftMetersThroughReplacements(t *testing.T) {
	h := newNftHouse(t)
	h.load(h.metered())
	reference := "table inet reference {\ncounter out {\n}\ncounter in {\n}\nchain a {\ntype filter hook prerouting priority -450; iifname line counter name in\n}\n" +
		"chain b {\ntype filter hook postrouting priority 300; oifname line counter name out\n}\n}\n"
	if _, err := h.isps[0].Feed("nft -f -", reference); err != nil {
		t.Fatal(err)
	}
	before := h.counted(h.router, "twinpath", "rx_fibre", "tx_fibre")
	far := h.counted(h.isps[0], "reference", "out", "in")
	chain := nftRun(t, h.router, "nft -a list chain inet twinpath meter_in")

	stop := make(chan struct{})
	var sent atomic.Int64
	h.chatter(stop, &sent)
	for i := range 100 {
		p := h.metered(classed(theServer, firewall.Class(i%4)))
		p.WANs[1].MTU = 1300 + i
		h.load(p)
	}
	close(stop)
	if again := nftRun(t, h.router, "nft -a list chain inet twinpath meter_in"); again != chain {
		t.Errorf("the chain that counts has been made anew:\n%s\nbefore:\n%s", again, chain)
	}
	var moved, want []uint64
	for range 50 { // until the last packets have arrived
		now, there := h.counted(h.router, "twinpath", "rx_fibre", "tx_fibre"), h.counted(h.isps[0], "reference", "out", "in")
		moved, want = []uint64{now[0] - before[0], now[1] - before[1]}, []uint64{there[0] - far[0], there[1] - far[1]}
		if moved[0] == want[0] && moved[1] == want[1] {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("%d bytes in, %d out, of %d packets", moved[0], moved[1], sent.Load())
	if moved[0] != want[0] || moved[1] != want[1] {
		t.Errorf("counted %d bytes in and %d out, the other end %d and %d", moved[0], moved[1], want[0], want[1])
	}
	if sent.Load() < 1000 || moved[0] < 50_000 || moved[1] < 50_000 {
		t.Errorf("%d packets are too few to show anything", sent.Load())
	}
}

// chatter has the client and the router send pings of UDP by both families, which the provider answers.
func (h *nftHouse) chatter(stop <-chan struct{}, sent *atomic.Int64) {
	h.t.Helper()
	h.answerUDP(h.isps[0], ":9")
	for _, who := range []struct {
		from *sandbox.Namespace
		to   string
	}{{h.client, "9.9.9.1:9"}, {h.client, "[2001:db8:9::1]:9"}, {h.router, "9.9.9.1:9"}} {
		var c net.Conn
		err := who.from.Do(func() (err error) {
			c, err = net.Dial("udp", who.to)
			return err
		})
		if err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(func() { c.Close() })
		go func() {
			for size := 1; ; size = size%1000 + 1 {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Microsecond):
					_, _ = c.Write(make([]byte, size))
					sent.Add(1)
				}
			}
		}()
	}
}

func (h *nftHouse) answerUDP(ns *sandbox.Namespace, address string) {
	h.t.Helper()
	var c net.PacketConn
	err := ns.Do(func() (err error) {
		c, err = net.ListenPacket("udp", address)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	go func() {
		buffer := make([]byte, 2000)
		for {
			n, from, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(buffer[:n], from)
		}
	}()
}

// counted reads the bytes of counters.
func (h *nftHouse) counted(ns *sandbox.Namespace, table string, names ...string) []uint64 {
	h.t.Helper()
	values := make([]uint64, len(names))
	for i, name := range names {
		out := nftRun(h.t, ns, "nft list counter inet "+table+" "+name)
		if _, err := fmt.Sscanf(out[strings.Index(out, "bytes"):], "bytes %d", &values[i]); err != nil {
			h.t.Fatal(err, out)
		}
	}
	return values
}

// Who may not use a metered line is told at once, and so are connections that were there before.
func TestNftKeepsOffMeteredLines(t *testing.T) {
	h := newNftHouse(t)
	h.answerUDP(h.isps[0], ":9")
	h.load(h.metered())
	four, six := h.reach(h.client, "9.9.9.1:80", "isp1"), h.reach(h.client, "[2001:db8:9::1]:80", "isp1")
	other := h.reach(h.server, "9.9.9.1:80", "isp1")
	h.load(h.metered(classed(theClient, firewall.Never)))
	for what, c := range map[string]net.Conn{"IPv4": four, "IPv6": six} {
		start := time.Now()
		if err := h.echo(c); !errors.Is(err, unix.ECONNRESET) || time.Since(start) > time.Second {
			t.Errorf("a running connection over %s: %v after %s, want a reset at once", what, err, time.Since(start))
		}
	}
	if err := h.echo(other); err != nil {
		t.Errorf("another device: %v", err)
	}
	for _, to := range []string{"9.9.9.1:80", "[2001:db8:9::1]:80"} {
		start := time.Now()
		if _, _, err := h.dial(h.client, to, patience); !errors.Is(err, unix.ECONNREFUSED) || time.Since(start) > time.Second {
			t.Errorf("%s: %v after %s, want to be refused at once", to, err, time.Since(start))
		}
	}
	for to, want := range map[string]error{"9.9.9.1:9": unix.EHOSTUNREACH, "[2001:db8:9::1]:9": unix.EACCES} { // admin-prohibited
		if err := h.ask(h.client, to); !errors.Is(err, want) {
			t.Errorf("UDP to %s: %v, want %v", to, err, want)
		}
	}
	h.reach(h.router, "9.9.9.1:80", "isp1") // the router itself goes on
	h.reach(h.client, "192.168.1.1:22", "router")

	p := h.metered(classed(theClient, firewall.Never))
	p.WANs[0].Metered = false
	h.load(p)
	h.reach(h.client, "9.9.9.1:80", "isp1") // it is about metered lines

	p = h.metered(classed(theClient, firewall.Always))
	p.WANs[0].Class = firewall.Never // used up: for everybody who has no class
	h.load(p)
	h.reach(h.client, "9.9.9.1:80", "isp1")
	if err := h.echo(other); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("when the data is used up: %v, want a reset", err)
	}
}

// ask sends a packet and waits for the answer.
func (h *nftHouse) ask(ns *sandbox.Namespace, to string) error {
	return ns.Do(func() error {
		c, err := net.Dial("udp", to)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		if _, err := c.Write([]byte{1}); err != nil {
			return err
		}
		_, err = c.Read(make([]byte, 1))
		return err
	})
}

// What is essential is as fast as ever; the rest of a device's traffic has 1 Mbit/s each way, whichever family it is of.
func TestNftSlowsDownOnMeteredLines(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for twenty seconds")
	}
	h := newNftHouse(t)
	for _, port := range []string{":8080", ":993"} {
		h.listen(h.isps[0], port, func(c net.Conn) { _, _ = io.Copy(c, zeros{}) })
	}
	for _, port := range []string{":8081", ":22"} {
		h.listen(h.isps[0], port, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	}
	h.load(h.metered(classed(theClient, firewall.Essential)))
	const fast = 10 * firewall.SlowRate
	for _, c := range []struct {
		what, to string
		up, slow bool
	}{
		{"down", "9.9.9.1:8080", false, true}, {"up", "9.9.9.1:8081", true, true},
		{"down over IPv6", "[2001:db8:9::1]:8080", false, true}, {"up over IPv6", "[2001:db8:9::1]:8081", true, true},
		{"mail", "9.9.9.1:993", false, false}, {"SSH", "9.9.9.1:22", true, false},
	} {
		rate := h.rate(c.to, c.up, c.slow)
		t.Logf("%s: %.2f Mbit/s", c.what, rate*8/1e6)
		if off := rate/firewall.SlowRate - 1; c.slow && math.Abs(off) > 0.25 || !c.slow && rate < fast {
			t.Errorf("%s has %.0f bytes/s, want %d or, if essential, more than %d", c.what, rate, firewall.SlowRate, fast)
		}
	}
	if n := h.counted(h.router, "twinpath", "slowed")[0]; n == 0 {
		t.Error("what was too much is not counted")
	}
	h.load(h.metered(classed(theClient, firewall.Always), classed(theServer, firewall.Never)))
	if rate := h.rate("9.9.9.1:8080", false, false); rate < fast {
		t.Errorf("allowed again it has %.0f bytes/s", rate)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// rate is how many bytes a second the client gets through, by what arrives. If it is slow the beginning does not count: it has the burst.
func (h *nftHouse) rate(to string, up, slow bool) float64 {
	h.t.Helper()
	var c net.Conn
	err := h.client.Do(func() (err error) {
		c, err = net.DialTimeout("tcp", to, patience)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetLinger(0) // else what waits to be sent is counted with the next one's
	var got func() uint64
	if up {
		go func() { _, _ = io.Copy(c, zeros{}) }()
		got = func() uint64 { return h.counted(h.router, "twinpath", "tx_fibre")[0] }
	} else {
		var n atomic.Uint64
		go func() {
			buffer := make([]byte, 64<<10)
			for {
				k, err := c.Read(buffer)
				n.Add(uint64(k))
				if err != nil {
					return
				}
			}
		}()
		got = n.Load
	}
	skip, long := uint64(0), 300*time.Millisecond
	if slow {
		skip, long = firewall.SlowRate+140<<10, 3*time.Second // a second's worth, and what the bucket holds beside it
	}
	for begun, end := got(), time.Now().Add(patience+5*time.Second); got() <= begun+skip; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("to %s nothing gets through", to)
		}
	}
	start, from := time.Now(), got()
	time.Sleep(long)
	return float64(got()-from) / time.Since(start).Seconds()
}

// What is left of one ruleset does not show in the next, whichever they are; only a meter that was not there before stands last.
func TestNftReplacedIsAsNew(t *testing.T) {
	policies := nftPolicies()
	fresh := map[string]string{}
	for name, p := range policies {
		ns := nftNamespace(t, "fresh-"+strings.ReplaceAll(name, " ", "-"))
		nftLoad(t, ns, &Nft{}, firewall.Build(p))
		fresh[name] = nftStateless(t, ns)
	}
	ns := nftNamespace(t, "replaced")
	for from, p := range policies {
		for to, q := range policies {
			n := &Nft{}
			nftRemove(t, ns, n)
			nftLoad(t, ns, n, firewall.Build(p))
			r := firewall.Build(q)
			if err := ns.Do(func() error { return n.exchange(r, r.Hash(), look()) }); err != nil {
				t.Fatalf("%s after %s: %v", to, from, err)
			}
			if got := nftStateless(t, ns); len(r.Meters) == 0 && got != fresh[to] || len(got) != len(fresh[to]) {
				t.Errorf("%s after %s: %s", to, from, firstDifference(fresh[to], got))
			}
		}
	}
}

func nftStateless(t testing.TB, ns *sandbox.Namespace) string {
	t.Helper()
	return nftRun(t, ns, "nft -s list table inet twinpath")
}
