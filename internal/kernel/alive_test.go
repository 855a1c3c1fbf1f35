package kernel

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/pair/pulse"
)

// beating is one router of a pair whose cables end in a switch, with a Pulse on it.
type beating struct {
	*box
	*pulse.Pulse
	name   string
	port   string // of the switch
	way    pulse.Way
	views  chan pulse.View
	cancel func()
}

// inside opens sockets in a namespace.
type inside struct{ *sandbox.Namespace }

func (n inside) Open(w pulse.Way) (wire pulse.Wire, prober pulse.Prober, err error) {
	err = n.Do(func() (err error) { wire, prober, err = Beats{}.Open(w); return err })
	return wire, prober, err
}

// newBeating returns a pair that lives, and its switch.
func newBeating(t testing.TB, beat time.Duration) (main, backup *beating, hub *box) {
	t.Helper()
	hub = newBox(t)
	hub.must("ip link add hub type bridge")
	hub.must("ip link set hub up")
	var both []*beating
	macs := [...]string{"02:00:00:00:78:02", "02:00:00:00:78:03"}
	for i, name := range []string{"main", "backup"} {
		r := &beating{box: newBox(t), name: name, port: "port" + name, views: make(chan pulse.View, 1000)}
		own, partner := netip.AddrFrom4([4]byte{192, 168, 78, byte(2 + i)}), netip.AddrFrom4([4]byte{192, 168, 78, byte(3 - i)})
		hub.must(fmt.Sprintf("ip link add %s type veth peer name pair0 netns %s", r.port, r.box.Name))
		hub.must(fmt.Sprintf("ip link set %s master hub up", r.port))
		r.must(fmt.Sprintf("ip address add %s/24 dev pair0", own))
		r.must(fmt.Sprintf("ip link set pair0 address %s up", macs[i]))
		r.way = pulse.Way{Device: "pair0", Own: own, Partner: partner, Port: 61112, MAC: macs[1-i]}
		both = append(both, r)
	}
	for i, r := range both {
		r.start(t, both[1-i].name, beat)
	}
	for _, r := range both {
		r.await(t, pulse.Alive, "")
	}
	return both[0], both[1], hub
}

func (r *beating) start(t testing.TB, partner string, beat time.Duration) {
	r.Pulse = pulse.New(inside{r.box.Namespace}, func(v pulse.View) { r.views <- v }, slog.New(slog.DiscardHandler))
	r.Use(r.way)
	r.Begin(pulse.Session{ID: 1, Router: partner, Beat: beat, Key: func(label string, size int) []byte {
		sum := sha256.Sum256([]byte("a secret of two boxes" + label))
		return sum[:size]
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.Run(ctx)
	}()
	r.cancel = func() { cancel(); <-ended }
	t.Cleanup(r.cancel)
}

// await waits for a view and returns when it came. Whoever is taken for dead on the way was taken so wrongly.
func (r *beating) await(t testing.TB, s pulse.State, reason string) time.Time {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case v := <-r.views:
			if v.State == s && v.Reason == reason {
				return time.Now()
			}
			if v.State == pulse.Gone {
				t.Fatalf("%s: %+v", r.name, v)
			}
		case <-late:
			t.Fatalf("%s does not become %s, %q", r.name, s, reason)
		}
	}
}

func (b *box) nft(text string) {
	b.t.Helper()
	if _, err := b.Feed("nft -f -", text); err != nil {
		b.t.Fatal(err)
	}
}

// TestPulseOfTwoBoxes takes from a router, one after the other: one direction, its program, the answers of its kernel but one kind, its power.
func TestPulseOfTwoBoxes(t *testing.T) {
	main, backup, hub := newBeating(t, 50*time.Millisecond)
	hub.nft("table bridge deaf { chain forward { type filter hook forward priority 0; iifname portmain udp dport 61112 drop; }; }")
	backup.await(t, pulse.Deaf, "the signs of life of main do not reach this router, though it answers")
	main.await(t, pulse.Deaf, "what this router sends does not reach backup")
	hub.must("nft delete table bridge deaf")
	backup.await(t, pulse.Alive, "")
	main.await(t, pulse.Alive, "")

	main.cancel()
	backup.End(false)
	backup.await(t, pulse.Alive, "main answers, but Twinpath there does not")
	main.nft("table inet quiet { chain input { type filter hook input priority 0; icmp type echo-request drop; }; }")
	backup.still(t, 3*time.Second) // ARP alone
	main.must("nft delete table inet quiet")
	main.must("ip link set pair0 arp off")
	backup.must("ip neighbour replace 192.168.78.2 lladdr " + backup.way.MAC + " dev pair0")
	main.must("ip neighbour replace 192.168.78.3 lladdr " + main.way.MAC + " dev pair0")
	backup.still(t, 3*time.Second) // echoes alone

	cut := time.Now()
	hub.must("ip link set portmain down")
	took := backup.await(t, pulse.Gone, "main gives no sign of life and answers nothing").Sub(cut)
	t.Logf("gone %s after the power cut, beats having been missing for long", took)
}

// still fails when anything changes within a time in which the other router is asked several times.
func (r *beating) still(t *testing.T, d time.Duration) {
	t.Helper()
	before := r.Counts().Asked
	select {
	case v := <-r.views:
		t.Fatalf("%s: %+v", r.name, v)
	case <-time.After(d):
	}
	if r.Counts().Asked == before {
		t.Errorf("nobody was asked within %s", d)
	}
}

// TestPowerCutOfTwoBoxes measures how soon a power cut is known, on real sockets.
func TestPowerCutOfTwoBoxes(t *testing.T) {
	_, backup, hub := newBeating(t, 50*time.Millisecond)
	cut := time.Now()
	hub.must("ip link set portmain down")
	took := backup.await(t, pulse.Gone, "main gives no sign of life and answers nothing").Sub(cut)
	t.Logf("gone %s after the power cut", took)
	if limit := 2 * time.Second; took > limit { // the machine of the test may be busy
		t.Errorf("gone %s after the power cut, limit %s", took, limit)
	}
	hub.must("ip link set portmain up")
	backup.await(t, pulse.Alive, "")
}

// TestOwnLinkIsOut pulls the router's own cable: it knows nothing of the other one then.
func TestOwnLinkIsOut(t *testing.T) {
	_, backup, hub := newBeating(t, 50*time.Millisecond)
	hub.must("ip link set portbackup down")
	backup.await(t, pulse.Unknown, "this router's own link to the house is or was down")
	hub.must("ip link set portbackup up")
	backup.await(t, pulse.Alive, "")
}

// BenchmarkBeats measures what beats cost: the processor time of one router for ten seconds of them, as a part of one core.
func BenchmarkBeats(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as in the daemon
	newBeating(b, 50*time.Millisecond)
	const span = 10 * time.Second
	for b.Loop() {
		before := processor(b)
		time.Sleep(span)
		b.ReportMetric(100*float64(processor(b)-before)/2/float64(span), "%core")
	}
	b.ReportMetric(0, "ns/op")
}

// processor is the processor time of this process so far.
func processor(tb testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
