package kernel

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/firewall"
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

// ration is a plan with wan0 metered.
func ration() router.Plan {
	p := plan([]line{fibre})
	p.Ruleset = firewall.Build(firewall.Policy{LAN: []string{"lan0"}, Subnets: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")},
		WANs: []firewall.WAN{{Name: "fibre", Device: "wan0", Mark: firewall.MarkOf(0), Alive: true, Metered: true}, {Name: "away", Mark: firewall.MarkOf(1), Metered: true}}})
	return p
}

func (b *box) metered() (all map[string]router.Traffic) {
	b.t.Helper()
	err := b.Do(func() (err error) {
		all, err = b.kernel.Metered()
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func TestMetered(t *testing.T) {
	b := newBox(t)
	if all := b.metered(); len(all) > 0 {
		t.Errorf("before the first plan: %v", all)
	}
	b.apply(ration())
	before := b.metered()
	if away, there := before["away"]; !there || away != (router.Traffic{}) || len(before) != 2 {
		t.Errorf("of a line whose interface is away: %v", before)
	}
	const packet = 20 + 8 + 100 // headers of IP and UDP
	for range 10 {
		if err := b.Do(func() error {
			c, err := net.Dial("udp", "198.51.100.1:9")
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write(make([]byte, 100))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.metered()["fibre"].Tx - before["fibre"].Tx; got < 10*packet || got > 10*packet+500 {
		t.Errorf("this router's own %d bytes are counted as %d", 10*packet, got)
	}
	b.must("nft delete table inet twinpath")
	if all := b.metered(); len(all) > 0 {
		t.Errorf("without our table: %v", all)
	}
	b.apply(plan([]line{fibre}))
	if all := b.metered(); len(all) > 0 {
		t.Errorf("without a metered line: %v", all)
	}
}

func BenchmarkMetered(b *testing.B) {
	box := newBox(b)
	box.apply(ration())
	b.ReportAllocs()
	_ = box.Do(func() error {
		for b.Loop() {
			if _, err := box.kernel.Metered(); err != nil {
				return err
			}
		}
		return nil
	})
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
