package kernel

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/twinpath/twinpath/router"
	"golang.org/x/sys/unix"
)

// watching runs Watch in the box until the test ends. The channel holds one "look again".
func (b *box) watching() (look <-chan struct{}, calls *atomic.Int64) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	news := make(chan struct{}, 1)
	calls = new(atomic.Int64)
	changed := func() {
		calls.Add(1)
		select {
		case news <- struct{}{}:
		default:
		}
	}
	ended := make(chan error, 1)
	go func() {
		ended <- b.Do(func() error { return b.kernel.Watch(ctx, changed) })
	}()
	b.t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				b.t.Errorf("Watch ended with %v, want nil", err)
			}
		case <-time.After(5 * time.Second):
			b.t.Error("Watch does not end with its context")
		}
	})
	b.await(news) // subscribed
	return news, calls
}

func (b *box) await(news <-chan struct{}) {
	b.t.Helper()
	select {
	case <-news:
	case <-time.After(5 * time.Second):
		b.t.Fatal("nobody said that anything changed")
	}
}

func TestRestoresWhatSomeoneRemoves(t *testing.T) {
	b := newBox(t)
	p := plan([]line{fibre, cable}, 1)
	b.apply(p)
	full := b.show()
	look, _ := b.watching()
	for _, c := range []struct{ command, restored string }{
		{"ip route del default via 203.0.113.1 table 20102", "default via 203.0.113.1 dev wan1 table 20102 src 203.0.113.2 mtu 1492"},
		{"ip route del default metric 1", "default via 198.51.100.1 dev wan0 table main metric 1"},
		{"ip route flush table 20101", "unreachable default table 20101 metric 2147483647"},
		{"ip -6 route flush table 20101", "::/0 via 2001:db8:1::1 dev wan0 table 20101"},
		{"ip addr del 198.51.100.2/24 dev wan0", "198.51.100.2/24 dev wan0"},
		{"ip -6 addr del 2001:db8:1::2/64 dev wan0", "2001:db8:1::2/64 dev wan0"},
		{"ip rule del priority 20102", "rule 20102: from all fwmark 0x200/0xff00 lookup 20102"},
		{"nft delete table inet twinpath", "table inet twinpath"},
		{"nft flush ruleset", "table inet twinpath"},
		{"ip -6 rule del priority 20100", "-6 rule 20100: from all lookup 254 suppress_prefixlength 0"},
	} {
		b.drain(look)
		start := time.Now()
		b.must(c.command)
		b.await(look)
		done := b.apply(p)
		took := time.Since(start)
		if !strings.Contains(strings.Join(done.Restored, "\n")+"\n", c.restored+"\n") {
			t.Errorf("%s: restored %q, want also %q", c.command, done.Restored, c.restored)
		}
		if d := difference(b.show(), full); d != "" {
			t.Errorf("%s: not restored:\n%s", c.command, d)
		}
		t.Logf("%-50s restored %.1f ms after the command was started", c.command, float64(took.Microseconds())/1000)
	}
}

// drain makes sure that the next news is of something that happens afterwards.
func (b *box) drain(look <-chan struct{}) {
	for {
		select {
		case <-look:
		case <-time.After(20 * time.Millisecond):
			return
		}
	}
}

func TestWatchSeesNftables(t *testing.T) {
	b := newBox(t)
	look, _ := b.watching()
	b.drain(look)
	b.must("nft add table inet other")
	b.await(look)
}

// The other router's connections come and go all the time: nobody has to look again for them.
func TestWatchLeavesOutTheConnectionsOfThePair(t *testing.T) {
	b := newBox(t)
	look, calls := b.watching()
	if _, err := b.Feed("nft -f -", "table inet "+divertTable+" { set kept4 { type ipv4_addr; }\n}\ntable inet other { set kept4 { type ipv4_addr; }\n}"); err != nil {
		t.Fatal(err)
	}
	b.drain(look)
	before := calls.Load()
	b.must("nft add element inet " + divertTable + " kept4 { 192.0.2.1, 192.0.2.2 }")
	b.must("nft delete element inet " + divertTable + " kept4 { 192.0.2.1 }")
	b.drain(look)
	if n := calls.Load() - before; n != 0 {
		t.Errorf("%d calls for connections of the pair", n)
	}
	b.must("nft add element inet other kept4 { 192.0.2.1 }")
	b.await(look)
	b.must("nft delete table inet " + divertTable)
	b.await(look)
}

func TestWatchSurvivesABurst(t *testing.T) {
	b := newBox(t)
	p := plan([]line{fibre, cable}, 1)
	b.apply(p)
	look, calls := b.watching()
	b.drain(look)
	before := calls.Load()
	var batch strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&batch, "route add 10.%d.%d.0/24 dev lan0\n", i/250, i%250)
	}
	if _, err := b.Feed("ip -batch -", batch.String()); err != nil {
		t.Fatal(err)
	}
	b.drain(look)
	t.Logf("%d calls for 6000 routes", calls.Load()-before)
	b.must("ip route del default metric 1")
	b.await(look)
	if done := b.apply(p); len(done.Restored) != 1 {
		t.Errorf("restored %q, want the default route", done.Restored)
	} else {
		t.Logf("applied beside 6000 foreign routes in %v", done.Took)
	}
}

func TestSwitchIsOneEvent(t *testing.T) {
	b := newBox(t)
	one, both, other := plan([]line{fibre, cable}, 1), plan([]line{fibre, cable}, 2, 1), plan([]line{fibre, cable}, 0, 1)
	b.apply(one)
	var c *netlink.Conn
	err := b.Do(func() (err error) {
		c, err = subscribe(source{unix.NETLINK_ROUTE, []uint32{unix.RTNLGRP_IPV4_ROUTE}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, p := range []struct {
		name string
		to   int
	}{{"single to multipath", 1}, {"multipath to single", 2}, {"single to single", 0}} {
		done := b.apply([]router.Plan{one, both, other}[p.to])
		if done.Changes != 1 {
			t.Errorf("%s: %d changes, want 1", p.name, done.Changes)
		}
		messages, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if len(messages) != 1 || messages[0].Header.Type != unix.RTM_NEWROUTE || messages[0].Header.Flags&netlink.Replace == 0 {
			t.Errorf("%s: the kernel told %+v, want one replacement", p.name, messages)
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if more, err := c.Receive(); err == nil {
		t.Errorf("more events than switches: %+v", more)
	}
}

func TestNoteRemembersLinksThatAreOff(t *testing.T) {
	for _, c := range []struct {
		kind  netlink.HeaderType
		flags uint32
		off   bool
	}{
		{unix.RTM_NEWLINK, unix.IFF_UP, false},
		{unix.RTM_NEWLINK, 0, true},
		{unix.RTM_DELLINK, unix.IFF_UP, true},
		{unix.RTM_NEWROUTE, 0, false},
	} {
		k := New(nil)
		body := make([]byte, unix.SizeofIfInfomsg)
		binary.NativeEndian.PutUint32(body[4:], 7)
		binary.NativeEndian.PutUint32(body[8:], c.flags)
		k.note(netlink.Message{Header: netlink.Header{Type: c.kind}, Data: body})
		if got := k.bounced()[7]; got != c.off {
			t.Errorf("message %d with flags %#x: off is %v, want %v", c.kind, c.flags, got, c.off)
		}
	}
}

// interrupted tells of the first line logged.
type interrupted struct {
	slog.Handler
	told chan struct{}
}

func (i interrupted) Enabled(context.Context, slog.Level) bool { return true }

func (i interrupted) Handle(context.Context, slog.Record) error {
	select {
	case i.told <- struct{}{}:
	default:
	}
	return nil
}

// TestWatchAfterLosingNews lets the buffer overflow behind a receiver that is busy for a while.
func TestWatchAfterLosingNews(t *testing.T) {
	b := newBox(t)
	log := interrupted{slog.DiscardHandler, make(chan struct{}, 1)}
	b.kernel.log = slog.New(log)
	b.must("ip link set lan0 up")
	ctx, cancel := context.WithCancel(context.Background())
	busy, free, news := make(chan struct{}, 1), make(chan struct{}), make(chan struct{}, 1)
	var calls atomic.Int64
	changed := func() {
		if calls.Add(1) == 2 {
			busy <- struct{}{}
			<-free
		}
		select {
		case news <- struct{}{}:
		default:
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- b.Do(func() error { return b.kernel.Watch(ctx, changed) }) }()
	b.await(news)
	b.must("ip route add 10.255.0.0/24 dev lan0")
	b.await(busy)
	var batch strings.Builder
	for i := range 60000 {
		fmt.Fprintf(&batch, "route add 10.%d.%d.0/24 dev lan0\n", i/250, i%250)
	}
	if _, err := b.Feed("ip -batch -", batch.String()); err != nil {
		t.Fatal(err)
	}
	close(free)
	b.await(log.told)
	b.await(news)
	// Subscribed again, it sees the next change.
	b.drain(news)
	for before := calls.Load(); calls.Load() == before; {
		b.must("nft add table inet other")
		b.must("nft delete table inet other")
		b.await(news)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Watch ended with %v, want nil", err)
	}
}
