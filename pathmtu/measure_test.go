package pathmtu

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/sandbox"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Tests(m.Run)) }

// road is this machine, a router in the middle, and two hosts at its end: one address of each family on either.
type road struct {
	t        *testing.T
	mid, far *sandbox.Namespace
}

var (
	hosts4 = []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")}
	hosts6 = []netip.Addr{netip.MustParseAddr("2001:db8:f::1"), netip.MustParseAddr("2001:db8:f::2")}
)

func newRoad(t *testing.T) *road {
	t.Helper()
	r := &road{t: t}
	for name, ns := range map[string]**sandbox.Namespace{"mid": &r.mid, "far": &r.far} {
		var err error
		if *ns, err = sandbox.Add(name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = (*ns).Remove() })
		r.in(*ns, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0")
	}
	r.here("ip link add wan0 type veth peer name near netns mid")
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", "wan0").Run() }) // before the namespaces, with which it would go
	r.here("ip addr add 192.0.2.2/24 dev wan0", "ip addr add 2001:db8:1::2/64 dev wan0 nodad", "ip link set wan0 up",
		"ip route add 198.51.100.0/24 via 192.0.2.1", "ip -6 route add 2001:db8:f::/64 via 2001:db8:1::1")
	r.in(r.mid, "ip addr add 192.0.2.1/24 dev near", "ip addr add 2001:db8:1::1/64 dev near nodad", "ip link set near up",
		"ip link add out type veth peer name in netns far", "ip addr add 203.0.113.1/30 dev out", "ip addr add 2001:db8:2::1/64 dev out nodad",
		"ip link set out up", "ip route add 198.51.100.0/24 via 203.0.113.2", "ip -6 route add 2001:db8:f::/64 via 2001:db8:2::2",
		"nft add table inet hole", "nft add chain inet hole output { type filter hook output priority 0 ; }")
	r.in(r.far, "ip addr add 203.0.113.2/30 dev in", "ip addr add 2001:db8:2::2/64 dev in nodad", "ip link set in up",
		"ip route add default via 203.0.113.1", "ip -6 route add default via 2001:db8:2::1",
		"nft add table inet shy", "nft add chain inet shy input { type filter hook input priority 0 ; }")
	for n := range hosts4 {
		r.in(r.far, fmt.Sprintf("ip addr add %s/32 dev lo", hosts4[n]), fmt.Sprintf("ip addr add %s/128 dev lo nodad", hosts6[n]))
	}
	for limit := time.Now().Add(5 * time.Second); exec.Command("ping", "-c1", "-W1", hosts6[0].String()).Run() != nil; { // link-local addresses are tentative at first
		if time.Now().After(limit) {
			t.Fatal("the road leads nowhere")
		}
	}
	return r
}

func (r *road) here(lines ...string) {
	r.t.Helper()
	for _, line := range lines {
		if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
			r.t.Fatalf("%s: %v: %s", line, err, out)
		}
	}
}

func (r *road) in(ns *sandbox.Namespace, lines ...string) {
	r.t.Helper()
	for _, line := range lines {
		if _, err := ns.Run(line); err != nil {
			r.t.Fatal(err)
		}
	}
}

// narrow has the way behind the router carry so many bytes; silent keeps the router from saying so.
func (r *road) narrow(bytes int, silent bool) {
	r.t.Helper()
	r.in(r.mid, fmt.Sprintf("ip link set out mtu %d", bytes), "nft flush chain inet hole output")
	r.in(r.far, fmt.Sprintf("ip link set in mtu %d", bytes))
	if silent {
		r.in(r.mid, "nft add rule inet hole output icmp type destination-unreachable drop", "nft add rule inet hole output icmpv6 type packet-too-big drop")
	}
}

// dull has hosts answer no packet of more than so many bytes; 0: they answer all.
func (r *road) dull(bytes int, hosts ...netip.Addr) {
	r.t.Helper()
	r.in(r.far, "nft flush chain inet shy input")
	for _, a := range hosts {
		family := "ip6"
		if a.Is4() {
			family = "ip"
		}
		if bytes > 0 {
			r.in(r.far, fmt.Sprintf("nft add rule inet shy input %s daddr %s meta length > %d drop", family, a, bytes))
		}
	}
}

func onWAN(_, _ string, c syscall.RawConn) error {
	var err error
	if outer := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), "wan0") }); outer != nil {
		return outer
	}
	return err
}

// measure searches and checks the bounds that are promised.
func (r *road) measure(targets []netip.Addr, guess int) (Found, error) {
	r.t.Helper()
	began := time.Now()
	found, err := Measure(r.t.Context(), Line{Control: onWAN, Targets: targets, RTT: time.Millisecond, Most: 1500, Guess: guess})
	took := time.Since(began)
	r.t.Logf("%s: %+v in %s, %v", targets[0], found, took.Round(time.Millisecond), err)
	if took > limit || found.Sent > most {
		r.t.Errorf("%d packets in %s, want %d in %s at most", found.Sent, took, most, limit)
	}
	return found, err
}

func TestMeasure(t *testing.T) {
	r := newRoad(t)
	for _, c := range []struct {
		bytes  int
		silent bool
		shy    int // the largest packet that the first target answers; 0: any
		guess  int
		want   Found // without Sent: any
	}{
		{1500, false, 0, 0, Found{MTU: 1500, Sent: 1}},
		{1400, false, 0, 0, Found{MTU: 1400, Sent: 2}},
		{1500, false, 0, 0, Found{MTU: 1500, Sent: 1}}, // whatever the kernel remembers of the path
		{1400, true, 0, 0, Found{MTU: 1400, Hole: true}},
		{1400, true, 0, 1400, Found{MTU: 1400, Hole: true, Sent: 12}},
		{1500, false, 200, 0, Found{MTU: 1500}},
		{1400, true, 200, 0, Found{MTU: 1400, Hole: true}},
	} {
		r.narrow(c.bytes, c.silent)
		r.dull(c.shy, hosts4[0], hosts6[0])
		var both sync.WaitGroup
		for _, targets := range [][]netip.Addr{hosts4, hosts6} {
			both.Go(func() {
				found, err := r.measure(targets, c.guess)
				if c.want.Sent == 0 {
					found.Sent = 0
				}
				if err != nil || found != c.want {
					t.Errorf("%+v, to %s: %+v, %v", c, targets[0], found, err)
				}
			})
		}
		both.Wait()
	}
	r.dull(200, append(hosts4, hosts6...)...)
	for _, targets := range [][]netip.Addr{hosts4, hosts6} {
		if _, err := r.measure(targets, 0); !errors.Is(err, ErrSilent) {
			t.Errorf("nobody answers large pings: %v", err)
		}
	}
}

func TestANarrowPathOfIPv4(t *testing.T) {
	r := newRoad(t)
	r.narrow(1000, true)
	if found, err := r.measure(hosts4, 0); err != nil || found.MTU != 1000 || !found.Hole {
		t.Errorf("%+v, %v", found, err)
	}
	r.narrow(1000, false)
	if found, err := r.measure(hosts4, 0); err != nil || found.MTU != 1000 || found.Hole {
		t.Errorf("honest: %+v, %v", found, err)
	}
}

func TestMeasureEnds(t *testing.T) {
	r := newRoad(t)
	r.in(r.mid, "ip link set out down")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := Measure(ctx, Line{Control: onWAN, Targets: hosts4, Most: 1500}); !errors.Is(err, ErrLate) {
		t.Errorf("the time was up: %v", err)
	}
	r.here("ip link del wan0")
	_, err := Measure(t.Context(), Line{Control: onWAN, Targets: hosts4, Most: 1500})
	if err == nil || !strings.Contains(err.Error(), "open a ping socket") {
		t.Errorf("without an interface: %v", err)
	}
	if _, err := Measure(t.Context(), Line{}); !errors.Is(err, ErrSilent) {
		t.Errorf("without a target: %v", err)
	}
}
