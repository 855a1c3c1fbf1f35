package health

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
	"golang.org/x/net/dns/dnsmessage"
)

// The test process lives in a namespace of the sandbox and plays the router: wan0 leads to "far", where all targets
// are; wan1 leads to "other", where the same addresses exist but must never see a probe bound to wan0.
const (
	farAddr = "198.51.100.1"
	far6    = "2001:db8:1::1"
)

func ip(t testing.TB, line string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", line, err, out)
	}
}

func inside(t testing.TB, ns *sandbox.Namespace, line string) string {
	t.Helper()
	out, err := ns.Run(line)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wire makes wan0 and wan1 with a namespace behind each.
func wire(t testing.TB) (far, other *sandbox.Namespace) {
	t.Helper()
	far, other = behind(t, "wan0", "192.0.2"), behind(t, "wan1", "203.0.113")
	ip(t, "-6 addr add 2001:db8::2/64 dev wan0 nodad")
	inside(t, far, "ip -6 addr add 2001:db8::1/64 dev far nodad")
	inside(t, far, "ip -6 addr add "+far6+"/128 dev lo")
	ip(t, "-6 route add "+far6+" via 2001:db8::1 dev wan0")
	return far, other
}

func behind(t testing.TB, device, network string) *sandbox.Namespace {
	t.Helper()
	ns, err := sandbox.Add(strings.ToLower(strings.NewReplacer("/", "-").Replace(t.Name())) + "-" + device)
	if err != nil {
		t.Fatal(err)
	}
	ip(t, "link add "+device+" type veth peer name far netns "+ns.Name)
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", device).Run() })
	ip(t, "addr add "+network+".2/24 dev "+device)
	ip(t, "link set "+device+" up")
	inside(t, ns, "ip link set far up")
	inside(t, ns, "ip addr add "+network+".1/24 dev far")
	inside(t, ns, "ip addr add "+farAddr+"/32 dev lo")
	metric := " metric " + device[3:] + "0"
	ip(t, "route add "+farAddr+" via "+network+".1 dev "+device+metric)
	return ns
}

func listen(t testing.TB, ns *sandbox.Namespace, network, address string) (l net.Listener) {
	t.Helper()
	if err := ns.Do(func() (err error) { l, err = net.Listen(network, address); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func web(t testing.TB, ns *sandbox.Namespace, port string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>log in</html>") })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://login.example/?mac=02:00:00:00:00:01", http.StatusFound)
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	mux.HandleFunc("/login", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(511) })
	server := &http.Server{Handler: mux}
	l := listen(t, ns, "tcp", farAddr+":"+port)
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
}

// nameServer answers with the given code, and good.example with farAddr.
func nameServer(t testing.TB, ns *sandbox.Namespace, address string, code dnsmessage.RCode) {
	t.Helper()
	var conn net.PacketConn
	if err := ns.Do(func() (err error) { conn, err = net.ListenPacket("udp", address); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil {
				continue
			}
			m.Response, m.RCode, m.Additionals = true, code, nil
			if q := m.Questions[0]; q.Name.String() == "good.example." && q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(farAddr).As4()},
				}}
			} else if strings.Contains(q.Name.String(), "bad") {
				m.RCode = dnsmessage.RCodeNameError
			}
			if out, err := m.Pack(); err == nil {
				conn.WriteTo(out, from)
			}
		}
	}()
}

func prober(t testing.TB, path Path) *NetProber {
	t.Helper()
	p := NewProber(path)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestProbesOnTheRealKernel(t *testing.T) {
	far, _ := wire(t)
	web(t, far, "80")
	nameServer(t, far, farAddr+":53", dnsmessage.RCodeSuccess)
	nameServer(t, far, farAddr+":5301", dnsmessage.RCodeServerFailure)
	nameServer(t, far, farAddr+":5302", dnsmessage.RCodeRefused)
	p := prober(t, Path{Device: "wan0", DNS: func() []netip.AddrPort {
		return []netip.AddrPort{netip.MustParseAddrPort(farAddr + ":53")}
	}})
	inside(t, far, "ip route add unreachable 198.51.100.66")
	inside(t, far, "ip route add blackhole 198.51.100.77")
	inside(t, far, "sysctl -q net.ipv4.ip_forward=1")
	ip(t, "route add 198.51.100.64/27 via 192.0.2.1 dev wan0")
	page := "http://" + farAddr
	silence := context.DeadlineExceeded.Error()
	for _, test := range []struct {
		check Check
		want  string // a part of the error; empty: it answers
	}{
		{Check{Kind: Ping, Target: farAddr}, ""},
		{Check{Kind: Ping, Target: far6}, ""},
		{Check{Kind: Ping, Target: "good.example"}, ""},
		{Check{Kind: Ping, Target: "bad.example"}, "bad.example: name does not resolve"},
		{Check{Kind: Ping, Target: "198.51.100.66"}, "192.0.2.1 says: destination unreachable"},
		{Check{Kind: Ping, Target: "198.51.100.77"}, silence},
		{Check{Kind: Ping, Target: "2001:db8:9::1"}, "network is unreachable"},
		{Check{Kind: TCP, Target: farAddr + ":80"}, ""},
		{Check{Kind: TCP, Target: "good.example:80"}, ""},
		{Check{Kind: TCP, Target: farAddr + ":81"}, "connection refused"},
		{Check{Kind: TCP, Target: "198.51.100.77:80"}, silence},
		{Check{Kind: HTTP, Target: page + "/204"}, ""},
		{Check{Kind: HTTP, Target: "http://good.example/204"}, ""},
		{Check{Kind: HTTP, Target: page + "/empty"}, ""},
		{Check{Kind: HTTP, Target: page + "/page", Status: 200}, ""},
		{Check{Kind: HTTP, Target: page + "/page"}, "a login page answers: a page instead of nothing"},
		{Check{Kind: HTTP, Target: page + "/moved"}, "a login page answers: redirected to http://login.example/"},
		{Check{Kind: HTTP, Target: page + "/login"}, "a login page answers: the network asks for a login"},
		{Check{Kind: HTTP, Target: page + "/broken"}, "status 503 instead of 204"},
		{Check{Kind: DNS, Target: farAddr}, ""},
		{Check{Kind: DNS, Target: farAddr + ":5301"}, "the name server answers: server failure"},
		{Check{Kind: DNS, Target: farAddr + ":5302"}, "the name server refuses to answer"},
		{Check{Kind: DNS, Target: farAddr + ":5303"}, "connection refused"},
		{Check{Target: farAddr}, "no way to probe none"},
	} {
		t.Run(test.check.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			defer cancel()
			rtt, err := p.Probe(ctx, test.check)
			switch {
			case test.want == "" && (err != nil || rtt <= 0 || rtt > 300*time.Millisecond):
				t.Errorf("got %v, %v, want an answer", rtt, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, %v, want %q", rtt, err, test.want)
			}
			if portal := strings.Contains(test.want, "login"); portal != errors.Is(err, ErrRedirected) {
				t.Errorf("errors.Is(%v, ErrRedirected) is %v", err, !portal)
			}
		})
	}
}

// The kernel's cheapest route to the target is by wan0; a prober of wan1 must reach the namespace behind wan1 all
// the same, and once wan1 leads nowhere it must not reach anything.
func TestProbesDoNotLeaveByTheOtherLine(t *testing.T) {
	far, other := wire(t)
	for _, ns := range []*sandbox.Namespace{far, other} {
		web(t, ns, "80")
		nameServer(t, ns, farAddr+":53", dnsmessage.RCodeSuccess)
	}
	var marked atomic.Int32
	p := prober(t, Path{Device: "wan1", Control: func(network, address string, c syscall.RawConn) error {
		marked.Add(1)
		return bind("wan1")(network, address, c)
	}, DNS: func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort(farAddr + ":53")} }})
	kinds := []Check{
		{Kind: Ping, Target: farAddr}, {Kind: TCP, Target: farAddr + ":80"},
		{Kind: HTTP, Target: "http://" + farAddr + "/204"}, {Kind: DNS, Target: farAddr},
	}
	probe := func(c Check) error {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := p.Probe(ctx, c)
		return err
	}
	quiet := firewalled(t, far)
	for _, c := range kinds {
		before := marked.Load()
		if err := probe(c); err != nil {
			t.Errorf("%v over wan1: %v", c, err)
		}
		if marked.Load() == before {
			t.Errorf("%v: its socket was not prepared", c)
		}
	}
	inside(t, other, "ip link set far down")
	kinds = append(kinds, Check{Kind: Ping, Target: "good.example"}, Check{Kind: TCP, Target: "good.example:80"})
	for _, c := range kinds {
		if err := probe(c); err == nil {
			t.Errorf("%v answers over wan1, which leads nowhere", c)
		}
	}
	if n := quiet(); n != "packets 0" {
		t.Errorf("probes left by wan0: %s", n)
	}
}

// firewalled counts the IPv4 packets that arrive in a namespace from its link.
func firewalled(t testing.TB, ns *sandbox.Namespace) func() string {
	t.Helper()
	if _, err := ns.Feed("nft -f -", `table ip seen { chain in { type filter hook prerouting priority 0; iifname "far" counter; }; }`); err != nil {
		t.Fatal(err)
	}
	return func() string {
		out := inside(t, ns, "nft list table ip seen")
		_, after, _ := strings.Cut(out, "counter ")
		packets, _, _ := strings.Cut(after, " bytes")
		return packets
	}
}

func TestPingSurvivesItsDevice(t *testing.T) {
	wire(t)
	p := prober(t, Path{Device: "wan0"})
	answers := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := p.Probe(ctx, Check{Kind: Ping, Target: farAddr})
		return err
	}
	if err := answers(); err != nil {
		t.Fatal(err)
	}
	ip(t, "link del wan0")
	if err := answers(); err == nil {
		t.Fatal("ping answers without its device")
	}
	behindAgain, err := sandbox.Add("again")
	if err != nil {
		t.Fatal(err)
	}
	ip(t, "link add wan0 type veth peer name far netns again")
	ip(t, "addr add 192.0.2.2/24 dev wan0")
	ip(t, "link set wan0 up")
	inside(t, behindAgain, "ip link set far up")
	inside(t, behindAgain, "ip addr add 192.0.2.1/24 dev far")
	inside(t, behindAgain, "ip addr add "+farAddr+"/32 dev far")
	ip(t, "route add "+farAddr+" dev wan0")
	deadline := time.Now().Add(5 * time.Second)
	for err := answers(); err != nil; err = answers() {
		if time.Now().After(deadline) {
			t.Fatalf("ping does not come back with its device: %v", err)
		}
		time.Sleep(20 * time.Millisecond) // an error may come at once, and then each turn would too
	}
}

// Only what carries our id may reach the socket: other programs ping, too.
func TestForeignEchoesWakeNobody(t *testing.T) {
	wire(t)
	for _, test := range []struct {
		family *family
		target string
	}{{echo4(), farAddr}, {echo6(), far6}} {
		listener := net.ListenConfig{Control: bind("wan0")}
		conn, err := listener.ListenPacket(t.Context(), test.family.network, test.family.any)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		const ours = 4711
		if err := test.family.filter(conn, ours); err != nil {
			t.Fatal(err)
		}
		to := &net.IPAddr{IP: net.ParseIP(test.target)}
		for _, id := range []uint16{1, ours - 1, ours, ours + 1} {
			if _, err := conn.WriteTo(test.family.request(id, id, 1), to); err != nil {
				t.Fatal(err)
			}
		}
		buffer := make([]byte, 1500)
		n, _, err := conn.ReadFrom(buffer)
		if err != nil {
			t.Fatal(err)
		}
		if m := test.family.parse(buffer[:n]); m.kind != echoed || m.id != ours || m.seq != ours || m.cookie != 1 {
			t.Errorf("%s: got %+v, want the answer to ours", test.target, m)
		}
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if n, _, err := conn.ReadFrom(buffer); err == nil {
			t.Errorf("%s: a foreign message came through: %x", test.target, buffer[:n])
		}
	}
}

func TestProberLeavesNoGoroutines(t *testing.T) {
	wire(t)
	before := runtime.NumGoroutine()
	for range 20 {
		p := NewProber(Path{Device: "wan0"})
		for _, target := range []string{farAddr, far6} {
			if _, err := p.Probe(t.Context(), Check{Kind: Ping, Target: target}); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Probe(t.Context(), Check{Kind: Ping, Target: farAddr}); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("a closed prober says %v", err)
		}
	}
	// One whose last word was heard may not have ended yet.
	for limit := time.Now().Add(time.Second); runtime.NumGoroutine() > before && time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

func TestDiagnose(t *testing.T) {
	far, _ := wire(t)
	web(t, far, "80")
	nameServer(t, far, farAddr+":53", dnsmessage.RCodeSuccess)
	inside(t, far, "ip addr add 198.51.100.2/32 dev lo")
	for _, route := range []string{"198.51.100.2", "198.51.100.77"} {
		ip(t, "route add "+route+" via 192.0.2.1 dev wan0")
	}
	ip(t, "route add prohibit 198.51.100.88")
	good, dead := netip.MustParseAddr(farAddr), netip.MustParseAddr("198.51.100.77")
	gateway, nobody := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.9")
	server := func(port uint16) []netip.AddrPort { return []netip.AddrPort{netip.AddrPortFrom(good, port)} }
	for _, test := range []struct {
		name          string
		path          DiagnosePath
		want          Fault
		clause, fault string
	}{
		{"well", DiagnosePath{Gateway: gateway, Targets: []netip.Addr{good}, Servers: server(53), Portal: "http://" + farAddr + "/204"},
			NoFault, "everything answers again", "nobody"},
		{"gateway silent", DiagnosePath{Gateway: nobody, GatewayAnswersUsually: true, Targets: []netip.Addr{dead}},
			FirstHop, "the ISP's first router does not answer", "the line or the modem"},
		{"gateway always silent", DiagnosePath{Gateway: nobody, Targets: []netip.Addr{dead}},
			Outside, "nothing on the Internet answers", "the ISP or the line"},
		{"outside", DiagnosePath{Gateway: gateway, GatewayAnswersUsually: true, Targets: []netip.Addr{dead}},
			Outside, "the ISP's first router answers, but nothing beyond it", "the ISP"},
		{"one target", DiagnosePath{Gateway: gateway, Targets: []netip.Addr{dead, good}}, Target, "some far targets do not answer, others do", "the targets"},
		{"resolver", DiagnosePath{Gateway: gateway, Targets: []netip.Addr{good}, Servers: server(54)}, Resolver,
			"the Internet answers, but the name server does not", "the ISP"},
		{"portal", DiagnosePath{Gateway: gateway, Targets: []netip.Addr{good}, Portal: "http://" + farAddr + "/moved"}, Portal,
			"a login page answers instead of the Internet", "the login or the contract"},
		{"forbidden", DiagnosePath{Gateway: gateway, Targets: []netip.Addr{netip.MustParseAddr("198.51.100.88")}}, Outside,
			"the ISP's first router answers, but nothing beyond it", "the ISP"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.path.Device = "wan0"
			began, before := time.Now(), runtime.NumGoroutine()
			d := Diagnose(t.Context(), test.path)
			if took := time.Since(began); took > 1500*time.Millisecond {
				t.Errorf("took %v, want at most a second and a little", took)
			}
			if d.Fault != test.want || d.Clause() != test.clause || d.Whose() != test.fault {
				t.Errorf("got %+v: %q, %q; want %v: %q, %q", d, d.Clause(), d.Whose(), test.want, test.clause, test.fault)
			}
			if n := runtime.NumGoroutine(); n > before+2 {
				t.Errorf("%d goroutines, %d before", n, before)
			}
		})
	}
}

func BenchmarkPing(b *testing.B) {
	wire(b)
	p := prober(b, Path{Device: "wan0"})
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	b.ReportAllocs()
	for b.Loop() {
		ctx, cancel := context.WithTimeout(b.Context(), time.Second)
		_, err := p.Probe(ctx, Check{Kind: Ping, Target: farAddr})
		cancel()
		if err != nil {
			b.Fatal(err)
		}
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	spent := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(spent)/float64(b.N), "cpu-ns/op")
}

// BenchmarkMonitor measures what watching costs at the default pace, once it has settled: two WANs with four checks each,
// for five seconds.
func BenchmarkMonitor(b *testing.B) {
	wire(b)
	c := Config{}
	for range 4 {
		c.Checks = append(c.Checks, Check{Kind: Ping, Target: farAddr})
	}
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	for _, device := range []string{"wan0", "wan1"} {
		m := &Monitor{Config: c, Prober: prober(b, Path{Device: device})}
		running.Go(func() { _ = m.Run(ctx) })
	}
	time.Sleep(2 * time.Second)
	for b.Loop() {
		var before, after syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
		time.Sleep(5 * time.Second)
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
		spent := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
		b.ReportMetric(float64(spent)/1e6/5, "cpu-ms/s")
		b.ReportMetric(float64(after.Nvcsw-before.Nvcsw)/5, "switches/s")
	}
	cancel()
	running.Wait()
}
