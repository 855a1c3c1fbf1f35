package kernel

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/router"
)

const tryCake = "tc qdisc add dev wan1 root cake bandwidth 1gbit"

// shaped is a box whose wan0 is kept below 2 Mbit/s up and 4 Mbit/s down.
func shaped(t *testing.T) (*box, router.Plan) {
	b := newBox(t)
	needs(t, b, "cake", tryCake)
	b.must("tc qdisc del dev wan1 root")
	p := router.Plan{Links: []string{"wan0", "wan1"}, Queues: []router.Queue{{Device: "wan0", Up: 2e6, Down: 4e6}}}
	b.apply(p)
	return b, p
}

func (b *box) queues() string {
	b.t.Helper()
	return b.must("tc qdisc show") + b.must("ip -br link show type ifb")
}

func TestALineIsKeptBelowItsRate(t *testing.T) {
	b, p := shaped(t)
	for _, want := range []string{
		"qdisc cake 7470: dev wan0 root refcnt", "bandwidth 2Mbit diffserv3", "qdisc ingress ffff: dev wan0",
		"qdisc cake 7470: dev ifb-wan0 root", "bandwidth 4Mbit besteffort triple-isolate nat nowash ingress",
	} {
		if got := b.queues(); !strings.Contains(got, want) {
			t.Errorf("there is no %q:\n%s", want, got)
		}
	}
	b.settled(p)
	p.Queues[0].Up, p.Queues[0].Down = 3e6, 5e6
	if done := b.apply(p); done.Changes != 2 {
		t.Errorf("another rate made %d changes, want 2", done.Changes)
	}
	b.kernel = New(b.kernel.log)
	b.settled(p)
	p.Queues[0].Down = 0
	b.apply(p)
	if got := b.queues(); strings.Contains(got, "ifb") || strings.Contains(got, "ingress") || !strings.Contains(got, "bandwidth 3Mbit") {
		t.Errorf("only what leaves is to be queued:\n%s", got)
	}
	p.Queues = nil
	b.apply(p)
	if got := b.queues(); strings.Contains(got, "cake") {
		t.Errorf("a queue is left:\n%s", got)
	}
	b.settled(p)
}

func TestQueuesOfAnEarlierRunGo(t *testing.T) {
	b, p := shaped(t)
	b.kernel = New(b.kernel.log)
	p.Queues = nil
	b.apply(p)
	if got := b.queues(); strings.Contains(got, "cake") || strings.Contains(got, "ifb") || strings.Contains(got, "ingress") {
		t.Errorf("a queue is left:\n%s", got)
	}
}

func TestCleanupTakesQueuesAway(t *testing.T) {
	b, _ := shaped(t)
	b.kernel = New(b.kernel.log)
	if err := b.Do(b.kernel.Cleanup); err != nil {
		t.Fatal(err)
	}
	if got := b.queues(); strings.Contains(got, "cake") || strings.Contains(got, "ifb") || strings.Contains(got, "ingress") {
		t.Errorf("a queue is left:\n%s", got)
	}
}

func TestQueuesOfOthersStay(t *testing.T) {
	b, p := shaped(t)
	b.must("tc qdisc add dev wan1 root handle 1: fq_codel limit 77")
	b.must("tc qdisc add dev wan1 clsact")
	b.must("tc filter add dev wan1 ingress protocol ip pref 9 matchall action pass")
	before := b.must("tc qdisc show dev wan1") + b.must("tc filter show dev wan1 ingress")
	p.Queues = append(p.Queues, router.Queue{Device: "wan1", Up: 2e6, Down: 4e6})
	b.apply(p) // without an error
	if after := b.must("tc qdisc show dev wan1") + b.must("tc filter show dev wan1 ingress"); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
}

// 250 kB take a second up at 2 Mbit/s, and half of it down at 4 Mbit/s. The queue lets a burst through at first.
func TestTheRateHolds(t *testing.T) {
	b, _ := shaped(t)
	far := &sandbox.Namespace{Name: "far" + b.Name[1:]}
	b.must("ip addr add 203.0.113.2/24 dev wan0")
	b.must("ip netns exec " + far.Name + " ip addr add 203.0.113.1/24 dev wan0")
	b.must("ping -c 1 -W 5 203.0.113.1")
	if took := carried(t, b.Namespace, far, "203.0.113.1:9"); took < 700*time.Millisecond || took > 5*time.Second {
		t.Errorf("250 kB up took %v, want about 1 s", took)
	}
	if took := carried(t, far, b.Namespace, "203.0.113.2:9"); took < 350*time.Millisecond || took > 5*time.Second {
		t.Errorf("250 kB down took %v, want about half a second", took)
	}
}

// carried is how long 250 kB take from one namespace to another, to the last byte that arrives.
func carried(t *testing.T, from, to *sandbox.Namespace, address string) time.Duration {
	t.Helper()
	const size, patience = 250_000, 20 * time.Second
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var server net.Listener
	var out net.Conn
	must(to.Do(func() (err error) { server, err = net.Listen("tcp4", address); return err }))
	defer server.Close()
	must(from.Do(func() (err error) { out, err = net.Dial("tcp4", address); return err }))
	defer out.Close()
	in, err := server.Accept()
	must(err)
	defer in.Close()
	must(in.SetDeadline(time.Now().Add(patience)))
	must(out.SetDeadline(time.Now().Add(patience)))
	start := time.Now()
	go func() { _, _ = out.Write(make([]byte, size)) }() // the reader notices
	_, err = io.CopyN(io.Discard, in, size)
	must(err)
	return time.Since(start)
}
