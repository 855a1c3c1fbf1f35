package kernel

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/ti-mo/conntrack"
	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/router"
	"golang.org/x/sys/unix"
)

// tcpFlow is the n-th masqueraded TCP flow of a house, out by a WAN of the box.
func tcpFlow(n int, mark firewall.Mark, left time.Duration, state uint8) conntrack.Flow {
	client := netip.AddrFrom4([4]byte{192, 168, 1, byte(10 + n%200)})
	server := netip.AddrFrom4([4]byte{192, 0, byte(n >> 16), byte(n >> 8)})
	f := conntrack.NewFlow(unix.IPPROTO_TCP, conntrack.StatusAssured|conntrack.StatusSeenReply|conntrack.StatusConfirmed,
		client, server, uint16(10000+n%50000), uint16(1000+n%256), uint32(left/time.Second), uint32(mark))
	f.TupleReply.IP.DestinationAddress = fibre.address.Addr()
	f.Status |= conntrack.StatusSrcNAT
	f.ProtoInfo.TCP = &conntrack.ProtoInfoTCP{State: state}
	return f
}

// fill puts flows into the box's conntrack table.
func (b *box) fill(flows ...conntrack.Flow) {
	b.t.Helper()
	err := b.Do(func() error {
		c, err := track()
		if err != nil {
			return err
		}
		defer c.Close()
		for i, f := range flows {
			if err := c.Create(f); err != nil {
				return fmt.Errorf("flow %d: %w", i, err)
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func many(n int, mark firewall.Mark) []conntrack.Flow {
	flows := make([]conntrack.Flow, n)
	for i := range flows {
		flows[i] = tcpFlow(i, mark, 5*24*time.Hour, tcpEstablished)
	}
	return flows
}

func (b *box) flows(mark firewall.Mark) (n int) {
	b.t.Helper()
	if err := b.Do(func() (err error) { n, err = b.kernel.Flows(mark); return err }); err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (b *box) vacate(v router.Vacate) (done router.Vacated, took time.Duration) {
	b.t.Helper()
	err := b.Do(func() (err error) {
		start := time.Now()
		done, err = b.kernel.Vacate(v)
		took = time.Since(start)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return done, took
}

func TestVacateEndsOnlyTheMark(t *testing.T) {
	b := newBox(t)
	b.apply(plan([]line{fibre, cable}, 1))
	first, second := firewall.MarkOf(0), firewall.MarkOf(1)
	for _, tell := range []bool{false, true} {
		b.fill(many(1000, first)...)
		other := many(1300, second)[1000:]
		if tell {
			other = nil // still there
		}
		b.fill(other...)
		done, took := b.vacate(router.Vacate{WAN: "fibre", Mark: first, Tell: tell})
		if done.Flows != 1000 {
			t.Errorf("tell %v: ended %d flows, want 1000", tell, done.Flows)
		}
		if tell && done.Told != 1000 {
			t.Errorf("told %d clients, want 1000", done.Told)
		}
		if gone, left := b.flows(first), b.flows(second); gone != 0 || left != 300 {
			t.Errorf("tell %v: %d flows of the WAN are left, and %d of the other one, want 0 and 300", tell, gone, left)
		}
		t.Logf("1,000 of 1,300 flows, tell %v: %v", tell, took)
	}
}

func TestVacateSparesTheIdle(t *testing.T) {
	b := newBox(t)
	mark, full := firewall.MarkOf(0), 5*24*time.Hour
	udp := conntrack.NewFlow(unix.IPPROTO_UDP, 0, netip.MustParseAddr("192.168.1.10"), netip.MustParseAddr("192.0.2.1"), 1, 2, 20, uint32(mark))
	idle := tcpFlow(1, mark, full-time.Hour, tcpEstablished)
	b.fill(
		tcpFlow(0, mark, full-time.Second, tcpEstablished), // spoke a second ago
		idle,
		tcpFlow(2, mark, 200*time.Second, tcpEstablished), // retransmits
		tcpFlow(3, mark, 100*time.Second, 1),              // waits for the first answer
		udp,
	)
	done, _ := b.vacate(router.Vacate{WAN: "fibre", Mark: mark, Idle: 30 * time.Second})
	if done.Flows != 4 || b.flows(mark) != 1 {
		t.Errorf("ended %d flows and left %d, want 4 and 1", done.Flows, b.flows(mark))
	}
	var left []conntrack.Flow
	err := b.Do(func() error {
		c, err := track()
		if err != nil {
			return err
		}
		defer c.Close()
		left, err = c.DumpFilter(marked(mark), nil) // Get never returns with mdlayher/netlink 1.11
		return err
	})
	if err != nil || len(left) != 1 || left[0].TupleOrig != idle.TupleOrig {
		t.Errorf("left are %v (%v), want the idle flow", left, err)
	}
}

func BenchmarkVacate(b *testing.B) {
	for _, n := range []int{1000, 100000} {
		for _, v := range []router.Vacate{{Tell: false}, {Tell: true}, {Idle: time.Second}} {
			b.Run(fmt.Sprintf("flows=%d/tell=%v/idle=%v", n, v.Tell, v.Idle), func(b *testing.B) {
				box := newBox(b)
				box.apply(plan([]line{fibre, cable}, 1))
				v.WAN, v.Mark = "fibre", firewall.MarkOf(0)
				flows := many(n, v.Mark)
				if v.Idle > 0 {
					for i := range flows[:n/10] {
						flows[i].Timeout -= 3600
					}
				}
				for range b.N {
					b.StopTimer()
					box.fill(flows...)
					b.StartTimer()
					box.vacate(v)
					b.StopTimer()
					box.vacate(router.Vacate{WAN: v.WAN, Mark: v.Mark})
					b.StartTimer()
				}
			})
		}
	}
}
