package health

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// row puts real routers in a row behind wan0: hop n is 10.0.n.1 towards the house, and the last one has farAddr.
func row(t testing.TB, n int) []*sandbox.Namespace {
	t.Helper()
	var all []*sandbox.Namespace
	ip(t, "link add wan0 type veth peer name in")
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", "wan0").Run() }) // it may have gone with its other end
	ip(t, "addr add 10.0.1.2/24 dev wan0")
	ip(t, "link set wan0 up")
	ip(t, "route add "+farAddr+" via 10.0.1.1 dev wan0")
	for hop := 1; hop <= n; hop++ {
		ns, err := sandbox.Add(fmt.Sprintf("row-%s-%d", t.Name(), hop))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ns.Remove() })
		if hop == 1 {
			ip(t, "link set in netns "+ns.Name)
		} else {
			inside(t, all[hop-2], "ip link add out type veth peer name in netns "+ns.Name)
			inside(t, all[hop-2], fmt.Sprintf("ip addr add 10.0.%d.2/24 dev out", hop))
			inside(t, all[hop-2], "ip link set out up")
			inside(t, all[hop-2], fmt.Sprintf("ip route add %s via 10.0.%d.1", farAddr, hop))
		}
		inside(t, ns, "ip link set in up")
		inside(t, ns, fmt.Sprintf("ip addr add 10.0.%d.1/24 dev in", hop))
		inside(t, ns, "sysctl -q net.ipv4.ip_forward=1")
		if hop > 1 {
			inside(t, ns, fmt.Sprintf("ip route replace 10.0.0.0/16 via 10.0.%d.2", hop))
		}
		all = append(all, ns)
	}
	inside(t, all[n-1], "ip addr add "+farAddr+"/32 dev lo")
	return all
}

func (t Traced) addresses() []string {
	var all []string
	for _, h := range t.Hops {
		all = append(all, fmt.Sprint(h.Distance, " ", h.Address))
	}
	return all
}

func TestTraceAlongRealRouters(t *testing.T) {
	routers := row(t, 4)
	path, target := Path{Device: "wan0"}, netip.MustParseAddr(farAddr)
	drop := func(hop int, rule string) func() {
		return func() {
			if _, err := routers[hop-1].Feed("nft -f -", "table ip broken { chain in { type filter hook prerouting priority 0; "+rule+"; }; chain out { type filter hook output priority 0; }; }"); err != nil {
				t.Fatal(err)
			}
		}
	}
	mend := func(hop int) func() { return func() { inside(t, routers[hop-1], "nft delete table ip broken") } }
	const short = 500 * time.Millisecond // who answers does so at once
	all := []string{"1 10.0.1.1", "2 10.0.2.1", "3 10.0.3.1", "4 " + farAddr}
	for _, test := range []struct {
		name           string
		break_         func()
		mend           func()
		want           []string
		reached        bool
		sent           int
		patience, most time.Duration
	}{
		{"all well", func() {}, func() {}, all, true, 8 * 36, 0, time.Second},
		{"the target is dead", drop(4, "drop"), mend(4), all[:3], false, 0, 0, traceFor + 500*time.Millisecond},
		{"nothing behind the second router", drop(3, "drop"), mend(3), all[:2], false, 0, short, time.Second},
		{"the second router answers nobody, but forwards", func() {
			if _, err := routers[1].Feed("nft -f -", "table ip broken { chain out { type filter hook output priority 0; drop; }; }"); err != nil {
				t.Fatal(err)
			}
		}, mend(2), []string{all[0], all[2], all[3]}, true, 0, short, time.Second},
		{"the second router refuses", func() { inside(t, routers[1], "ip route replace unreachable "+farAddr) },
			func() {
				inside(t, routers[1], "ip route del unreachable "+farAddr)
				inside(t, routers[1], "ip route replace "+farAddr+" via 10.0.3.1")
			}, all[:2], false, 8 * 36, 0, time.Second},
		{"nobody on the link", func() { inside(t, routers[0], "ip link set in down") }, func() {
			inside(t, routers[0], "ip link set in up")
			inside(t, routers[0], "ip route replace "+farAddr+" via 10.0.2.1")
		}, nil, false, 0, short, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.break_()
			defer test.mend()
			ctx := t.Context()
			if test.patience > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, test.patience)
				defer cancel()
			}
			began := time.Now()
			got, err := Trace(ctx, path, target)
			took := time.Since(began)
			if err != nil && test.want != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.addresses(), test.want) || got.Reached != test.reached {
				t.Errorf("got %q, reached: %t; want %q, %t (%v)", got.addresses(), got.Reached, test.want, test.reached, err)
			}
			if took > test.most {
				t.Errorf("took %s, want at most %s", took, test.most)
			}
			if test.sent > 0 && got.Sent != test.sent || got.Sent > traceRounds*TraceHops*36 {
				t.Errorf("sent %d bytes, want %d", got.Sent, test.sent)
			}
			for _, h := range got.Hops {
				if h.RTT <= 0 || h.RTT > time.Second {
					t.Errorf("hop %d after %s", h.Distance, h.RTT)
				}
			}
		})
	}
}

// Two lines lead to the same target: a trace goes along its own only.
func TestTraceDoesNotLeaveByTheOtherLine(t *testing.T) {
	wire(t)
	got, err := Trace(t.Context(), Path{Device: "wan1"}, netip.MustParseAddr(farAddr))
	if err != nil || !slices.Equal(got.addresses(), []string{"1 " + farAddr}) {
		t.Fatalf("got %q, %v", got.addresses(), err)
	}
	ip(t, "link set wan1 down")
	if got, err = Trace(t.Context(), Path{Device: "wan1"}, netip.MustParseAddr(farAddr)); err == nil || len(got.Hops) > 0 {
		t.Errorf("a line that is down leads to %q, %v", got.addresses(), err)
	}
}

func TestTraceIPv6(t *testing.T) {
	wire(t)
	var got Traced
	var err error
	for limit := time.Now().Add(5 * time.Second); !got.Reached && time.Now().Before(limit); { // a new address works a moment later
		got, err = Trace(t.Context(), Path{Device: "wan0"}, netip.MustParseAddr(far6))
	}
	if err != nil || !got.Reached || !slices.Equal(got.addresses(), []string{"1 " + far6}) {
		t.Errorf("got %q, %v", got.addresses(), err)
	}
}

func TestATraceEndsWithItsContext(t *testing.T) {
	row(t, 1)
	ip(t, "route replace "+farAddr+" via 10.0.1.9 dev wan0")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if got, err := Trace(ctx, Path{Device: "wan0"}, netip.MustParseAddr(farAddr)); len(got.Hops) > 0 || time.Since(began) > time.Second {
		t.Errorf("got %q, %v after %s", got.addresses(), err, time.Since(began))
	}
}
