package kernel

import (
	"strings"
	"testing"

	"github.com/twinpath/twinpath/router"
)

func TestCounters(t *testing.T) {
	b := newBox(t)
	count := func() (c router.Counters) {
		t.Helper()
		if err := b.Do(func() error { c = b.kernel.Counters(); return nil }); err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := count()
	for _, name := range []string{"lo", "lan0", "wan0", "wan1"} {
		if _, there := before.Traffic[name]; !there {
			t.Errorf("no counters of %s: %v", name, before.Traffic)
		}
	}
	b.apply(plan([]line{fibre}))
	b.must("ip link set wan1 up")
	b.must("ip address add 192.0.2.77/24 dev wan1")
	_, _ = b.Run("ping -c 1 -W 0.2 192.0.2.78") // nobody answers: the questions by ARP are counted
	b.fill(many(7, 0)...)
	after := count()
	if after.Traffic["wan1"].Tx <= before.Traffic["wan1"].Tx {
		t.Errorf("sent by wan1: %d, before %d", after.Traffic["wan1"].Tx, before.Traffic["wan1"].Tx)
	}
	if n := after.Flows - before.Flows; n < 7 || n > 20 {
		t.Errorf("%d more flows, want 7", n)
	}
}

const dev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        1       0    0    0    0     0       0          0
enp1s0:18446744073709551615 9 0 0 0 0 0 0 20 2 0 0 0 0 0 0
`

func TestReadTraffic(t *testing.T) {
	all, err := readTraffic(dev)
	if err != nil || len(all) != 2 || all["lo"] != (router.Traffic{Tx: 1}) || all["enp1s0"] != (router.Traffic{Rx: 18446744073709551615, Tx: 20}) {
		t.Errorf("%v, %v", all, err)
	}
	for _, broken := range []string{strings.Replace(dev, " 20 2 0", "", 1)[:len(dev)-30], strings.Replace(dev, "18446", "x", 1), strings.Replace(dev, " 20 ", " -1 ", 1)} {
		if _, err := readTraffic(broken); err == nil {
			t.Errorf("no error for\n%s", broken)
		}
	}
	if all, err := readTraffic(""); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func BenchmarkCounters(b *testing.B) {
	box := newBox(b)
	b.ReportAllocs()
	_ = box.Do(func() error {
		for b.Loop() {
			box.kernel.Counters()
		}
		return nil
	})
}
