package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// sixPromise is how soon after a black hole a new connection works (issue 7).
const sixPromise = 3 * time.Second

// tagged6 is the default home with IPv6 by the fibre and, if wanted, by the mobile line.
func tagged6(backup bool) Home {
	h := dual()
	h.Tag = fmt.Sprintf("s%d-", tags.Add(1))
	if backup {
		h.ISPs[1].IPv6 = "2001:db8:e::/48"
	}
	return h
}

// house6 is that home, when the laptop uses the fibre's IPv6.
func house6(t *testing.T, backup bool, config string) (*House, *Box, *Device) {
	t.Helper()
	h, b, d := home(t, tagged6(backup), config)
	await(t, b, "both lines are up", on("fibre"))
	awaitOpen(t, h, d, "fibre")
	if backup {
		eventually(t, "the mobile line has a prefix", func() bool { return len(h.Lines[1].Delegated()) > 0 })
	}
	return h, b, d
}

// awaitOpen waits until new connections by IPv6 alone leave by a line.
func awaitOpen(t *testing.T, h *House, d *Device, line string) {
	t.Helper()
	var o Opened
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(look) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		o, err = d.Open(ctx, Only6)
		cancel()
		if err == nil && h.LineOf(o.From) == line {
			return
		}
	}
	addresses, _ := d.Run("ip -6 addr show dev eth0 scope global")
	routes, _ := d.Run("ip -6 route")
	t.Fatalf("IPv6 does not use %s within 20 s: %+v, %v\n%s%s", line, o, err, addresses, routes)
}

// knocker opens a connection ten times a second, as the programs of a house do. A try is given up after two seconds.
type knocker struct {
	manner Manner
	first  chan time.Time // when the first one works by another line than the one that died
}

// knock begins at once.
func knock(ctx context.Context, h *House, d *Device, m Manner, left string) *knocker {
	k := &knocker{m, make(chan time.Time, 1)}
	go func() {
		for ctx.Err() == nil && len(k.first) == 0 {
			go k.try(ctx, h, d, left)
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return k
}

func (k *knocker) try(ctx context.Context, h *House, d *Device, left string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	o, err := d.Open(ctx, k.manner)
	if err == nil && (o.From.Is4() || h.LineOf(o.From) != left) {
		select {
		case k.first <- time.Now():
		default: // another one was faster
		}
	}
}

// strays counts packets with the addresses of one line on the cable of the other.
func strays(t *testing.T, on *Line, of netip.Prefix) func() int {
	t.Helper()
	table := "of_" + strings.ReplaceAll(strings.Trim(of.Addr().String(), ":"), ":", "_")
	_, err := on.space.Feed("nft -f -", fmt.Sprintf(`table ip6 %s {
	counter seen { }
	chain arrive {
		type filter hook prerouting priority -400
		iifname "access" ip6 saddr %s counter name "seen"
	}
}
`, table, of))
	must(t, err)
	return func() int {
		n, err := counterOf(on.space, "ip6", table, "seen")
		must(t, err)
		return n
	}
}

// TestIPv6Switch is the scenario: the fibre dies behind its first hop, or with it, and the backup has IPv6 or has none.
func TestIPv6Switch(t *testing.T) {
	for _, backup := range []bool{true, false} {
		for _, depth := range []Depth{Beyond, Whole} {
			t.Run(fmt.Sprintf("backup with IPv6 %v, %s", backup, depth), func(t *testing.T) {
				t.Parallel()
				switch6(t, backup, depth)
			})
		}
	}
}

func switch6(t *testing.T, backup bool, depth Depth) {
	h, b, d := house6(t, backup, DefaultConfig)
	fibre, lte := h.Lines[0], h.Lines[1]
	wrong, right := strays(t, lte, fibre.IPv6()), strays(t, fibre, fibre.IPv6())
	dead := d.Preferred6(fibre.Delegated()[0])
	old := held(t, d)
	manners := []Manner{Eyeballs, Only6}
	if !backup {
		manners = []Manner{Eyeballs, InTurn}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	start := time.Now()
	must(t, h.Blackhole("fibre", depth))
	for _, m := range manners {
		k := knock(ctx, h, d, m, "fibre")
		defer func() {
			select {
			case at := <-k.first:
				t.Logf("%s: a new connection works %d ms after the black hole", k.manner, at.Sub(start).Milliseconds())
				if at.Sub(start) > sixPromise {
					t.Errorf("%s: %s, promised are %s", k.manner, at.Sub(start), sixPromise)
				}
			case <-ctx.Done():
				t.Errorf("%s: no new connection works", k.manner)
			}
		}()
	}
	await(t, b, "the house is on lte", carriedBy("lte"))
	moved := time.Now()
	eventually(t, "the dead prefix is retired", func() bool { return !d.Preferred6(fibre.Delegated()[0]).IsValid() })
	t.Logf("the dead prefix is retired %d ms after the switch", time.Since(moved).Milliseconds())
	refused(t, d, dead)
	if _, err := old.read.ReadByte(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection of the dead line: %v, want a reset", err)
	}
	t.Logf("its connections are told %d ms after the switch", time.Since(moved).Milliseconds())
	if backup {
		awaitOpen(t, h, d, "lte")
	} else { // its connections of before are told first
		eventually(t, "the laptop has no IPv6 router any more", func() bool {
			out, err := d.Run("ip -6 route show default")
			return err == nil && out == ""
		})
	}
	if n := wrong(); n != 0 {
		t.Errorf("%d packets of the dead prefix were on the mobile line's cable", n)
	}
	if right() == 0 {
		t.Error("none was on its own: nobody counts")
	}
	if backup {
		n, err := lte.Foreign6()
		must(t, err)
		if n != 0 {
			t.Errorf("the mobile line's provider dropped %d packets with foreign addresses", n)
		}
	}

	back := strays(t, fibre, netip.MustParsePrefix("2001:db8:e::/48"))
	var meanwhile link
	if backup {
		meanwhile = held(t, d)
	}
	must(t, h.Heal("fibre"))
	await(t, b, "the house is back on fibre", carriedBy("fibre"))
	awaitOpen(t, h, d, "fibre")
	if got := d.Preferred6(fibre.Delegated()[0]); got != dead {
		t.Errorf("back on the fibre the laptop uses %s, before it was %s", got, dead)
	}
	if backup {
		if err := meanwhile.speak(); err != nil {
			t.Errorf("a connection that began on the mobile line does not go on there: %v", err)
		}
	}
	if n := back(); n != 0 {
		t.Errorf("%d packets of the mobile line's prefix were on the fibre's cable", n)
	}
}

// refused sees that whoever uses an address of the dead line is told so, and not left waiting.
func refused(t *testing.T, d *Device, from netip.Addr) {
	t.Helper()
	start := time.Now()
	// RFC 4443 §3.1, code 5: the source address failed the policy. Not every ping knows the words.
	out, err := d.Run(fmt.Sprintf("ping -c1 -W3 -I %s 2606:4700:4700::1111", from))
	if err == nil || !strings.Contains(out, "nreachable") || !strings.Contains(out, "code 5") && !strings.Contains(out, "policy") || time.Since(start) > 2*time.Second {
		t.Errorf("a ping from the dead prefix, after %s: %v: %s", time.Since(start), err, out)
	}
}

// link is a connection that stays.
type link struct {
	t     *testing.T
	write func([]byte) (int, error)
	read  *bufio.Reader
	until func(time.Time) error
}

// held opens a connection by IPv6.
func held(t *testing.T, d *Device) link {
	t.Helper()
	conn, err := d.Dial(t.Context(), "tcp6", echoServer6().String())
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	l := link{t, conn.Write, bufio.NewReader(conn), conn.SetDeadline}
	must(t, l.speak())
	return l
}

// speak says a word and hears its echo, within a second.
func (l link) speak() error {
	_ = l.until(time.Now().Add(time.Second))
	defer func() { _ = l.until(time.Now().Add(20 * time.Second)) }() // for who only listens afterwards
	if _, err := l.write([]byte("word\n")); err != nil {
		return err
	}
	_, err := l.read.ReadString('\n')
	return err
}

// TestIPv6Restart kills the daemon and starts it again: no connection by IPv6 notices, and no address is taken back.
func TestIPv6Restart(t *testing.T) {
	t.Parallel()
	h, b, d := house6(t, true, DefaultConfig)
	c := held(t, d)
	prefix := h.Lines[0].Delegated()[0]
	before := d.Preferred6(prefix)
	var stop, lost, made atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for stop.Load() == 0 {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			o, err := d.Open(ctx, Only6)
			cancel()
			made.Add(1)
			if err == nil && h.LineOf(o.From) == "fibre" {
				continue
			}
			t.Logf("a new connection after %s: %+v, %v", o.Took, o, err)
			lost.Add(1)
		}
	}()
	for _, end := range []func() error{b.Stop, b.Kill} {
		must(t, end())
		must(t, c.speak())
		must(t, b.Restart(t.Context()))
		for until := time.Now().Add(4 * time.Second); time.Now().Before(until); {
			must(t, c.speak())
			if got := d.Preferred6(prefix); got != before {
				t.Fatalf("the laptop's address was %s, and is %s", before, got)
			}
			time.Sleep(look)
		}
		await(t, b, "both lines are up", on("fibre"))
	}
	stop.Store(1)
	<-done
	if lost.Load() != 0 || made.Load() == 0 {
		t.Errorf("%d of %d new connections failed, or took another line", lost.Load(), made.Load())
	}
	if got := h.Lines[0].Delegated(); len(got) != 1 || got[0] != prefix {
		t.Errorf("delegated is now %v, before it was %v", got, prefix)
	}
}

// TestIPv6Renumbered has the provider change the house's prefix overnight, without a word.
func TestIPv6Renumbered(t *testing.T) {
	t.Parallel()
	h, b, d := house6(t, false, DefaultConfig)
	old := h.Lines[0].Delegated()[0]
	start := time.Now()
	must(t, h.Renumber6(t.Context(), "fibre", "2001:db8:d::/48"))
	awaitEvent(t, b, start, "fibre has a new IPv6 prefix: 2001:db8:d")
	awaitOpen(t, h, d, "fibre")
	t.Logf("new connections work %d ms after the change", time.Since(start).Milliseconds())
	if got := d.Preferred6(old); got.IsValid() {
		t.Errorf("the laptop still uses %s", got)
	}
}

// TestIPv6FailsAlone has IPv6 end at the provider while IPv4 works: who can goes by IPv4, on the same line.
func TestIPv6FailsAlone(t *testing.T) {
	t.Parallel()
	h, b, d := house6(t, true, DefaultConfig)
	c := held(t, d)
	start := time.Now()
	must(t, h.Blackhole6("fibre", Beyond))
	awaitEvent(t, b, start, "IPv6 does not work on fibre: no answer beyond the ISP")
	t.Logf("said %d ms after it", time.Since(start).Milliseconds())
	if _, err := c.read.ReadByte(); !errors.Is(err, syscall.ECONNRESET) { // who only listens is told, too
		t.Errorf("a connection by IPv6 that says nothing: %v, want a reset", err)
	}
	t.Logf("its connections are told %d ms after it", time.Since(start).Milliseconds())
	eventually(t, "a program that tries one after the other has a connection by IPv4", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		o, err := d.Open(ctx, InTurn)
		return err == nil && o.From.Is4()
	})
	if s, err := b.Status(t.Context()); err != nil || s.Active() != "fibre" || !s.All("up") {
		t.Errorf("status %+v, %v", s, err)
	}
	must(t, h.Heal("fibre"))
	awaitEvent(t, b, start, "IPv6 works on fibre again")
	awaitOpen(t, h, d, "fibre")
}

// TestIPv6Translated has a house that keeps its own network: a switch changes no address in it.
func TestIPv6Translated(t *testing.T) {
	t.Parallel()
	const own = "fd6c:7a1e:90b3::/64"
	config := strings.Replace(DefaultConfig, "address   = \"192.168.1.1/24\"\n", "address   = \"192.168.1.1/24\"\nipv6      = \"translate\"\nprefix    = \""+own+"\"\n", 1)
	h, b, d := home(t, tagged6(true), config)
	await(t, b, "both lines are up", on("fibre"))
	uses := func(line string) {
		t.Helper()
		var from netip.Addr
		for end := time.Now().Add(20 * time.Second); h.LineOf(from) != line; time.Sleep(look) {
			if time.Now().After(end) {
				t.Fatalf("not within 20 s: IPv6 leaves by %s; the Internet sees %s", line, from)
			}
			from, _ = d.Seen6(t.Context())
		}
	}
	uses("fibre")
	eventually(t, "the mobile line has a prefix", func() bool { return len(h.Lines[1].Delegated()) > 0 })
	mine := d.Preferred6(netip.MustParsePrefix(own))
	addresses, err := d.Addresses6()
	must(t, err)
	start := time.Now()
	must(t, h.Blackhole("fibre", Beyond))
	uses("lte")
	t.Logf("a new connection works %d ms after the black hole", time.Since(start).Milliseconds())
	if got := d.Preferred6(netip.MustParsePrefix(own)); !mine.IsValid() || got != mine {
		t.Errorf("the laptop's address was %s, and is %s", mine, got)
	}
	for _, a := range addresses {
		if strings.HasPrefix(a.Address.String(), "2001:db8:") {
			t.Errorf("the laptop has an address of a provider: %s", a.Address)
		}
	}
	for _, l := range h.Lines {
		if n, err := l.Foreign6(); err != nil || n != 0 {
			t.Errorf("%s has seen %d foreign packets, %v", l.Name, n, err)
		}
	}
}
